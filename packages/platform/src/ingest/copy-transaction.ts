import type { Duplex } from 'node:stream';
import type { Connection, Submittable } from 'pg';

/** The parts of pg's connection that a query of our own uses. */
interface WireConnection extends Connection {
  query(text: string): void;
  readonly stream: Duplex;
}

/**
 * One transaction as one round trip: a simple query of several statements, which PostgreSQL runs as one implicit
 * transaction (manual, "Multiple Statements in a Simple Query"), with the data of its COPY statements sent right
 * behind it. After an error the server ignores the rest of the data (manual, 54.2.6) and rolls back.
 *
 * pg-copy-streams is not used here: it waits for the server before it sends, once for each table.
 */
export class CopyTransaction implements Submittable {
  readonly #sql: string;
  readonly #data: readonly Buffer[];
  readonly #resolve: () => void;
  readonly #reject: (error: Error) => void;
  #error: Error | undefined;

  constructor(sql: string, data: readonly Buffer[], resolve: () => void, reject: (error: Error) => void) {
    this.#sql = sql;
    this.#data = data;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: Connection): void {
    const wire = connection as WireConnection;
    wire.stream.cork();
    wire.query(this.#sql);
    for (const bytes of this.#data) wire.stream.write(bytes);
    wire.stream.uncork();
  }

  handleError(error: Error): void {
    this.#error = error;
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    if (this.#error === undefined) this.#resolve();
  }

  // The server's progress reports need no answer.
  handleCopyInResponse(): void {}
  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}
}
