import type { ChildProcess } from 'node:child_process';

/** Kills a foreign server that plays a device, and waits until it is gone; nothing where none runs. */
export async function killChild(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

/** Sends it one line and waits for its answer. Its standard input and output must be pipes. */
export async function askChild(child: ChildProcess, line: string): Promise<void> {
  const done = new Promise((resolve) => child.stdout!.once('data', resolve));
  child.stdin!.write(`${line}\n`);
  await done;
}
