/** The page's only source of time and timers, so that what shows ages and what waits agree. */

/** Milliseconds since 1970 UTC. */
export function now(): number {
  // biome-ignore lint/complexity/useDateNow: the ambient clock is read here and nowhere else
  return new Date().getTime();
}

/** Runs `task` once after `ms`; the returned function cancels it. */
export function after(ms: number, task: () => void): () => void {
  const timer = window.setTimeout(task, ms);
  return () => window.clearTimeout(timer);
}

/** Runs `task` every `ms` until the returned function is called. */
export function every(ms: number, task: () => void): () => void {
  const timer = window.setInterval(task, ms);
  return () => window.clearInterval(timer);
}

/** Resolves after `ms`, or at once when the signal aborts. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const cancel = after(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    function stop() {
      cancel();
      resolve();
    }
    signal.addEventListener('abort', stop, { once: true });
  });
}
