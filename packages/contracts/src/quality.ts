/**
 * Wire quality codes (requirement ED-6). The numbers follow the guide's use of the OPC DA layout: the top two bits
 * are the status (00 bad, 01 uncertain, 11 good), the next four the sub-status. OPC UA StatusCodes differ in
 * numbers and are mapped by meaning.
 */
export const Quality = {
  bad: 0,
  badDeviceFailure: 24,
  badSensorFailure: 28,
  badLastKnown: 32,
  uncertain: 64,
  uncertainSensorNotAccurate: 68,
  uncertainLastKnown: 80,
  good: 192,
  goodLocalOverride: 216,
} as const;

export type QualityCode = number;
export type QualityStatus = 'good' | 'uncertain' | 'bad';

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

/** True for every code whose value may be used without a second thought (q >= 192). */
export function isGood(q: QualityCode): boolean {
  return q >= 192;
}

/** The status of any code, known or not, by its top two bits; the undefined pattern 10 is read as bad. */
export function qualityStatus(q: QualityCode): QualityStatus {
  const top = (q >> 6) & 3;
  return top === 3 ? 'good' : top === 1 ? 'uncertain' : 'bad';
}

/** The meaning of a code in words, e.g. 28 -> `sensor failure`. */
export function qualityWords(q: QualityCode): string {
  return words[q] ?? `${qualityStatus(q)} (code ${q})`;
}

/** The worse of two codes: bad before uncertain before good, and the lower number within a status. */
export function worseQuality(a: QualityCode, b: QualityCode): QualityCode {
  return Math.min(a, b);
}

/** OPC UA StatusCode severity and sub-code bits (OPC 10000-4, 7.39). */
const opcUaToWire: ReadonlyMap<number, QualityCode> = new Map([
  [0x00000000, Quality.good],
  [0x00960000, Quality.goodLocalOverride], // GoodLocalOverride
  [0x80000000, Quality.bad],
  [0x808b0000, Quality.badDeviceFailure], // BadDeviceFailure
  [0x808c0000, Quality.badSensorFailure], // BadSensorFailure
  [0x80050000, Quality.badDeviceFailure], // BadCommunicationError
  [0x80310000, Quality.bad], // BadNoCommunication
  [0x808a0000, Quality.bad], // BadNotConnected
  [0x808d0000, Quality.bad], // BadOutOfService
  [0x40000000, Quality.uncertain],
  [0x40930000, Quality.uncertainSensorNotAccurate], // UncertainSensorNotAccurate
  [0x40900000, Quality.uncertainLastKnown], // UncertainLastUsableValue
  [0x408f0000, Quality.badLastKnown], // UncertainNoCommunicationLastUsableValue
]);

const wireToOpcUa: ReadonlyMap<QualityCode, number> = new Map([
  [Quality.good, 0x00000000],
  [Quality.goodLocalOverride, 0x00960000],
  [Quality.bad, 0x80000000],
  [Quality.badDeviceFailure, 0x808b0000],
  [Quality.badSensorFailure, 0x808c0000],
  [Quality.badLastKnown, 0x408f0000],
  [Quality.uncertain, 0x40000000],
  [Quality.uncertainSensorNotAccurate, 0x40930000],
  [Quality.uncertainLastKnown, 0x40900000],
]);

/** Wire quality of an OPC UA StatusCode, by meaning; info bits (low 16) are ignored. */
export function qualityFromOpcUa(statusCode: number): QualityCode {
  const code = (statusCode & 0xffff0000) >>> 0;
  const known = opcUaToWire.get(code);
  if (known !== undefined) return known;
  const severity = code >>> 30;
  return severity === 0 ? Quality.good : severity === 1 ? Quality.uncertain : Quality.bad;
}

/** OPC UA StatusCode of a wire quality, by meaning. */
export function qualityToOpcUa(q: QualityCode): number {
  const known = wireToOpcUa.get(q);
  if (known !== undefined) return known;
  const status = qualityStatus(q);
  return status === 'good' ? 0 : status === 'uncertain' ? 0x40000000 : 0x80000000;
}
