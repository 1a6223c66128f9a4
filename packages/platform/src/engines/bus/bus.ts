import type { Clock, Logger, Random, Service } from '@millrace/foundation';
import type { Ingress } from '@millrace/mqtt';
import type { DeviceDirectory } from '../../ingest/device-directory.js';

/** The river as a bus sees it. */
export interface BusSink {
  /** Where messages go in. Valid once the river is started. */
  readonly ingress: Ingress;
  /** From here on this process alone writes the devices of these partitions, of `count` in all. */
  own(partitions: readonly number[], count: number): Promise<void>;
  /** Commits what was taken and gives the partitions back. */
  release(): Promise<void>;
  /** Told when another process took partitions over although nobody said so. */
  onOwnershipLost: () => void;
}

/** What engines of this kind are made from. */
export interface BusOptions {
  /** Addresses of the bus, e.g. `kafka://host:port,host:port`; not used by the embedded one. */
  readonly url: string | undefined;
  /** Partitions of topics that are not there yet. */
  readonly partitions: number;
  /** Name of the ingest processes that share the work. */
  readonly group: string;
  /** After this time without a sign of life a process's partitions go to others, s. */
  readonly sessionTimeoutS: number;
  readonly directory: DeviceDirectory;
  /** Reads the registry again: a device may have been registered by another process. */
  readonly refreshDirectory: () => Promise<void>;
  /** Absent in a process that does not ingest. */
  readonly sink: BusSink | undefined;
  /** False in a process without a broker; then nothing but what lies in the wrong partition is written. */
  readonly produces: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * The way of a message from the front door to the river. What every engine promises:
 * a PUBLISH batch is settled only when its messages survive the end of any one process; each is given to the river
 * until it is committed there, so at least once; those of one device come in the order in which they were settled.
 */
export interface Bus extends Service {
  /** What stands behind the broker. Valid once started. */
  readonly ingress: Ingress;
  /** Figures by name, for metrics. */
  stats(): Readonly<Record<string, number>>;
}
