import { MillraceError } from '@millrace/foundation';
import { describe, expect, test } from 'vitest';
import { createLogger, prettyLine } from './logger.js';

function collect(level: 'debug' | 'info' = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ role: 'edge', level, format: 'json' }, { write: (line) => lines.push(line) });
  return { logger, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>), lines };
}

describe('the logger', () => {
  test('writes one JSON object a line with role, level, time and the bound fields', () => {
    const { logger, entries } = collect();
    logger.child({ driver: 'plc' }).warn('slow answer', { ms: 250 });
    expect(entries()).toEqual([
      expect.objectContaining({ level: 'warn', role: 'edge', msg: 'slow answer', driver: 'plc', ms: 250 }),
    ]);
    expect(entries()[0]?.time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  });

  test('keeps secrets out, by name, nested, and inside addresses', () => {
    const { logger, lines } = collect();
    logger.info('connecting', {
      token: 'abc',
      url: 'postgres://app:hunter2@db:5432/x',
      settings: { password: 'hunter3', user: 'ann', headers: [{ authorization: 'Bearer hunter4' }] },
    });
    logger.error('failed at amqp://u:hunter5@h', { error: new Error('mqtts://u:hunter6@host refused') });
    expect(lines.join('')).not.toMatch(/hunter|abc/);
    expect(lines[0]).toContain('"user":"ann"');
    expect(lines[0]).toContain('postgres://app:[redacted]@db');
  });

  test('shows an error with code and stack, and leaves out what is below the level', () => {
    const { logger, entries } = collect();
    logger.debug('not shown');
    logger.error('no', { error: new MillraceError('port_taken', 'Port 1 is taken.') });
    expect(entries()).toHaveLength(1);
    expect(entries()[0]?.error).toMatchObject({ code: 'port_taken', message: 'Port 1 is taken.' });
  });

  test('pretty lines are one line, quoted where needed', () => {
    const line = prettyLine(
      JSON.stringify({
        level: 'warn',
        time: '2026-01-31T10:04:05.123Z',
        role: 'x',
        pid: 1,
        msg: 'hm',
        a: 'b c',
        n: 1,
      }),
    );
    expect(line).toBe('10:04:05.123 WARN  hm  a="b c"  n=1\n');
  });
});
