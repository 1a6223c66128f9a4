import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { startTestPostgres, type TempDir, type TestPostgres, tempDir } from '@millrace/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { deviceEntry, principal, pumpMessage, submit } from '../ingest/fixtures.js';
import { MapDirectory } from '../ingest/map-directory.js';
import { River } from '../ingest/river.js';
import { Database } from './database.js';
import { migrations } from './migrations.js';

let server: TestPostgres;
let home: TempDir;
let database: Database;

beforeAll(async () => {
  server = await startTestPostgres();
  home = tempDir('rls');
  const passedIn = { clock: systemClock, logger: silentLogger };
  database = new Database({ dataDir: home.path, port: 0, url: server.url(), migrations, ...passedIn });
  await database.start();
  // The river makes the wide tables and, with an old row, a partition on demand.
  const directory = new MapDirectory(new Map([['acme', 1]]), [deviceEntry(1, 'P-1')]);
  const river = new River({ database, directory, random: systemRandom, ...passedIn });
  await river.start();
  const binding = river.ingress.bind(
    principal('P-1'),
    'acme/north/pumping/line-1/centrifugal-pump/P-1/telemetry',
  )!;
  const payload = pumpMessage('P-1', 1, { ts: Date.UTC(2014, 1, 3), meta: {} });
  expect(await submit(river.ingress, [{ binding, payload }])).toEqual([0]);
  await river.stop();
});

afterAll(async () => {
  await database?.stop();
  await server?.remove();
  home?.remove();
});

/** Tables that belong to no tenant. A new entry needs a reason. */
const withoutTenant = [
  // The schema's own history.
  'schema_migrations',
];

it('every table and every partition has a tenant and forced row-level security', async () => {
  const { rows } = await database.owner.query<{
    name: string;
    tenant: boolean;
    secured: boolean;
    policies: number;
  }>(`
    SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS secured,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull) AS tenant,
           (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
      FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`);
  const open = rows.filter((row) => !row.secured || !row.tenant || row.policies !== 1).map((row) => row.name);
  expect(open.sort()).toEqual(withoutTenant);
  const names = rows.map((row) => row.name);
  expect(names).toContain('telemetry_centrifugal_pump_20140203');
  expect(names.length).toBeGreaterThan(30);
});

it('the roles have what they need and nothing beyond it', async () => {
  const { rows: roles } = await database.owner.query(
    "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname LIKE 'millrace\\_%' ORDER BY 1",
  );
  expect(roles).toEqual([
    { rolname: 'millrace_app', rolsuper: false, rolbypassrls: false, rolcreaterole: false },
    { rolname: 'millrace_ingest', rolsuper: false, rolbypassrls: true, rolcreaterole: false },
  ]);
  const { rows: rights } = await database.owner.query<{ grantee: string; name: string; right: string }>(`
    SELECT grantee, table_name AS name, privilege_type AS right FROM information_schema.role_table_grants
     WHERE grantee IN ('millrace_app', 'millrace_ingest')`);
  // The role that bypasses row-level security writes and does not read.
  expect(rights.filter((each) => each.grantee === 'millrace_ingest' && each.right !== 'INSERT')).toEqual([]);
  // Nobody is granted a partition: a grant there would go past the parent's policy.
  const { rows: partitions } = await database.owner.query<{ name: string }>(
    'SELECT relname AS name FROM pg_class WHERE relispartition',
  );
  const partitionNames = new Set(partitions.map((row) => row.name));
  expect(rights.filter((each) => partitionNames.has(each.name))).toEqual([]);
});

it('the functions that go past row-level security are named, and open to nobody else', async () => {
  const { rows } = await database.owner.query<{ name: string; everyone: boolean }>(`
    SELECT p.proname AS name, has_function_privilege('public', p.oid, 'EXECUTE') AS everyone
      FROM pg_proc p WHERE p.prosecdef AND p.pronamespace = 'public'::regnamespace ORDER BY 1`);
  expect(rows.filter((row) => row.everyone)).toEqual([]);
  expect(rows.map((row) => row.name)).toEqual(
    expect.arrayContaining(['batch_committed', 'claim_message_ids']),
  );
});

it('the API role sees nothing of a table without a tenant set, whatever it asks', async () => {
  const { rows } = await database.app.query('SELECT count(*) AS count FROM telemetry_centrifugal_pump');
  expect(rows).toEqual([{ count: 0 }]);
  await expect(database.app.query('SELECT * FROM telemetry_centrifugal_pump_20140203')).rejects.toThrow(
    /permission denied/,
  );
  await expect(database.app.query('ALTER TABLE gaps DISABLE ROW LEVEL SECURITY')).rejects.toThrow(/owner/);
});
