import type { DriverStatus, GatewayStatus } from '../status.js';

type Values = readonly (readonly [labels: string, value: number])[];

interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly read: (status: GatewayStatus) => Values;
}

const one = (value: number): Values => [['', value]];

const byDriver =
  (pick: (driver: DriverStatus) => number) =>
  (status: GatewayStatus): Values =>
    Object.entries(status.drivers).map(([name, driver]) => [`{driver="${name}"}`, pick(driver)] as const);

const metrics: readonly Metric[] = [
  {
    name: 'uptime_seconds',
    help: 'Since the process began.',
    type: 'gauge',
    read: (status) => one(status.uptime_s),
  },
  {
    name: 'outbox_unsent',
    help: 'Messages without an acknowledgement.',
    type: 'gauge',
    read: ({ outbox }) => one(outbox.unsent),
  },
  {
    name: 'outbox_oldest_seconds',
    help: 'Age of the oldest of them.',
    type: 'gauge',
    read: (status) => one(status.outbox_oldest_s),
  },
  {
    name: 'outbox_bytes',
    help: 'Size of the outbox in use.',
    type: 'gauge',
    read: ({ outbox }) => one(outbox.bytes),
  },
  {
    name: 'outbox_stored_total',
    help: 'Messages written.',
    type: 'counter',
    read: ({ outbox }) => one(outbox.stored),
  },
  {
    name: 'outbox_sent_total',
    help: 'Messages acknowledged.',
    type: 'counter',
    read: ({ outbox }) => one(outbox.sent),
  },
  {
    name: 'outbox_refused_total',
    help: 'Refusals by the platform.',
    type: 'counter',
    read: ({ outbox }) => one(outbox.refused),
  },
  {
    name: 'outbox_lost_total',
    help: 'Unsent messages dropped.',
    type: 'counter',
    read: ({ outbox }) => one(outbox.lost),
  },
  {
    name: 'outbox_write_failures_total',
    help: 'Transactions that failed.',
    type: 'counter',
    read: ({ outbox }) => one(outbox.writeFailures),
  },
  {
    name: 'uplink_connected',
    help: '1 while connected.',
    type: 'gauge',
    read: ({ uplink }) => one(uplink.state === 'connected' ? 1 : 0),
  },
  {
    name: 'uplink_in_flight',
    help: 'Sent and unacknowledged.',
    type: 'gauge',
    read: ({ uplink }) => one(uplink.inFlight),
  },
  {
    name: 'uplink_connects_total',
    help: 'Connections made.',
    type: 'counter',
    read: ({ uplink }) => one(uplink.connects),
  },
  {
    name: 'samples_total',
    help: 'Samples taken.',
    type: 'counter',
    read: (status) => one(status.samples.taken),
  },
  {
    name: 'samples_suppressed_total',
    help: 'Samples that the deadband dropped.',
    type: 'counter',
    read: (status) => one(status.samples.suppressed),
  },
  {
    name: 'driver_connected',
    help: '1 while connected.',
    type: 'gauge',
    read: byDriver((d) => (d.state === 'connected' ? 1 : 0)),
  },
  {
    name: 'driver_requests_total',
    help: 'Requests made.',
    type: 'counter',
    read: byDriver((d) => d.requests),
  },
  {
    name: 'driver_failures_total',
    help: 'Requests that failed.',
    type: 'counter',
    read: byDriver((d) => d.failures),
  },
  {
    name: 'driver_restarts_total',
    help: 'Restarts by the watchdog.',
    type: 'counter',
    read: byDriver((d) => d.restarts),
  },
];

/** The status as Prometheus text (exposition format 0.0.4). */
export function metricsText(status: GatewayStatus): string {
  return metrics.map((metric) => text(metric, metric.read(status))).join('');
}

function text({ name, help, type }: Metric, values: Values): string {
  const full = `millrace_edge_${name}`;
  const samples = values.map(([labels, value]) => `${full}${labels} ${value}\n`).join('');
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${samples}`;
}
