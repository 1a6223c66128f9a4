import { isExpired, type Message } from './session.js';
import { shareOf } from './subscriptions.js';

/** Retained messages kept; a publish that would exceed it is answered with quota exceeded. */
export const retainedMax = 100_000;

/** The last retained message of each topic (MQTT 5, 3.3.1.3). */
export class RetainedMessages {
  readonly #byTopic = new Map<string, Message>();

  get size(): number {
    return this.#byTopic.size;
  }

  /** Keeps, replaces or (with an empty payload) forgets. False when there is no room for one more topic. */
  set(message: Message): boolean {
    if (message.payload.length === 0) {
      this.#byTopic.delete(message.topic);
      return true;
    }
    if (!this.#byTopic.has(message.topic) && this.#byTopic.size >= retainedMax) return false;
    this.#byTopic.set(message.topic, message);
    return true;
  }

  /** The messages a new subscription with `filter` receives; none for a shared one (4.8.2). */
  matching(filter: string, nowMs: number): Message[] {
    if (shareOf(filter)?.share !== undefined) return [];
    const levels = filter.split('/');
    if (!levels.includes('+') && !levels.includes('#')) {
      const exact = this.#byTopic.get(filter);
      return exact && !isExpired(exact, nowMs) ? [exact] : [];
    }
    const found: Message[] = [];
    for (const [topic, message] of this.#byTopic) {
      if (isExpired(message, nowMs)) this.#byTopic.delete(topic);
      else if (matches(levels, topic.split('/'))) found.push(message);
    }
    return found;
  }
}

function matches(filter: readonly string[], topic: readonly string[]): boolean {
  // [MQTT-4.7.2-1]
  if (topic[0]?.startsWith('$') && (filter[0] === '#' || filter[0] === '+')) return false;
  for (let i = 0; i < filter.length; i++) {
    if (filter[i] === '#') return true;
    if (i >= topic.length || (filter[i] !== '+' && filter[i] !== topic[i])) return false;
  }
  return filter.length === topic.length;
}
