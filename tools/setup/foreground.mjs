import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** A second signal of a kind within this time is the same key press, delivered by the terminal and by npm. */
const samePressMs = 1000;

/**
 * Runs a long-lived program in the foreground: its output is ours, our signals are its, its exit code is returned.
 *
 * Ctrl-C reaches this process twice, from the terminal and from npm, and would reach the program a third time. So
 * the program runs in a process group of its own and is told once for each press; a later press is passed on.
 */
export function runForeground(file, args) {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    const lastMs = new Map();
    const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
      const handler = () => {
        const nowMs = performance.now();
        if (nowMs - (lastMs.get(signal) ?? Number.NEGATIVE_INFINITY) < samePressMs) return;
        lastMs.set(signal, nowMs);
        // A closed terminal asks for the same orderly end as SIGTERM.
        child.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal);
      };
      process.on(signal, handler);
      return [signal, handler];
    });
    const finish = (code) => {
      for (const [signal, handler] of handlers) process.removeListener(signal, handler);
      resolve(code);
    };
    child.once('error', (error) => {
      process.stderr.write(`${file} could not be started: ${error.message}\n`);
      finish(1);
    });
    child.once('exit', (code, signal) => finish(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
