import { errorMessage, MillraceError } from '@millrace/foundation';
import type { BusOptions } from '../bus.js';

/** Names on the wire; they never change. */
export const topics = {
  telemetry: 'raw-telemetry',
  events: 'device-events',
  acks: 'commands-ack',
  billing: 'billing-events',
} as const;

/** What ingest reads. */
export const feedTopics: readonly string[] = [topics.telemetry, topics.events];

/** `host:port` of every broker named by `kafka://host:port[,host:port]`. */
export function bootstrapBrokers(url: string | undefined): string[] {
  const match = /^kafka:\/\/([^/?#]+)\/?$/.exec(url ?? '');
  const hosts = (match?.[1] ?? '').split(',').filter((host) => /^[^:\s]+:\d{1,5}$/.test(host));
  if (hosts.length === 0)
    throw new MillraceError(
      'config_invalid',
      `The bus address "${url ?? ''}" is not understood: write kafka://host:port[,host:port].`,
    );
  return hosts;
}

type Kafka = typeof import('@platformatic/kafka');

/** Makes the topics that are missing; returns how many partitions `raw-telemetry` and `device-events` have. */
export async function ensureTopics(kafka: Kafka, brokers: string[], options: BusOptions): Promise<number> {
  const admin = new kafka.Admin({ clientId: 'millrace-admin', bootstrapBrokers: brokers, timeout: 10_000 });
  try {
    for (const topic of Object.values(topics)) {
      const known = await admin.listTopics({});
      if (known.includes(topic)) continue;
      try {
        await admin.createTopics({ topics: [topic], partitions: options.partitions, replicas: -1 });
      } catch (error) {
        // Another process may have been quicker.
        if (!(await admin.listTopics({})).includes(topic)) throw error;
      }
    }
    const metadata = await admin.metadata({ topics: [...feedTopics], forceUpdate: true });
    const counts = feedTopics.map((topic) => metadata.topics.get(topic)?.partitionsCount ?? 0);
    if (counts[0] === 0 || counts.some((count) => count !== counts[0]))
      throw new MillraceError(
        'config_invalid',
        `The Kafka topics ${feedTopics.join(' and ')} must have the same number of partitions, not ${counts.join(' and ')}: add partitions to the smaller one.`,
      );
    return counts[0]!;
  } catch (error) {
    if (error instanceof MillraceError) throw error;
    throw new MillraceError(
      'uplink_unavailable',
      `Kafka at ${brokers.join(', ')} cannot be used: ${errorMessage(error)}. Check the address, and that it runs.`,
      { cause: error },
    );
  } finally {
    await admin.close().catch(() => {});
  }
}
