import { runCli } from './index.js';

// The exit code is set, not forced: pending writes to pipes must reach their reader.
process.exitCode = await runCli(process.argv.slice(2));
