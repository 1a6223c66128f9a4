import { MillraceError } from '@millrace/foundation';
import type { Invocation, OptionSpec } from './command.js';

/** Options that several verbs share, each declared once. */
export const dataOption: OptionSpec = {
  flags: '--data <dir>',
  doc: 'data folder (default: ./var, or ./var/p<N> with --port-base N)',
};

export const portBaseOption: OptionSpec = {
  flags: '--port-base <n>',
  doc: 'use the ports N to N+6 instead of the usual ones: console, MQTT, PostgreSQL, Modbus, OPC UA, gateway page, gateway metrics',
};

export const logOptions: readonly OptionSpec[] = [
  {
    flags: '--log-format <format>',
    doc: 'pretty for a terminal, json for a log collector',
    choices: ['auto', 'pretty', 'json'],
    default: 'auto',
  },
  {
    flags: '--log-level <level>',
    doc: 'the least severe lines to show',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'info',
  },
];

/** For verbs that talk to a running platform: over its local socket, or to a remote one. */
export const remoteOptions: readonly OptionSpec[] = [
  dataOption,
  portBaseOption,
  { flags: '--url <url>', doc: 'address of a remote platform, e.g. https://millrace.example.com' },
  { flags: '--token <token>', doc: 'bearer token for --url (or the variable MILLRACE_TOKEN)' },
];

export const jsonOption: OptionSpec = { flags: '--json', doc: 'print JSON instead of a table' };

/** The text of an option, if given. */
export function textOption(invocation: Invocation, name: string): string | undefined {
  const value = invocation.options[name];
  return typeof value === 'string' ? value : undefined;
}

export function flagOption(invocation: Invocation, name: string): boolean {
  return invocation.options[name] === true;
}

/** A whole number option within bounds; throws `invalid_argument` naming the option. */
export function integerOption(
  invocation: Invocation,
  name: string,
  flag: string,
  min: number,
  max: number,
): number | undefined {
  const text = textOption(invocation, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new MillraceError(
      'invalid_argument',
      `${flag} must be a whole number from ${min} to ${max}, not "${text}".`,
    );
  }
  return value;
}

/** A number above zero, e.g. a speed factor. */
export function positiveOption(invocation: Invocation, name: string, flag: string): number | undefined {
  const text = textOption(invocation, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new MillraceError('invalid_argument', `${flag} must be a number above 0, not "${text}".`);
  }
  return value;
}
