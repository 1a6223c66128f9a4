import { describe, expect, test } from 'vitest';
import { letterText, reportText } from './dead-letter.js';

const letter = {
  id: '7',
  received_at: '2026-11-23T00:00:00.000Z',
  device_id: null,
  client_id: 'acme::GW-1',
  topic: 'acme/a/b/c/d/e/telemetry',
  reason: 'malformed_payload',
  detail: 'Not JSON.',
  content_type: null,
  payload_bytes: 3,
  payload: null,
  payload_base64: null,
  status: 'kept',
  actions: [],
};

describe('a dead letter on a terminal', () => {
  test('shows bytes as hex, JSON indented, and no control characters of the sender', () => {
    const bytes = Buffer.from([0xff, 0x41, 0x00]).toString('base64');
    expect(letterText({ ...letter, payload_base64: bytes })).toContain('000000  ff 41 00');
    expect(letterText({ ...letter, payload: '{"a":1}' })).toContain('{\n  "a": 1\n}');
    expect(letterText({ ...letter, payload: 'x\u001b[31m' })).not.toContain('\u001b');
  });

  test('says what was done with it and that a discarded payload is gone', () => {
    const action = { at: 'T', by: 'ann (token 1)', outcome: 'discarded', detail: 'bench test' };
    const text = letterText({ ...letter, status: 'discarded', payload: '', actions: [action] });
    expect(text).toMatch(/discarded +T by ann \(token 1\): bench test/);
    expect(text).toContain('(removed)');
    expect(text).not.toContain('content type');
  });
});

test('a replay is reported with each trouble', () => {
  const problems = [{ id: '9', outcome: 'refused' as const, detail: 'schema_violation: /d' }];
  expect(reportText({ stored: 2, duplicates: 1, refused: 1, skipped: 0, problems })).toBe(
    'Dead letter 9 refused: schema_violation: /d\n2 stored, 1 stored already, 1 refused again and kept.\n',
  );
});
