import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/**
 * What was done with dead letters, by whom and when. `settle_replay` runs in the transaction that stores the replayed
 * rows, so that a letter counts as stored exactly when its reading is.
 */
export const deadLetterActions: Migration = {
  name: 'dead-letters/0002_dead_letter_actions',
  sql: `
    ALTER TABLE dead_letters ADD CONSTRAINT dead_letters_status
      CHECK (status IN ('kept', 'stored', 'duplicate', 'discarded'));
    GRANT UPDATE (payload) ON dead_letters TO millrace_app;
    CREATE INDEX dead_letters_kept ON dead_letters (tenant_id, dead_letter_id) WHERE status = 'kept';

    CREATE TABLE dead_letter_actions (
      action_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tenant_id int NOT NULL,
      dead_letter_id bigint NOT NULL REFERENCES dead_letters,
      at timestamptz NOT NULL,
      by_whom text NOT NULL,
      outcome text NOT NULL CHECK (outcome IN ('stored', 'duplicate', 'refused', 'discarded')),
      detail text NOT NULL
    );
    CREATE INDEX dead_letter_actions_letter ON dead_letter_actions (dead_letter_id, action_id);
    ${tenantTableSql('dead_letter_actions', { app: 'SELECT, INSERT' })}

    CREATE FUNCTION settle_replay(tenant int, letter bigint, became text, who text, done_at timestamptz, why text)
      RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
        UPDATE dead_letters SET status = became
          WHERE dead_letter_id = letter AND tenant_id = tenant AND status = 'kept' AND became <> 'refused';
        INSERT INTO dead_letter_actions (tenant_id, dead_letter_id, at, by_whom, outcome, detail)
          VALUES (tenant, letter, done_at, who, became, why);
      $$;
    GRANT EXECUTE ON FUNCTION settle_replay TO millrace_ingest;`,
};
