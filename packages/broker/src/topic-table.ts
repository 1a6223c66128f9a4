import { isUtf8 } from 'node:buffer';
import type { IngressBinding, PublishView } from '@millrace/mqtt';
import { isValidTopic, type Match } from './subscriptions.js';

/** What is known of a topic on one connection: asked once, used for every PUBLISH. */
export interface TopicEntry {
  readonly topic: string;
  readonly bytes: Buffer;
  readonly allowed: boolean;
  /** The ingress answers for the topic. */
  readonly binding: IngressBinding | undefined;
  /** Receivers, valid while the subscription tree has `matchVersion`. */
  matches: readonly Match[];
  matchVersion: number;
}

/** Topics kept for one connection; above it the table begins anew. */
const topicsMax = 20_000;

/** Topic bytes to entry, with the connection's topic aliases (MQTT 5, 3.3.2.3.4). */
export class TopicTable {
  readonly #resolve: (topic: string) => TopicEntry;
  readonly #byName = new Map<string, TopicEntry>();
  readonly #aliases = new Map<number, TopicEntry>();
  #last: TopicEntry | undefined;

  constructor(resolve: (topic: string) => TopicEntry) {
    this.#resolve = resolve;
  }

  /** Forgets every decision; asked for when rights or registrations change. */
  clear(): void {
    this.#byName.clear();
    this.#last = undefined;
    for (const [alias, entry] of this.#aliases) this.#aliases.set(alias, this.#resolve(entry.topic));
  }

  /** The entry, or the MQTT 5 reason code of a DISCONNECT. */
  resolve(
    bytes: Buffer,
    view: PublishView,
    alias: number | undefined,
    aliasMax: number,
  ): TopicEntry | number {
    if (alias !== undefined) return this.#resolveAlias(bytes, view, alias, aliasMax);
    // [MQTT-3.3.2-1], 4.7.3: without an alias there must be a topic name.
    return this.#resolveName(bytes, view) ?? 0x90;
  }

  #resolveAlias(bytes: Buffer, view: PublishView, alias: number, aliasMax: number): TopicEntry | number {
    // [MQTT-3.3.2-8], [MQTT-3.3.2-9]
    if (alias === 0 || alias > aliasMax) return 0x94;
    if (view.topicEnd === view.topicStart) return this.#aliases.get(alias) ?? 0x82;
    const entry = this.#resolveName(bytes, view);
    if (!entry) return 0x90;
    this.#aliases.set(alias, entry);
    return entry;
  }

  #resolveName(bytes: Buffer, view: PublishView): TopicEntry | undefined {
    const last = this.#last;
    const length = view.topicEnd - view.topicStart;
    if (
      last &&
      last.bytes.length === length &&
      last.bytes.compare(bytes, view.topicStart, view.topicEnd) === 0
    )
      return last;
    const key = bytes.toString('latin1', view.topicStart, view.topicEnd);
    let entry = this.#byName.get(key);
    if (!entry) {
      // [MQTT-1.5.4-1]: text that is not UTF-8 makes the packet malformed.
      if (!isUtf8(bytes.subarray(view.topicStart, view.topicEnd))) return undefined;
      const topic = bytes.toString('utf8', view.topicStart, view.topicEnd);
      if (!isValidTopic(topic)) return undefined;
      entry = this.#resolve(topic);
      if (this.#byName.size >= topicsMax) this.#byName.clear();
      this.#byName.set(key, entry);
    }
    this.#last = entry;
    return entry;
  }
}
