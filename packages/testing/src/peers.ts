/** Whether a foreign program or library that a test talks to is on this machine, and where. */
export interface Peer {
  readonly name: string;
  readonly available: boolean;
  /** The program to run (or the folder to use), absolute; '' when it is missing. */
  readonly path: string;
  /** Variables its process needs besides the test's own (PYTHONPATH for a Python library). */
  readonly env: Readonly<Record<string, string>>;
  /** Why it is missing, in one sentence; '' when it is there. */
  readonly why: string;
  readonly required: boolean;
}

interface Finder {
  findPeer(name: string): Peer;
  peerNames(): string[];
}

// The list of peers and the way to find them live once, in tools/services, which also obtains them.
const finderUrl = new URL('../../../tools/services/find.mjs', import.meta.url).href;
const finder = (await import(/* @vite-ignore */ finderUrl)) as Finder;

/** Looks a peer of tools/services/peers.json up; throws when the list does not name it. */
export function peer(name: string): Peer {
  return finder.findPeer(name);
}

/** Every name tools/services/peers.json lists. */
export function peerNames(): string[] {
  return finder.peerNames();
}

/**
 * Says whether tests of this peer can run: `test.skipIf(!requirePeer('mbpoll'))(...)`. A missing peer means false,
 * and the tests count as skipped; but under `CI=true` a missing *required* peer throws, and so fails the file.
 */
export function requirePeer(name: string): boolean {
  const found = peer(name);
  if (found.available) return true;
  if (found.required && process.env.CI === 'true')
    throw new Error(`The required peer ${name} is missing: ${found.why}`);
  return false;
}
