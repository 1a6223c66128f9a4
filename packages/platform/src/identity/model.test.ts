import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certificateState, publishPrefix, subscribePrefix } from './model.js';

const prefix = 'acme/north/pumping/line-1/centrifugal-pump/P-101';

describe('rights', () => {
  it('let a device publish what is its to say and nothing else', () => {
    for (const rest of [
      'telemetry',
      'telemetry/flow_m3h',
      'status',
      'events',
      'commands/01H/ack',
      'config/reported',
      'ota/status',
      'diagnostics/log',
      'waveform/a',
    ])
      expect(publishPrefix(`${prefix}/${rest}`), rest).toBe(prefix);
    for (const rest of [
      'commands/01H',
      'commands/01H/ack/x',
      'config/desired',
      'ota/notification',
      'status/x',
      'other',
      '',
    ])
      expect(publishPrefix(`${prefix}/${rest}`), rest).toBeUndefined();
  });

  it('let a device subscribe what is meant for it and nothing else', () => {
    for (const rest of [
      'commands/+',
      'commands/01H',
      'config/desired',
      'ota/notification',
      'diagnostics/requests/+',
    ])
      expect(subscribePrefix(`${prefix}/${rest}`), rest).toBe(prefix);
    for (const filter of [
      '#',
      '+/#',
      `${prefix}/#`,
      `${prefix}/commands/#`,
      `${prefix}/telemetry`,
      'acme/+/pumping/line-1/centrifugal-pump/P-101/commands/+',
      `$share/g/${prefix}/commands/+`,
    ])
      expect(subscribePrefix(filter), filter).toBeUndefined();
  });

  it('never find a prefix that spans devices, whatever the filter', () => {
    const piece = fc.constantFrom('acme', '+', '#', 'north', 'P-101', 'commands', '$share', '');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 9 }), (parts) => {
        const found = subscribePrefix(parts.join('/'));
        if (found !== undefined) expect(found).not.toMatch(/[+#$]/);
      }),
    );
  });
});

describe('the life of a certificate', () => {
  it('expires, is about to, or is revoked', () => {
    const day = 86_400_000;
    expect(certificateState({ revokedAt: null, notAfter: 31 * day }, 0)).toBe('active');
    expect(certificateState({ revokedAt: null, notAfter: 29 * day }, 0)).toBe('expiring');
    expect(certificateState({ revokedAt: null, notAfter: 29 * day }, 29 * day)).toBe('expired');
    expect(certificateState({ revokedAt: 1, notAfter: 29 * day }, 0)).toBe('revoked');
  });
});
