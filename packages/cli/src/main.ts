import { runCli } from './index.js';

/** Milliseconds that a library's forgotten timer or socket may hold the process after its work is done. */
const LINGER_MS_MAX = 2000;

// The exit code is set, not forced: pending writes to pipes must reach their reader.
process.exitCode = await runCli(process.argv.slice(2));
setTimeout(() => process.exit(), LINGER_MS_MAX).unref();
