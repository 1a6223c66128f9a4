import { describe, expect, it } from 'vitest';
import {
  isGood,
  Quality,
  qualityFromOpcUa,
  qualityStatus,
  qualityToOpcUa,
  qualityWords,
  worseQuality,
} from './quality.js';

describe('quality codes (ED-6)', () => {
  it('survive the way to OPC UA and back, by meaning', () => {
    for (const q of Object.values(Quality)) expect([q, qualityFromOpcUa(qualityToOpcUa(q))]).toEqual([q, q]);
  });

  it('ignore the info bits of a StatusCode and judge unknown ones by severity', () => {
    expect(qualityFromOpcUa(0x00000480)).toBe(Quality.good);
    expect(qualityFromOpcUa(0x80ff0000)).toBe(Quality.bad);
    expect(qualityFromOpcUa(0x40ff0000)).toBe(Quality.uncertain);
  });

  it('judge unknown wire codes by their top two bits', () => {
    expect([qualityStatus(3), qualityStatus(95), qualityStatus(130), qualityStatus(200)]).toEqual([
      'bad',
      'uncertain',
      'bad',
      'good',
    ]);
    expect(isGood(191)).toBe(false);
    expect(isGood(216)).toBe(true);
    expect(qualityWords(28)).toBe('sensor failure');
    expect(qualityWords(7)).toBe('bad (code 7)');
    expect(worseQuality(Quality.good, Quality.uncertain)).toBe(Quality.uncertain);
  });
});
