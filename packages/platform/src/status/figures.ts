import type { MqttMessage } from '@millrace/mqtt';
import type { AccessService } from '../access/service.js';
import type { Database } from '../database/index.js';
import type { Bus } from '../engines/bus/index.js';
import type { StreamHub } from '../fleet/stream.js';
import type { FrontDoorLog } from '../identity/front-door.js';
import type { ServiceTls } from '../identity/pki.js';
import type { River } from '../ingest/index.js';
import type { RegistryService } from '../registry/service.js';
import type { StatusService } from './service.js';

/** The broker as the platform needs it. */
export interface AttachedBroker {
  publish(message: MqttMessage): unknown;
  disconnectClient(clientId: string, reason: string): unknown;
  /** Forgets cached rights: a registration may have given a gateway new ones. */
  refreshRights?(): void;
  /** Takes new certificates, CAs and revocation lists, for open connections too. */
  reloadTls?(tls: ServiceTls): void;
  /** Figures by name; those that are numbers are exposed. */
  stats(): object;
}

export interface FigureSources {
  /** Absent in a process that does not ingest. */
  readonly river: River | undefined;
  readonly bus: Bus;
  readonly hasBroker: boolean;
  readonly registry: RegistryService;
  readonly access: AccessService;
  readonly stream: StreamHub;
  readonly frontDoor: FrontDoorLog;
  readonly database: Database;
  readonly broker: () => AttachedBroker | undefined;
}

/** Not ready when the database has refused batches for longer, ms. */
const failingMsMax = 10_000;

const one = (value: () => number) => () => [['', value()] as const];

/** Registers the platform's figures and conditions of readiness. */
export function addFigures(status: StatusService, sources: FigureSources): void {
  addChecks(status, sources);
  if (sources.river !== undefined) addRiverFigures(status, sources.river, sources.database);
  status.figure({
    name: 'millrace_bus',
    help: 'Counts of the bus between broker and ingest since the start.',
    label: 'what',
    values: () => numbers(sources.bus.stats()),
  });
  addDoorFigures(status, sources);
}

function addChecks(status: StatusService, { river, hasBroker, broker }: FigureSources): void {
  if (river !== undefined)
    status.check(() => {
      const forMs = river.databaseFailingForMs;
      const ok = forMs < failingMsMax;
      const detail = ok ? 'stores' : `the database refuses batches for ${Math.round(forMs / 1000)} s`;
      return { name: 'ingest', ok, detail };
    });
  if (hasBroker)
    status.check(() => {
      const ok = broker() !== undefined;
      return { name: 'broker', ok, detail: ok ? 'listens' : 'does not listen yet' };
    });
}

function addRiverFigures(status: StatusService, river: River, database: Database): void {
  status.figure({
    name: 'millrace_ingest',
    help: 'Counts of the river since the start: messages, values and events.',
    label: 'what',
    values: () => numbers(river.ingress.counts),
  });
  status.figure({
    name: 'millrace_dead_letters',
    help: 'Dead letters since the start, by reason.',
    label: 'reason',
    values: () => river.ingress.deadLettersByReason,
  });
  status.figure({
    name: 'millrace_gateway_clock_offset_ms',
    help: 'Clock of a gateway (or of a device with its own connection) against the platform; positive = ahead.',
    label: 'gateway',
    values: () => river.clocks.gatewayOffsets(),
  });
  status.figure({
    name: 'millrace_ingest_held_rows',
    help: 'Rows taken and not yet committed.',
    values: one(() => river.ingress.heldRows),
  });
  status.figure({
    name: 'millrace_store',
    help: 'Counts of the store since the start.',
    label: 'what',
    values: () => numbers(river.storeCounts),
  });
  status.figure({
    name: 'millrace_database_restarts',
    help: 'Times the embedded database was started again.',
    values: one(() => database.restarts),
  });
}

function addDoorFigures(status: StatusService, sources: FigureSources): void {
  const { registry, access, stream, frontDoor, broker } = sources;
  status.figure({
    name: 'millrace_front_door',
    help: 'What happened at the broker’s front door since the start.',
    label: 'event',
    values: () => frontDoor.counts,
  });
  status.figure({
    name: 'millrace_broker',
    help: 'Figures of the broker.',
    label: 'what',
    values: () => numbers(broker()?.stats() ?? {}),
  });
  status.figure({
    name: 'millrace_devices',
    help: 'Registered devices.',
    values: one(() => registry.directory.size),
  });
  status.figure({
    name: 'millrace_credentials_refused',
    help: 'Bad tokens, sessions and links since the start.',
    values: one(() => access.refused),
  });
  status.figure({
    name: 'millrace_stream_clients',
    help: 'Open event streams.',
    values: one(() => stream.clients),
  });
  status.figure({
    name: 'millrace_stream_cut_off',
    help: 'Streams cut off because they were not read.',
    values: one(() => stream.cutOff),
  });
}

/** The numbers among an object's members, with their names in snake case as Prometheus has it. */
function numbers(figures: object): [string, number][] {
  return Object.entries(figures)
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]);
}
