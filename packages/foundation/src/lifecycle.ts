/** Construction does nothing; `start` connects; `stop` is idempotent and resolves when everything has ended. */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}
