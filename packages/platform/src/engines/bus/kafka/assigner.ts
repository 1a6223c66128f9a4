import type { GroupPartitionsAssigner } from '@platformatic/kafka';

/**
 * Gives partition p of every topic to the same member (the p-th modulo their number, by member id), because what a
 * gateway says in `device-events` concerns readings in `raw-telemetry`.
 */
export const togetherAssigner: GroupPartitionsAssigner = (_current, members, topics, metadata) => {
  const memberIds = [...members.keys()].sort();
  return memberIds.map((memberId, at) => ({
    memberId,
    assignments: new Map(
      [...topics].map((topic) => {
        const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
        const all = Array.from({ length: count }, (_, partition) => partition);
        return [topic, { topic, partitions: all.filter((p) => p % memberIds.length === at) }];
      }),
    ),
  }));
};
