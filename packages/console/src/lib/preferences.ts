import { useSyncExternalStore } from 'react';

/** What a viewer chose for this browser. */
export interface Preferences {
  readonly theme: 'system' | 'light' | 'dark';
  readonly density: 'comfortable' | 'compact';
  /** Hidden columns by table. */
  readonly hiddenColumns: Readonly<Record<string, readonly string[]>>;
}

const key = 'millrace.preferences';
const defaults: Preferences = {
  theme: 'system',
  density: 'comfortable',
  hiddenColumns: { devices: ['gateway', 'firmware'] },
};
const listeners = new Set<() => void>();
const dark = window.matchMedia('(prefers-color-scheme: dark)');
let current = load();

function load(): Preferences {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Preferences>) };
  } catch {
    return defaults;
  }
}

function apply(): void {
  const theme = current.theme === 'system' ? (dark.matches ? 'dark' : 'light') : current.theme;
  document.documentElement.dataset.theme = theme;
  document.documentElement.dataset.density = current.density;
  for (const listener of listeners) listener();
}

/** Puts the stored choices on the page; called once before the first render. */
export function startPreferences(): void {
  dark.addEventListener('change', apply);
  apply();
}

/** Changes some choices and keeps them for the next visit. */
export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  try {
    localStorage.setItem(key, JSON.stringify(current));
  } catch {
    // A browser that refuses storage still honours the choice until the page is closed.
  }
  apply();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The viewer's choices, kept current. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, () => current);
}

/** The theme in effect: canvas drawings have to read their colours again when it changes. */
export function useTheme(): string {
  return useSyncExternalStore(subscribe, () => document.documentElement.dataset.theme ?? 'light');
}
