import type { Field, FieldOptions } from '@millrace/field';
import { silentLogger, systemClock } from '@millrace/foundation';
import { tempDir } from './temp-dir.js';

/** A running simulated plant of one test, on free ports, with keys and a journal in a folder of its own. */
export interface TestField {
  readonly field: Field;
  readonly pkiDir: string;
  readonly journalFile: string;
  /** Stops it and deletes its folder; idempotent. */
  remove(): Promise<void>;
}

/** Starts the water pumping station (or what `options` name) in this process and waits until it listens. */
export async function startTestField(options: Partial<FieldOptions> = {}): Promise<TestField> {
  // Loaded only when asked for: the protocol libraries behind it are large, and most tests need none of them.
  const { createField } = await import('@millrace/field');
  const home = tempDir('field');
  const pkiDir = options.pkiDir ?? `${home.path}/pki`;
  const journalFile = options.journalFile ?? `${home.path}/journal.ndjson`;
  const field = createField({
    plant: 'water-pumping-station',
    seed: 1,
    clock: systemClock,
    logger: silentLogger,
    modbusPort: 0,
    opcuaPort: 0,
    ...options,
    pkiDir,
    journalFile,
  });
  try {
    await field.start();
  } catch (error) {
    home.remove();
    throw error;
  }
  return {
    field,
    pkiDir,
    journalFile,
    async remove() {
      await field.stop();
      home.remove();
    },
  };
}
