import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import { freePort, tempDir, waitFor } from '@millrace/testing';
import { expect, it } from 'vitest';
import { Database, migrations } from '../database/index.js';
import { deviceEntry, principal, pumpMessage, submit } from './fixtures.js';
import { MapDirectory } from './map-directory.js';
import { River } from './river.js';

it('goes on by itself when the embedded database is killed, and loses nothing', async () => {
  const home = tempDir('embedded');
  const passedIn = { clock: systemClock, logger: silentLogger };
  const database = new Database({ dataDir: home.path, port: await freePort(), migrations, ...passedIn });
  const directory = new MapDirectory(new Map([['acme', 1]]), [deviceEntry(1, 'P-1')]);
  const river = new River({ database, directory, random: systemRandom, ...passedIn });
  try {
    await database.start();
    await river.start();
    const topic = 'acme/north/pumping/line-1/centrifugal-pump/P-1/telemetry';
    const binding = river.ingress.bind(principal('P-1'), topic)!;
    const settled: Promise<number[]>[] = [];
    for (let seq = 1; seq <= 2_000; seq += 100) {
      const rows = Array.from({ length: 100 }, (_, i) => ({
        binding,
        payload: pumpMessage('P-1', seq + i, { meta: {} }),
      }));
      settled.push(submit(river.ingress, rows));
      await new Promise((resolve) => setImmediate(resolve));
      if (seq === 501 || seq === 1_501) {
        const pid = await waitFor(() => database.serverPid);
        process.kill(pid, 'SIGKILL');
        await waitFor(() => database.serverPid !== undefined && database.serverPid !== pid);
      }
    }
    expect((await Promise.all(settled)).flat().every((code) => code === 0)).toBe(true);
    // A server killed while it still recovers did not come back in between, so it counts once or twice.
    expect(database.restarts).toBeGreaterThanOrEqual(1);
    const count = () =>
      database.owner
        .query('SELECT count(*) AS rows, count(DISTINCT seq) AS numbers FROM telemetry_centrifugal_pump')
        .then(({ rows }) => rows[0] as object);
    await waitFor(count);
    expect(await count()).toEqual({ rows: 2_000, numbers: 2_000 });
  } finally {
    await river.stop();
    await database.stop();
    home.remove();
  }
}, 60_000);
