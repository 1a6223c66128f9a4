import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { qualityFromOpcUa } from '@millrace/contracts';
import { silentLogger } from '@millrace/foundation';
import { ManualClock, peer, requirePeer, type TempDir, tempDir } from '@millrace/testing';
import { OPCUACertificateManager } from 'node-opcua';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createField, type Field } from './field.js';
import { fromRaw } from './modbus/registers.js';
import type { ModbusPoint } from './plants/map-types.js';

// Foreign clients, written by others in other languages, read the whole map; what they see must be what the plant
// has. The clock stands still meanwhile, so the values compared are the same ones.

const run = promisify(execFile);
let dir: TempDir;
let field: Field;
let clients: OPCUACertificateManager;

beforeAll(async () => {
  dir = tempDir('field-peers');
  field = createField({
    plant: 'water-pumping-station',
    seed: 11,
    clock: new ManualClock(Date.UTC(2026, 2, 3, 19, 0)),
    logger: silentLogger,
    modbusPort: 0,
    opcuaPort: 0,
    pkiDir: join(dir.path, 'pki'),
  });
  clients = new OPCUACertificateManager({ rootFolder: join(dir.path, 'client') });
  await clients.initialize();
  await clients.createSelfSignedCertificate({
    applicationUri: 'urn:test:foreign',
    subject: '/CN=foreign',
    dns: ['localhost'],
    ip: [],
    outputFile: join(dir.path, 'client.pem'),
    startDate: new Date(),
    validity: 30,
  });
  mkdirSync(field.opcua.trustedClientsDir, { recursive: true });
  copyFileSync(join(dir.path, 'client.pem'), join(field.opcua.trustedClientsDir, 'foreign.pem'));
  await field.start();
}, 60_000);

afterAll(async () => {
  await field.stop();
  await clients.dispose();
  dir.remove();
});

const served = (deviceId: string) => field.status().devices.find((d) => d.deviceId === deviceId)!.tags;

describe.skipIf(!requirePeer('mbpoll'))('mbpoll', () => {
  /** Numbers mbpoll prints for `[address]: value` lines. `type` is its -t code; -B means big-endian words. */
  async function poll(unitId: number, type: string, address: number, more: string[] = []): Promise<number[]> {
    const { stdout } = await run(peer('mbpoll').path, [
      ...['-m', 'tcp', '-p', String(field.ports.modbus), '-a', String(unitId)],
      ...['-t', type, '-0', '-r', String(address), '-c', '1', '-1', '-q', ...more, '127.0.0.1'],
    ]);
    return [...stdout.matchAll(/^\[\d+\]:\s+(\S+)/gm)].map((match) => Number(match[1]));
  }

  const direct: [RegExp, string][] = [
    // mbpoll reads 32-bit values in the word order CDAB, and ABCD with -B; it has no byte-swapped forms.
    [/^float32 (ABCD|CDAB)$/, ':float'],
    [/^u?int32 (ABCD|CDAB)$/, ':int'],
    [/^u?int16 ABCD$/, ''],
  ];

  async function read(unitId: number, p: ModbusPoint): Promise<number | undefined> {
    const form = direct.find(([pattern]) => pattern.test(`${p.type} ${p.byteOrder}`));
    if (!form) return undefined;
    const words = p.type.endsWith('32') && p.byteOrder === 'ABCD' ? ['-B'] : [];
    const [raw] = await poll(unitId, `${p.table === 'input' ? 3 : 4}${form[1]}`, p.address, words);
    const signed = p.type === 'int16' && raw! > 32_767 ? raw! - 65_536 : raw!;
    return fromRaw(signed, p.scaling);
  }

  it('reads every register whose byte order it knows, as the plant has it', async () => {
    let compared = 0;
    for (const { deviceId, unitId, points } of field.map.modbus)
      for (const p of points) {
        const got = await read(unitId, p);
        if (got === undefined) continue;
        const truth = Number(served(deviceId)[p.tag]!.value);
        expect(Math.abs(got - truth), `${deviceId}.${p.tag}: ${got} for ${truth}`).toBeLessThan(
          Math.max(0.1, Math.abs(truth) * 1e-3),
        );
        compared++;
      }
    expect(compared).toBeGreaterThan(15);
  });

  it('is told a wrong address, and gets no answer from a device without power', async () => {
    await expect(poll(1, '4', 4000)).rejects.toMatchObject({
      stderr: expect.stringContaining('Illegal data address'),
    });
    field.fault('EM-301', 'power-loss');
    await expect(poll(4, '3', 0, ['-o', '0.2'])).rejects.toMatchObject({
      stderr: expect.stringContaining('timed out'),
    });
    field.fault('EM-301', 'power-loss', { clear: true });
    expect(await poll(4, '3', 0)).toHaveLength(1);
  });

  it('writes a set point by function 6 and a coil by function 5, and reads them back', async () => {
    const write = ['-m', 'tcp', '-p', String(field.ports.modbus), '-a', '1', '-0', '-r', '0', '-q'];
    await run(peer('mbpoll').path, [...write, '-t', '4', '127.0.0.1', '2222']);
    expect(await poll(1, '4', 0)).toEqual([2222]);
    await run(peer('mbpoll').path, [...write, '-t', '0', '127.0.0.1', '1']);
    expect(await poll(1, '0', 0)).toEqual([1]);
  });
});

const script = `
import asyncio, json, sys
from asyncua import Client, ua

async def main(job):
    client = Client(job["url"])
    client.application_uri = "urn:test:foreign"
    client.set_user(job["user"])
    client.set_password(job["password"])
    await client.set_security_string("Basic256Sha256,SignAndEncrypt,%s,%s" % (job["cert"], job["key"]))
    out = {}
    async with client:
        out["namespace"] = await client.get_namespace_index(job["namespace"])
        out["values"] = {}
        for name in job["nodes"]:
            node = client.get_node("ns=2;s=" + name)
            got = await node.read_data_value(raise_on_bad_status=False)
            out["values"][name] = [got.Value.Value if got.Value else None, got.StatusCode.value, got.SourceTimestamp.isoformat()]
        unit = await client.get_node("ns=2;s=P-103.pressure_bar").get_child("0:EngineeringUnits")
        info = await unit.read_value()
        out["unit"] = [info.DisplayName.Text, info.UnitId]
    print(json.dumps(out))

asyncio.run(main(json.load(open(sys.argv[1]))))
`;

describe.skipIf(!requirePeer('asyncua'))('asyncua', () => {
  it('signs in, encrypted, and reads every node with value, status and time stamp', async () => {
    const { user, password } = JSON.parse(readFileSync(field.opcua.credentialsFile, 'utf8'));
    const points = field.map.opcua.devices.flatMap((d) =>
      d.points.map((p) => ({ deviceId: d.deviceId, tag: p.tag, nodeId: p.nodeId })),
    );
    field.fault('P-103', 'wire-break');
    writeFileSync(join(dir.path, 'read.py'), script);
    writeFileSync(
      join(dir.path, 'job.json'),
      JSON.stringify({
        url: field.opcua.endpointUrl,
        user,
        password,
        cert: join(dir.path, 'client.pem'),
        key: clients.privateKey,
        namespace: field.map.opcua.namespaceUri,
        nodes: points.map((p) => p.nodeId),
      }),
    );
    const python = peer('asyncua');
    const { stdout } = await run(python.path, [join(dir.path, 'read.py'), join(dir.path, 'job.json')], {
      env: { ...process.env, ...python.env },
    });
    const out = JSON.parse(stdout) as {
      namespace: number;
      unit: [string, number];
      values: Record<string, [number | boolean | null, number, string]>;
    };
    expect(out.namespace).toBe(2);
    expect(out.unit).toEqual(['bar', 0x424152]);
    for (const { deviceId, tag, nodeId } of points) {
      const [value, status, at] = out.values[nodeId]!;
      const truth = served(deviceId)[tag]!;
      const broken = nodeId === 'P-103.pressure_bar';
      expect([nodeId, value, qualityFromOpcUa(status)]).toEqual(
        broken ? [nodeId, null, 28] : [nodeId, truth.value, 192],
      );
      expect(Date.parse(`${at.replace(/(\+00:00|Z)$/, '')}Z`)).toBe(field.status().measuredMs);
    }
    field.fault('P-103', 'wire-break', { clear: true });
  });
});
