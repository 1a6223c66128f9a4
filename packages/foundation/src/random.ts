import { randomBytes } from 'node:crypto';

/** A source of randomness, passed in so that a run can be repeated from a seed. */
export interface Random {
  /** A float in [0, 1). */
  next(): number;
  /** An integer in [0, bound). */
  int(bound: number): number;
  /** A normally distributed float (mean 0, standard deviation 1), by Box-Muller. */
  gaussian(): number;
}

function fromUniform(next: () => number): Random {
  return {
    next,
    int: (bound) => Math.floor(next() * bound),
    gaussian: () => {
      const u = 1 - next();
      return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * next());
    },
  };
}

/** Cryptographically strong randomness from the operating system. */
export const systemRandom: Random = fromUniform(() => randomBytes(6).readUIntBE(0, 6) / 2 ** 48);

/** A repeatable source: sfc32 (Chris Doty-Humphrey, PractRand) seeded by one 32-bit number. Not for secrets. */
export function seededRandom(seed: number): Random {
  let a = 0x9e3779b9 | 0;
  let b = 0x243f6a88 | 0;
  let c = seed | 0;
  let counter = 1;
  const step = () => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i++) step();
  return fromUniform(step);
}
