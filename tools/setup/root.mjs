import { fileURLToPath } from 'node:url';

/** The workspace's root folder, absolute, without a slash at the end. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/[/\\]$/, '');

/** A line for the person who started the command; on standard error, so that standard output stays data. */
export function say(text) {
  process.stderr.write(`${text}\n`);
}

/** Ends the command with one clear sentence and exit code 1. */
export function fail(sentence) {
  say(sentence);
  process.exit(1);
}
