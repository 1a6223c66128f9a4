import type { LogFields, Logger } from '@millrace/foundation';
import { destination, type Logger as Pino, pino } from 'pino';
import { redact } from './redact.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LoggerOptions {
  readonly role: string;
  readonly level: LogLevel;
  /** `auto` is pretty on a terminal and JSON anywhere else. */
  readonly format: 'auto' | 'pretty' | 'json';
}

interface Sink {
  write(line: string): void;
}

/** The product's logger on pino, to stderr: one line an entry, secrets redacted, times in RFC 3339 UTC. */
export function createLogger(options: LoggerOptions, sink?: Sink): Logger {
  const pretty = options.format === 'pretty' || (options.format === 'auto' && process.stderr.isTTY === true);
  const raw: Sink = sink ?? destination({ fd: 2, sync: true });
  const target: Sink = pretty ? { write: (line) => raw.write(prettyLine(line)) } : raw;
  const base = pino(
    {
      level: options.level,
      base: { role: options.role, pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    target,
  );
  return adapt(base, {});
}

function adapt(base: Pino<never>, bound: LogFields): Logger {
  const line = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (!base.isLevelEnabled(level)) return;
    base[level](redact({ ...bound, ...fields }) as object, redact(message) as string);
  };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => adapt(base, { ...bound, ...fields }),
  };
}

const marks: Readonly<Record<string, string>> = {
  debug: 'debug',
  info: 'info ',
  warn: 'WARN ',
  error: 'ERROR',
};

/** `10:04:05.123 WARN  message  field=value`; a stack follows on lines of its own. Exported for its test. */
export function prettyLine(json: string): string {
  const { level, time, msg, role: _role, pid: _pid, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const stacks: string[] = [];
  const shown = Object.entries(fields).map(([name, value]) => {
    if (typeof value === 'object' && value !== null && 'stack' in value) {
      const { stack, message } = value as { stack: unknown; message?: unknown };
      stacks.push(String(stack));
      return `${name}=${JSON.stringify(message)}`;
    }
    const text = typeof value === 'string' && !/[\s"=]/.test(value) ? value : JSON.stringify(value);
    return `${name}=${text}`;
  });
  const head = `${String(time).slice(11, 23)} ${marks[String(level)] ?? String(level)} ${String(msg)}`;
  const lines = [[head, ...shown].join('  '), ...stacks];
  return `${lines.join('\n')}\n`;
}
