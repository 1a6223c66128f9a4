import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clientIdOf,
  type DeviceAddress,
  deviceTopic,
  parseClientId,
  parseTopic,
  topicPrefix,
} from './topics.js';

const segment = fc.stringMatching(/^[a-z0-9]{1,8}(-[a-z0-9]{1,5}){0,2}$/);
const address: fc.Arbitrary<DeviceAddress> = fc.record({
  enterprise: segment,
  site: segment,
  area: segment,
  line: segment,
  deviceType: fc.stringMatching(/^[a-z][a-z0-9]{0,6}(_[a-z0-9]{1,5}){0,2}$/),
  deviceId: fc.stringMatching(/^[A-Za-z0-9-]{1,12}$/),
});

describe('topics (PR-6)', () => {
  it('parse back to what they were built from, for any valid address', () => {
    fc.assert(
      fc.property(address, (a) => {
        expect(parseTopic(deviceTopic(a, 'commands', '01HX', 'ack'))).toEqual({
          ...a,
          class: 'commands',
          rest: ['01HX', 'ack'],
        });
      }),
    );
  });

  it('keep the case of device ids and put the type in hyphens', () => {
    const a = {
      enterprise: 'acme',
      site: 'north',
      area: 'pumping',
      line: 'line-1',
      deviceType: 'centrifugal_pump',
      deviceId: 'P-007',
    };
    expect(deviceTopic(a, 'telemetry')).toBe('acme/north/pumping/line-1/centrifugal-pump/P-007/telemetry');
  });

  it.each([
    '',
    'a/b/c',
    'a/b/c/d/e/F/unknown',
    'A/b/c/d/e/F/telemetry',
    'a//c/d/e/F/telemetry',
    'a/b/c/d/e/F_1/telemetry',
    'a/+/c/d/e/F/telemetry',
  ])('refuse %j', (topic) => expect(parseTopic(topic)).toBeUndefined());

  it('name the part that is wrong', () => {
    const a = { enterprise: 'acme', site: 'North', area: 'p', line: 'l', deviceType: 't', deviceId: 'D' };
    expect(() => topicPrefix(a)).toThrow('site "North"');
  });
});

describe('client ids (PR-7)', () => {
  it('carry tenant and device, or the bare device in single-tenant mode', () => {
    expect(parseClientId(clientIdOf('acme', 'P-007'))).toEqual({ tenant: 'acme', deviceId: 'P-007' });
    expect(parseClientId('P-007')).toEqual({ tenant: undefined, deviceId: 'P-007' });
    for (const bad of ['', '::', 'acme::', 'Acme::P', 'acme::P/1', 'a::b::c'])
      expect(parseClientId(bad)).toBeUndefined();
  });
});
