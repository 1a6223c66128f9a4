import { isMillraceError } from '@millrace/foundation';
import { CommanderError } from 'commander';
import { commands } from './commands/registry.generated.js';
import { buildProgram } from './program.js';
import { productVersion } from './runtime/version.js';

/** Runs one command line (without `node` and the script) and resolves to its exit code; it never rejects. */
export async function runCli(argv: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = buildProgram({
    commands,
    version: productVersion(),
    onResult: (code) => {
      exitCode = code;
    },
  });
  if (argv.length === 0) {
    program.outputHelp();
    return 0;
  }
  try {
    // Wherever it stands: someone who just met an error appends it.
    await program.parseAsync(
      argv.filter((word) => word !== '--debug'),
      { from: 'user' },
    );
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode;
    report(error, argv.includes('--debug'));
    return 1;
  }
}

/** One clear sentence on stderr; the stack only where it was asked for or the error is a defect of ours. */
function report(error: unknown, debug: boolean): void {
  if (isMillraceError(error) && !debug) process.stderr.write(`millrace: ${error.message}\n`);
  else if (error instanceof Error && debug) process.stderr.write(`millrace: ${error.stack}\n`);
  else {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`millrace: ${text} (an unexpected error; run again with --debug to see where)\n`);
  }
}

export { commands } from './commands/registry.generated.js';
export { prepareDataDir } from './runtime/data-dir.js';
export { socketPath } from './runtime/local-socket.js';
export { portPlan } from './runtime/ports.js';
export { writeDemoFiles } from './work/demo/files.js';
export { planDemo } from './work/demo/plan.js';
export { trustGatewayAtField } from './work/demo/trust.js';
