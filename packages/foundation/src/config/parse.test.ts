import { describe, expect, it } from 'vitest';
import { field, type Infer } from './fields.js';
import { configError, parseConfig } from './parse.js';

const declaration = field.object('A gateway.', {
  name: field.string('Its name.', { pattern: /^[a-z]+$/, patternDoc: 'lower-case letters only' }),
  period_ms: field.integer('How often.', { min: 10, max: 1000, default: 100, unit: 'ms' }),
  password: field.optional(
    field.string('A secret.', { secret: true, pattern: /^.{8,}$/, patternDoc: 'at least 8 characters' }),
  ),
  mode: field.oneOf('How it behaves.', ['fast', 'safe'], { default: 'safe' }),
  limits: field.object('Bounds.', { rows: field.integer('Most rows.', { default: 5 }) }, { default: {} }),
  drivers: field.map(
    'Drivers by name.',
    field.variant('A driver.', {
      modbus: field.object('Modbus.', { host: field.string('Where.') }),
      opcua: field.object('OPC UA.', { url: field.string('Where.') }),
    }),
  ),
});

describe('parseConfig', () => {
  it('fills defaults and keeps the discriminator of a variant', () => {
    const result = parseConfig('name: abc\ndrivers:\n  a: {type: modbus, host: h}\n', declaration);
    expect(result).toEqual({
      ok: true,
      value: {
        name: 'abc',
        period_ms: 100,
        mode: 'safe',
        limits: { rows: 5 },
        drivers: { a: { type: 'modbus', host: 'h' } },
      },
    });
    if (result.ok) {
      const typed: Infer<typeof declaration> = result.value;
      expect(typed.limits.rows).toBe(5);
    }
  });

  it('reports every problem at once, each with its line', () => {
    const text = [
      'name: ABC',
      'period_ms: 5',
      'peroid_ms: 9',
      'mode: slow',
      'drivers:',
      '  a: {type: profinet}',
      '  b:',
      '    type: opcua',
    ].join('\n');
    const result = parseConfig(text, declaration);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.problems.map((p) => `${p.line} ${p.path}`)).toEqual([
      '3 peroid_ms',
      '1 name',
      '2 period_ms',
      '4 mode',
      '6 drivers.a',
      '8 drivers.b.url',
    ]);
    expect(result.problems[0]?.message).toContain('did you mean "period_ms"');
    expect(configError('g.yaml', result.problems).message.split('\n')[1]).toMatch(
      /^g\.yaml:1 name: "ABC" is not valid: lower-case/,
    );
  });

  it('never repeats a secret in an error', () => {
    const result = parseConfig('name: abc\npassword: hunter2\ndrivers: {}\n', declaration);
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('says where YAML itself is broken', () => {
    const result = parseConfig('name: [a\nb: 1\n', declaration);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.problems[0]?.message).toContain('not valid YAML');
  });

  it('asks for what is required, and reads an empty file as nothing given', () => {
    const result = parseConfig('', field.object('x', { a: field.string('The a.') }));
    expect(result.ok).toBe(false);
  });
});
