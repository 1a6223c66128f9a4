import { useSyncExternalStore } from 'react';
import { every, now } from './clock';

let tick = Math.floor(now() / 1000) * 1000;
const listeners = new Set<() => void>();
let stop: (() => void) | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  stop ??= every(1000, () => {
    tick = Math.floor(now() / 1000) * 1000;
    for (const one of listeners) one();
  });
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    stop?.();
    stop = undefined;
  };
}

/** The present, whole seconds: one timer for all the ages on a page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => tick);
}
