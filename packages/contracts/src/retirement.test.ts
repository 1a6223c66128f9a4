import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceTypes } from './device-types/registry.generated.js';
import { checkRetirement } from './retirement.js';
import { compareFirmware } from './semver.js';

describe('compareFirmware', () => {
  it.each([
    ['10.0.0', '2.0.0', 1],
    ['2.0.0', '10.0.0', -1],
    ['v3.2.1', '3.2.1', 0],
    ['3.2', '3.2.0', 0],
    ['3.2.1-rc.2', '3.2.1', -1],
    ['3.2.1-rc.10', '3.2.1-rc.2', 1],
    ['3.2.1-rc', '3.2.1-rc.1', -1],
    ['3.2.1-1', '3.2.1-alpha', -1],
    ['3.2.1+a', '3.2.1+b', 0],
  ])('%s and %s', (a, b, sign) => {
    expect(Math.sign(compareFirmware(a, b)!)).toBe(sign);
  });

  it('concludes nothing from what is no version', () => {
    expect(compareFirmware('pump-fw-A', '1.0.0')).toBeUndefined();
    expect(compareFirmware('', '1.0.0')).toBeUndefined();
  });

  it('is an order: reversed when turned round', () => {
    const version = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(version, version, (a, b) => compareFirmware(a, b)! === -compareFirmware(b, a)! || a === b),
    );
  });
});

describe('checkRetirement', () => {
  const pump = deviceTypes.get('centrifugal_pump')!;
  const device = (deviceId: string, schemaVersion?: string, fwVersion?: string) => ({
    deviceId,
    schemaVersion,
    fwVersion,
  });

  it('counts the devices whose contract still names the field, and refuses while there is one', () => {
    const fleet = [
      device('P-1', '1.0', '1.4.0'),
      device('P-2', '2.1', '3.2.1'),
      device('P-3', '2.1', '3.2.1'),
    ];
    expect(checkRetirement(pump, 'pressure_kpa', fleet)).toMatchObject({
      sending: 1,
      unknown: 0,
      stopped: 2,
      mayRetire: false,
      groups: [{ fwVersion: '1.4.0', sending: 'yes', deviceIds: ['P-1'] }, { deviceIds: ['P-2', 'P-3'] }],
    });
    expect(checkRetirement(pump, 'pressure_kpa', fleet.slice(1))).toMatchObject({ mayRetire: true });
    expect(checkRetirement(pump, 'pressure_bar', fleet)).toMatchObject({ sending: 2, mayRetire: false });
  });

  it('takes a device that never reported for one that may send it', () => {
    expect(checkRetirement(pump, 'pressure_kpa', [device('P-1')])).toMatchObject({
      sending: 0,
      unknown: 1,
      mayRetire: false,
    });
  });

  it('compares firmware as versions and not as text where a release stopped sending it', () => {
    const fleet = [
      device('P-1', '2.1', '10.0.0'),
      device('P-2', '2.1', '2.0.0'),
      device('P-3', '2.1', 'beta'),
    ];
    expect(checkRetirement(pump, 'power_kw', fleet, '3.0.0')).toMatchObject({
      sending: 1,
      unknown: 1,
      stopped: 1,
    });
  });

  it('knows nothing of a field that no version has', () => {
    expect(checkRetirement(pump, 'nothing', [])).toBeUndefined();
  });
});
