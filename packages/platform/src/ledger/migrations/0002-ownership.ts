import type { Migration } from '../../database/migrate.js';
import { tenantTableSql } from '../../database/row-level-security.js';

/**
 * Which ingest process may write the readings of which partition of the bus (docs/decisions/0005). `owner` is the
 * name of one tenure, never used twice; '' = given back. `hold_partitions` is the fence: it stands first in every
 * transaction of a tenure, fails when a partition was taken away, and until the transaction ends nobody can take one.
 */
export const ownership: Migration = {
  name: 'ledger/0002_ownership',
  sql: `
    CREATE TABLE ingest_ownership (
      tenant_id int NOT NULL DEFAULT 0,
      partition int PRIMARY KEY,
      owner text NOT NULL,
      taken_at timestamptz NOT NULL
    );
    ${tenantTableSql('ingest_ownership', {})}

    CREATE FUNCTION hold_partitions(tenure text, expected int) RETURNS void
      LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
      DECLARE held int;
      BEGIN
        SELECT count(*) INTO held
          FROM (SELECT FROM ingest_ownership WHERE owner = tenure FOR SHARE) AS mine;
        IF held <> expected THEN
          RAISE EXCEPTION 'tenure % holds % of its % partitions', tenure, held, expected USING ERRCODE = 'MR001';
        END IF;
      END $$;
    GRANT EXECUTE ON FUNCTION hold_partitions TO millrace_ingest;`,
};
