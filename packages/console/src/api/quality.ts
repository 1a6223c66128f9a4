import type { QualityName, WorstQuality } from './types';

/** The meanings of the wire codes (ED-6), for values that arrive on the stream without words. */
const words: Readonly<Record<number, string>> = {
  0: 'bad',
  24: 'device failure',
  28: 'sensor failure',
  32: 'bad, last known value',
  64: 'uncertain',
  68: 'sensor not accurate',
  80: 'uncertain, last known value',
  192: 'good',
  216: 'good, local override',
};

/** Good, uncertain or bad: by the top two bits, so that unknown codes are judged too. */
export function qualityName(q: number): QualityName {
  const top = (q >> 6) & 3;
  return top === 3 ? 'good' : top === 1 ? 'uncertain' : 'bad';
}

/** A code in words, e.g. 28 -> `sensor failure`. */
export function qualityWords(q: number): string {
  return words[q] ?? `${qualityName(q)} (code ${q})`;
}

/** The status of a roll-up, which may be a code with words or a bare status. */
export function worstName(worst: WorstQuality | QualityName | null | undefined): QualityName {
  if (!worst) return 'good';
  return typeof worst === 'string' ? worst : qualityName(worst.q);
}
