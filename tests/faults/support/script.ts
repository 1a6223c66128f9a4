import { type Random, seededRandom } from '@millrace/foundation';

/** What goes wrong. Times in ms of the virtual clock. */
export type Fault =
  | { readonly kind: 'gateway_kill'; readonly downMs: number }
  | { readonly kind: 'gateway_clock'; readonly stepMs: number }
  | { readonly kind: 'link_cut' }
  | { readonly kind: 'link_refused'; readonly forMs: number }
  | { readonly kind: 'link_half_open'; readonly forMs: number }
  | { readonly kind: 'puback_lost'; readonly forMs: number }
  | { readonly kind: 'link_slow'; readonly forMs: number; readonly latencyMs: number }
  | { readonly kind: 'duplicate_storm'; readonly forMs: number }
  | { readonly kind: 'reorder'; readonly forMs: number; readonly holdMs: number }
  | { readonly kind: 'platform_restart' }
  | { readonly kind: 'platform_kill'; readonly downMs: number; readonly deliver: boolean }
  | { readonly kind: 'database_kill'; readonly downMs: number }
  | { readonly kind: 'database_restart'; readonly downMs: number }
  | { readonly kind: 'commit_answer_lost' }
  | { readonly kind: 'database_cut' }
  /** Writes stall while reads go on, as with a disk that does not answer and a warm cache. */
  | { readonly kind: 'database_stall'; readonly forMs: number }
  | { readonly kind: 'database_slow'; readonly forMs: number; readonly latencyMs: number };

export interface Step {
  readonly atMs: number;
  readonly fault: Fault;
}

/** One seed's script: the same for ever, so that a failure can be run again by its number. */
export interface Script {
  readonly seed: number;
  readonly lengthMs: number;
  /** Size of the outbox; the small one is full within seconds of an outage. */
  readonly outboxBytes: number;
  readonly memoryRows: number;
  /** Messages that the gateway has on their way at a time. */
  readonly inFlight: number;
  /** Messages that the devices make in 20 ms, at most. */
  readonly burst: number;
  readonly steps: readonly Step[];
}

const dayMs = 86_400_000;

/** Each maker's weight is how often it stands in the list; the two that restart the server cost a second each. */
const makers: readonly ((random: Random) => Fault)[] = [
  (random) => ({ kind: 'gateway_kill', downMs: random.int(600) }),
  (random) => ({ kind: 'gateway_kill', downMs: random.int(60) }),
  (random) => ({ kind: 'gateway_clock', stepMs: random.next() < 0.5 ? dayMs : -dayMs }),
  () => ({ kind: 'link_cut' }),
  () => ({ kind: 'link_cut' }),
  (random) => ({ kind: 'link_refused', forMs: 200 + random.int(3_000) }),
  (random) => ({ kind: 'link_half_open', forMs: 200 + random.int(4_000) }),
  (random) => ({ kind: 'puback_lost', forMs: 100 + random.int(1_500) }),
  (random) => ({ kind: 'link_slow', forMs: 1_000 + random.int(2_000), latencyMs: 20 + random.int(200) }),
  (random) => ({ kind: 'duplicate_storm', forMs: 500 + random.int(3_000) }),
  (random) => ({ kind: 'reorder', forMs: 500 + random.int(3_000), holdMs: 20 + random.int(300) }),
  () => ({ kind: 'platform_restart' }),
  (random) => ({ kind: 'platform_kill', downMs: random.int(500), deliver: random.next() < 0.5 }),
  () => ({ kind: 'platform_kill', downMs: 0, deliver: true }),
  () => ({ kind: 'commit_answer_lost' }),
  () => ({ kind: 'commit_answer_lost' }),
  () => ({ kind: 'database_cut' }),
  (random) => ({ kind: 'database_stall', forMs: 500 + random.int(2_500) }),
  (random) => ({ kind: 'database_slow', forMs: 1_000 + random.int(2_000), latencyMs: 20 + random.int(150) }),
];

export function scriptOf(seed: number): Script {
  const random = seededRandom(seed);
  const lengthMs = 3_000 + random.int(3_000);
  const steps: Step[] = [];
  const count = 3 + random.int(6);
  for (let i = 0; i < count; i++) {
    const fault = makers[random.int(makers.length)]!(random);
    steps.push({ atMs: 300 + random.int(lengthMs - 300), fault });
  }
  if (random.next() < 0.2) {
    const kind = random.next() < 0.6 ? 'database_kill' : 'database_restart';
    steps.push({
      atMs: 300 + random.int(lengthMs - 300),
      fault: { kind, downMs: random.int(1_500) },
    });
  }
  steps.sort((a, b) => a.atMs - b.atMs);
  const small = random.next() < 0.25;
  return {
    seed,
    lengthMs,
    outboxBytes: small ? 160 * 1024 : 64 * 1024 * 1024,
    memoryRows: small ? 40 : 1_000,
    inFlight: random.next() < 0.3 ? 5 + random.int(20) : 300,
    burst: 2 + random.int(12),
    steps,
  };
}
