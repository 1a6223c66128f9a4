/** Where a verb stands in `millrace --help`. */
export type CommandGroup = 'Run' | 'Set up' | 'Watch' | 'Try out';

export interface OptionSpec {
  /** In commander's notation: `--data <dir>`, `--clear`, `-f, --file <file>`. */
  readonly flags: string;
  readonly doc: string;
  readonly default?: string | boolean;
  readonly required?: boolean;
  readonly choices?: readonly string[];
  /** May be given more than once; the values arrive as a list. */
  readonly many?: boolean;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly doc: string;
  readonly choices?: readonly string[];
}

export interface Example {
  readonly line: string;
  readonly doc: string;
}

/** What the work behind a verb is given: parsed options by camel-case name, positional arguments by name. */
export interface Invocation {
  readonly options: Readonly<Record<string, unknown>>;
  readonly args: Readonly<Record<string, string>>;
}

/** The work of a verb. Resolves to the exit code; nothing means 0. */
export type Work = (invocation: Invocation) => Promise<number | undefined>;

/**
 * A verb's metadata. The work is imported by `load` only when the verb runs, so that `millrace edge` on a small
 * gateway never loads the platform.
 */
export interface CommandSpec {
  /** `['token', 'create']`; `['field']` for a noun that runs by itself. */
  readonly path: readonly [string] | readonly [string, string];
  readonly group: CommandGroup;
  readonly summary: string;
  /** More than the summary, for the verb's own help page. */
  readonly description?: string;
  readonly args?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples?: readonly Example[];
  load(): Promise<Work>;
}
