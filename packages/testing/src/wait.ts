/** How often a condition is looked at, in milliseconds. */
const pollMs = 25;

/**
 * Waits until `probe` returns something other than undefined, null or false, and returns it. A throw counts as
 * "not yet", and its text is told when the time (default 15 s) runs out. For conditions of other processes and
 * the network only: inside one process, advance a clock instead.
 */
export async function waitFor<T>(
  probe: () => T | Promise<T>,
  options: { timeoutMs?: number; what?: string | (() => string) } = {},
): Promise<Exclude<T, undefined | null | false>> {
  const timeoutMs = options.timeoutMs ?? 15_000;
  const endMs = performance.now() + timeoutMs;
  let last = 'it never held';
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false)
        return value as Exclude<T, undefined | null | false>;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() > endMs) {
      const what = typeof options.what === 'function' ? options.what() : (options.what ?? 'a condition');
      throw new Error(`Waited ${timeoutMs} ms for ${what}: ${last}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/** Rejects with a sentence naming `what` when `promise` has not settled after `timeoutMs`. */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
