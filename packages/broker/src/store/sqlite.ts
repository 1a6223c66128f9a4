import { errorMessage, MillraceError } from '@millrace/foundation';
import type { PublishProperties } from '@millrace/mqtt';
import { DatabaseSync } from '@photostructure/sqlite';
import type { Message, QueuedDelivery } from '../session.js';
import type { Subscription } from '../subscriptions.js';
import type { SessionStore, StoredSession, StoredState } from './store.js';

type Database = InstanceType<typeof DatabaseSync>;
type Statement = ReturnType<Database['prepare']>;
type Row = Record<string, unknown>;

const schemaVersion = 1;
const schema = `
  CREATE TABLE sessions (client_id TEXT PRIMARY KEY, expiry_s REAL NOT NULL, disconnected_at_ms REAL) WITHOUT ROWID;
  CREATE TABLE subscriptions (client_id TEXT, filter TEXT, qos INTEGER NOT NULL, no_local INTEGER NOT NULL,
    retain_as_published INTEGER NOT NULL, identifier INTEGER, PRIMARY KEY (client_id, filter)) WITHOUT ROWID;
  CREATE TABLE messages (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, payload BLOB NOT NULL, qos INTEGER NOT NULL,
    retain INTEGER NOT NULL, properties TEXT NOT NULL, expires_at_ms REAL, sender TEXT NOT NULL);
  CREATE TABLE deliveries (client_id TEXT, position INTEGER, message_id INTEGER NOT NULL, qos INTEGER NOT NULL,
    retain INTEGER NOT NULL, identifiers TEXT NOT NULL, packet_id INTEGER NOT NULL, released INTEGER NOT NULL,
    PRIMARY KEY (client_id, position)) WITHOUT ROWID;
  CREATE TABLE incoming (client_id TEXT, packet_id INTEGER, PRIMARY KEY (client_id, packet_id)) WITHOUT ROWID;
  CREATE TABLE retained (topic TEXT PRIMARY KEY, message_id INTEGER NOT NULL) WITHOUT ROWID;
  PRAGMA user_version = ${schemaVersion};`;

const statements = {
  putSession: `INSERT INTO sessions VALUES (?,?,?) ON CONFLICT (client_id) DO UPDATE
    SET expiry_s = excluded.expiry_s, disconnected_at_ms = excluded.disconnected_at_ms`,
  putSubscription: 'INSERT OR REPLACE INTO subscriptions VALUES (?,?,?,?,?,?)',
  removeSubscription: 'DELETE FROM subscriptions WHERE client_id = ? AND filter = ?',
  putMessage: 'INSERT INTO messages VALUES (NULL,?,?,?,?,?,?,?)',
  removeMessage: 'DELETE FROM messages WHERE id = ?',
  putDelivery: 'INSERT INTO deliveries VALUES (?,?,?,?,?,?,?,?)',
  changeDelivery: 'UPDATE deliveries SET packet_id = ?, released = ? WHERE client_id = ? AND position = ?',
  removeDelivery: 'DELETE FROM deliveries WHERE client_id = ? AND position = ?',
  deliveriesOf: 'SELECT message_id FROM deliveries WHERE client_id = ?',
  putIncoming: 'INSERT OR IGNORE INTO incoming VALUES (?,?)',
  removeIncoming: 'DELETE FROM incoming WHERE client_id = ? AND packet_id = ?',
  retainedOf: 'SELECT message_id FROM retained WHERE topic = ?',
  putRetained: 'INSERT OR REPLACE INTO retained VALUES (?,?)',
  removeRetained: 'DELETE FROM retained WHERE topic = ?',
} as const;
type StatementName = keyof typeof statements;

/**
 * Keeps sessions in one SQLite file (WAL, synchronous=FULL): a commit is on the disk when it returns. A message for
 * many subscribers is one row; a delivery that was acknowledged before the commit never reaches the file.
 */
export class SqliteStore implements SessionStore {
  readonly durable = true;
  readonly #file: string;
  #database: Database | undefined;
  #prepared = new Map<StatementName, Statement>();
  /** Changes by the row they touch, in order; a later change of a row replaces the earlier one. */
  #changes = new Map<string, () => void>();
  readonly #messageIds = new WeakMap<Message, number>();
  readonly #references = new Map<number, number>();
  readonly #written = new WeakSet<QueuedDelivery>();
  /** What the running commit did to `#messageIds`, `#references` and `#written`, to be undone when it fails. */
  #undo: (() => void)[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  get dirty(): boolean {
    return this.#changes.size > 0;
  }

  open(): StoredState {
    const database = openDatabase(this.#file);
    this.#database = database;
    const messages = new Map<number, Message>();
    for (const row of database.prepare('SELECT * FROM messages').all() as Row[]) {
      const message = messageOf(row);
      messages.set(row.id as number, message);
      this.#messageIds.set(message, row.id as number);
    }
    const take = (id: unknown) => {
      this.#references.set(id as number, (this.#references.get(id as number) ?? 0) + 1);
      return messages.get(id as number)!;
    };
    const retained = (database.prepare('SELECT message_id FROM retained').all() as Row[]).map((row) =>
      take(row.message_id),
    );
    const sessions = (database.prepare('SELECT * FROM sessions').all() as Row[]).map((row) => {
      const clientId = row.client_id as string;
      return {
        clientId,
        expiryS: row.expiry_s as number,
        disconnectedAtMs: (row.disconnected_at_ms as number | null) ?? undefined,
        subscriptions: rowsOf(database, 'subscriptions', clientId).map(subscriptionOf),
        deliveries: rowsOf(database, 'deliveries', clientId).map((each) => {
          const delivery = deliveryOf(each, take(each.message_id));
          this.#written.add(delivery);
          return delivery;
        }),
        incomingQos2: rowsOf(database, 'incoming', clientId).map((each) => each.packet_id as number),
      };
    });
    return { sessions, retained };
  }

  putSession(session: StoredSession): void {
    this.#change(`s:${session.clientId}`, () =>
      this.#run('putSession', session.clientId, session.expiryS, session.disconnectedAtMs ?? null),
    );
  }

  removeSession(clientId: string): void {
    // What was not yet written need not be.
    for (const key of this.#changes.keys())
      if (key === `s:${clientId}` || key.slice(2).startsWith(`${clientId}\0`)) this.#changes.delete(key);
    this.#change(`w:${clientId}`, () => {
      for (const row of this.#statement('deliveriesOf').all(clientId) as Row[])
        this.#release(row.message_id as number);
      for (const table of ['deliveries', 'subscriptions', 'incoming', 'sessions'])
        this.#database!.prepare(`DELETE FROM ${table} WHERE client_id = ?`).run(clientId);
    });
  }

  putSubscription(subscription: Subscription): void {
    const { clientId, filter, qos, noLocal, retainAsPublished, identifier } = subscription;
    this.#change(`u:${clientId}\0${filter}`, () =>
      this.#run(
        'putSubscription',
        clientId,
        filter,
        qos,
        noLocal ? 1 : 0,
        retainAsPublished ? 1 : 0,
        identifier ?? null,
      ),
    );
  }

  removeSubscription(clientId: string, filter: string): void {
    this.#change(`u:${clientId}\0${filter}`, () => this.#run('removeSubscription', clientId, filter));
  }

  putDelivery(clientId: string, delivery: QueuedDelivery): void {
    this.#change(`d:${clientId}\0${delivery.order}`, () => this.#writeDelivery(clientId, delivery));
  }

  removeDelivery(clientId: string, delivery: QueuedDelivery): void {
    const key = `d:${clientId}\0${delivery.order}`;
    if (!this.#written.has(delivery)) {
      this.#changes.delete(key);
      return;
    }
    this.#change(key, () => {
      this.#run('removeDelivery', clientId, delivery.order);
      this.#release(this.#messageIds.get(delivery.delivery.message)!);
    });
  }

  putIncoming(clientId: string, packetId: number): void {
    this.#change(`q:${clientId}\0${packetId}`, () => this.#run('putIncoming', clientId, packetId));
  }

  removeIncoming(clientId: string, packetId: number): void {
    this.#change(`q:${clientId}\0${packetId}`, () => this.#run('removeIncoming', clientId, packetId));
  }

  putRetained(message: Message): void {
    this.#change(`r:${message.topic}`, () => {
      this.#forgetRetained(message.topic);
      this.#run('putRetained', message.topic, this.#reference(message));
    });
  }

  removeRetained(topic: string): void {
    this.#change(`r:${topic}`, () => {
      this.#forgetRetained(topic);
      this.#run('removeRetained', topic);
    });
  }

  commit(): void {
    const database = this.#database;
    if (!database || this.#changes.size === 0) return;
    this.#undo = [];
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const change of this.#changes.values()) change();
      database.exec('COMMIT');
    } catch (error) {
      for (const undo of this.#undo.reverse()) undo();
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
    this.#changes.clear();
  }

  close(): void {
    this.#prepared.clear();
    this.#database?.close();
    this.#database = undefined;
  }

  #change(key: string, change: () => void): void {
    this.#changes.delete(key);
    this.#changes.set(key, change);
  }

  #writeDelivery(clientId: string, queued: QueuedDelivery): void {
    const { delivery, order, packetId, released } = queued;
    if (this.#written.has(queued)) {
      this.#run('changeDelivery', packetId, released ? 1 : 0, clientId, order);
      return;
    }
    this.#run(
      'putDelivery',
      clientId,
      order,
      this.#reference(delivery.message),
      delivery.qos,
      delivery.retain ? 1 : 0,
      JSON.stringify(delivery.identifiers),
      packetId,
      released ? 1 : 0,
    );
    this.#written.add(queued);
    this.#undo.push(() => this.#written.delete(queued));
  }

  /** The message's row, written with its first reference. */
  #reference(message: Message): number {
    const known = this.#messageIds.get(message);
    const count = known === undefined ? 0 : (this.#references.get(known) ?? 0);
    const id = known !== undefined && count > 0 ? known : this.#writeMessage(message);
    this.#count(id, count > 0 ? count + 1 : 1);
    return id;
  }

  #writeMessage(message: Message): number {
    const { lastInsertRowid } = this.#run(
      'putMessage',
      message.topic,
      message.payload,
      message.qos,
      message.retain ? 1 : 0,
      JSON.stringify(message.properties, propertyToJson),
      message.expiresAtMs ?? null,
      message.from,
    );
    const id = Number(lastInsertRowid);
    const before = this.#messageIds.get(message);
    this.#messageIds.set(message, id);
    this.#undo.push(() => {
      if (before === undefined) this.#messageIds.delete(message);
      else this.#messageIds.set(message, before);
    });
    return id;
  }

  #release(id: number): void {
    const left = (this.#references.get(id) ?? 1) - 1;
    this.#count(id, left);
    if (left <= 0) this.#run('removeMessage', id);
  }

  #count(id: number, references: number): void {
    const before = this.#references.get(id);
    if (references > 0) this.#references.set(id, references);
    else this.#references.delete(id);
    this.#undo.push(() => {
      if (before === undefined) this.#references.delete(id);
      else this.#references.set(id, before);
    });
  }

  #forgetRetained(topic: string): void {
    const row = this.#statement('retainedOf').get(topic) as Row | undefined;
    if (row) this.#release(row.message_id as number);
  }

  #run(name: StatementName, ...values: (string | number | null | Uint8Array)[]) {
    return this.#statement(name).run(...values);
  }

  #statement(name: StatementName): Statement {
    let statement = this.#prepared.get(name);
    if (!statement) {
      statement = this.#database!.prepare(statements[name]);
      this.#prepared.set(name, statement);
    }
    return statement;
  }
}

function openDatabase(file: string): Database {
  let database: Database;
  try {
    database = new DatabaseSync(file, { timeout: 5000 });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    const { user_version: version } = database.prepare('PRAGMA user_version').get() as {
      user_version: number;
    };
    if (version === 0) database.exec(`BEGIN; ${schema} COMMIT;`);
    else if (version !== schemaVersion) throw new Error(`its version is ${version}, not ${schemaVersion}`);
  } catch (error) {
    throw new MillraceError(
      'storage_corrupt',
      `The session store ${file} cannot be opened (${errorMessage(error)}): put it aside, or start with another file.`,
      { cause: error },
    );
  }
  return database;
}

function rowsOf(
  database: Database,
  table: 'subscriptions' | 'deliveries' | 'incoming',
  clientId: string,
): Row[] {
  return database.prepare(`SELECT * FROM ${table} WHERE client_id = ? ORDER BY 2`).all(clientId) as Row[];
}

function subscriptionOf(row: Row): Subscription {
  return {
    clientId: row.client_id as string,
    filter: row.filter as string,
    qos: row.qos as 0 | 1 | 2,
    noLocal: row.no_local === 1,
    retainAsPublished: row.retain_as_published === 1,
    identifier: (row.identifier as number | null) ?? undefined,
  };
}

function messageOf(row: Row): Message {
  return {
    topic: row.topic as string,
    payload: Buffer.from(row.payload as Uint8Array),
    qos: row.qos as 0 | 1 | 2,
    retain: row.retain === 1,
    properties: JSON.parse(row.properties as string, propertyFromJson) as PublishProperties,
    expiresAtMs: (row.expires_at_ms as number | null) ?? undefined,
    from: row.sender as string,
  };
}

function deliveryOf(row: Row, message: Message): QueuedDelivery {
  return {
    delivery: {
      message,
      qos: row.qos as 0 | 1 | 2,
      retain: row.retain === 1,
      identifiers: JSON.parse(row.identifiers as string) as number[],
    },
    order: row.position as number,
    packetId: row.packet_id as number,
    released: row.released === 1,
    // It may have been sent before the process ended.
    sent: (row.packet_id as number) > 0,
  };
}

/** Correlation data is the one property that is bytes; JSON sees it after `Buffer.toJSON`. */
function propertyToJson(key: string, value: unknown): unknown {
  if (key !== 'correlationData' || typeof value !== 'object' || value === null) return value;
  return Buffer.from((value as { data: number[] }).data).toString('base64');
}

function propertyFromJson(key: string, value: unknown): unknown {
  return key === 'correlationData' && typeof value === 'string' ? Buffer.from(value, 'base64') : value;
}
