import type { GatewayStatus } from '../status.js';

interface Line {
  readonly name: string;
  readonly help: string;
  readonly type: 'gauge' | 'counter';
  readonly values: readonly (readonly [labels: string, value: number])[];
}

/** The status as Prometheus text (exposition format 0.0.4). */
export function metricsText(status: GatewayStatus): string {
  const drivers = Object.entries(status.drivers);
  const by = (pick: (driver: GatewayStatus['drivers'][string]) => number) =>
    drivers.map(([name, driver]) => [`{driver="${name}"}`, pick(driver)] as const);
  const one = (value: number): Line['values'] => [['', value]];
  const { outbox, uplink } = status;
  const lines: Line[] = [
    { name: 'uptime_seconds', help: 'Since the process began.', type: 'gauge', values: one(status.uptime_s) },
    {
      name: 'outbox_unsent',
      help: 'Messages without an acknowledgement.',
      type: 'gauge',
      values: one(outbox.unsent),
    },
    {
      name: 'outbox_oldest_seconds',
      help: 'Age of the oldest of them.',
      type: 'gauge',
      values: one(status.outbox_oldest_s),
    },
    { name: 'outbox_bytes', help: 'Size of the outbox in use.', type: 'gauge', values: one(outbox.bytes) },
    { name: 'outbox_stored_total', help: 'Messages written.', type: 'counter', values: one(outbox.stored) },
    { name: 'outbox_sent_total', help: 'Messages acknowledged.', type: 'counter', values: one(outbox.sent) },
    {
      name: 'outbox_refused_total',
      help: 'Refusals by the platform.',
      type: 'counter',
      values: one(outbox.refused),
    },
    {
      name: 'outbox_lost_total',
      help: 'Unsent messages dropped.',
      type: 'counter',
      values: one(outbox.lost),
    },
    {
      name: 'outbox_write_failures_total',
      help: 'Transactions that failed.',
      type: 'counter',
      values: one(outbox.writeFailures),
    },
    {
      name: 'uplink_connected',
      help: '1 while connected.',
      type: 'gauge',
      values: one(uplink.state === 'connected' ? 1 : 0),
    },
    {
      name: 'uplink_in_flight',
      help: 'Sent and unacknowledged.',
      type: 'gauge',
      values: one(uplink.inFlight),
    },
    {
      name: 'uplink_connects_total',
      help: 'Connections made.',
      type: 'counter',
      values: one(uplink.connects),
    },
    { name: 'samples_total', help: 'Samples taken.', type: 'counter', values: one(status.samples.taken) },
    {
      name: 'samples_suppressed_total',
      help: 'Samples that the deadband dropped.',
      type: 'counter',
      values: one(status.samples.suppressed),
    },
    {
      name: 'driver_connected',
      help: '1 while connected.',
      type: 'gauge',
      values: by((d) => (d.state === 'connected' ? 1 : 0)),
    },
    { name: 'driver_requests_total', help: 'Requests made.', type: 'counter', values: by((d) => d.requests) },
    {
      name: 'driver_failures_total',
      help: 'Requests that failed.',
      type: 'counter',
      values: by((d) => d.failures),
    },
    {
      name: 'driver_restarts_total',
      help: 'Restarts by the watchdog.',
      type: 'counter',
      values: by((d) => d.restarts),
    },
  ];
  return lines.map(text).join('');
}

function text({ name, help, type, values }: Line): string {
  const full = `millrace_edge_${name}`;
  const samples = values.map(([labels, value]) => `${full}${labels} ${value}\n`).join('');
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${samples}`;
}
