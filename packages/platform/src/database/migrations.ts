import { peopleAndTokens } from '../access/migrations/0001-people-and-tokens.js';
import { deadLetters } from '../dead-letters/migrations/0001-dead-letters.js';
import { deadLetterActions } from '../dead-letters/migrations/0002-dead-letter-actions.js';
import { events } from '../events/migrations/0001-events.js';
import { certificates } from '../identity/migrations/0001-certificates.js';
import { messageIds } from '../ingest/migrations/0001-message-ids.js';
import { ledger } from '../ledger/migrations/0001-ledger.js';
import { ownership } from '../ledger/migrations/0002-ownership.js';
import { lastValues } from '../live/migrations/0001-last-values.js';
import { tenantsAndDevices } from '../registry/migrations/0001-tenants-and-devices.js';
import type { Migration } from './migrate.js';

/**
 * Every migration in the order of application. Append at the end; never edit, reorder or remove a released one.
 */
export const migrations: readonly Migration[] = [
  messageIds,
  deadLetters,
  events,
  ledger,
  lastValues,
  tenantsAndDevices,
  certificates,
  peopleAndTokens,
  deadLetterActions,
  ownership,
];
