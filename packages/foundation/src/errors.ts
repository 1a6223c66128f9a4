/**
 * Every operating error the product can meet, with whether trying again may help.
 * The list is closed: a new code is added here, so that callers and documents can enumerate them.
 */
export const errorCodes = {
  config_invalid: { retry: false },
  config_unreadable: { retry: false },
  port_taken: { retry: false },
  data_dir_unwritable: { retry: false },
  data_dir_locked: { retry: false },
  data_dir_owner: { retry: false },
  certificate_missing: { retry: false },
  certificate_invalid: { retry: false },
  not_found: { retry: false },
  already_exists: { retry: false },
  invalid_argument: { retry: false },
  permission_denied: { retry: false },
  unauthenticated: { retry: false },
  limit_exceeded: { retry: true },
  database_unavailable: { retry: true },
  database_cannot_start: { retry: false },
  uplink_unavailable: { retry: true },
  uplink_refused: { retry: true },
  device_unreachable: { retry: true },
  device_timeout: { retry: true },
  device_refused: { retry: false },
  device_bad_data: { retry: true },
  storage_full: { retry: true },
  storage_corrupt: { retry: false },
  stopped: { retry: false },
  peer_missing: { retry: false },
  internal: { retry: false },
} as const satisfies Record<string, { retry: boolean }>;

export type ErrorCode = keyof typeof errorCodes;

/**
 * An expected failure. `message` is one sentence that says what, where and what to do; `details` are facts for
 * logs and problem documents and never hold a secret.
 */
export class MillraceError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MillraceError';
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Whether the same call may succeed later without anyone changing anything. */
  get retry(): boolean {
    return errorCodes[this.code].retry;
  }
}

/** Narrows an unknown throw to a product error. */
export function isMillraceError(error: unknown): error is MillraceError {
  return error instanceof MillraceError;
}

/** The text of any thrown value, for logs and messages. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Stops the program when an invariant of our own code is broken; never used for outside input. */
export function assertInvariant(condition: unknown, message: string): asserts condition {
  if (!condition)
    throw new MillraceError('internal', `Invariant broken: ${message}. This is a defect in Millrace.`);
}
