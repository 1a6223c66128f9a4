import type { Clock, Logger } from '@millrace/foundation';
import type { AccessService } from '../access/service.js';
import type { Database } from '../database/index.js';
import type { DeadLetterService } from '../dead-letters/index.js';
import type { EventService } from '../events/index.js';
import type { FleetService } from '../fleet/service.js';
import type { StreamHub } from '../fleet/stream.js';
import type { IdentityService } from '../identity/service.js';
import type { LedgerService } from '../ledger/index.js';
import type { RegistryService } from '../registry/service.js';
import type { StatusService } from '../status/service.js';
import type { TelemetryService } from '../telemetry/service.js';

/** What routes may call. */
export interface Services {
  readonly registry: RegistryService;
  readonly identity: IdentityService;
  readonly access: AccessService;
  readonly telemetry: TelemetryService;
  readonly fleet: FleetService;
  readonly stream: StreamHub;
  readonly ledger: LedgerService;
  readonly deadLetters: DeadLetterService;
  readonly events: EventService;
  readonly status: StatusService;
  readonly database: Database;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Address of the console as people type it. */
  readonly consoleUrl: () => string;
}
