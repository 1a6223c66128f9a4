import { X509Certificate } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { qualityFromOpcUa } from '@millrace/contracts';
import { silentLogger } from '@millrace/foundation';
import { ManualClock, type TempDir, tempDir, waitFor, within } from '@millrace/testing';
import modbusSerial from 'modbus-serial';
import {
  AttributeIds,
  type ClientSession,
  ClientSubscription,
  DataType,
  type DataValue,
  MessageSecurityMode,
  OPCUACertificateManager,
  OPCUAClient,
  SecurityPolicy,
  TimestampsToReturn,
  type UserIdentityInfo,
  UserTokenType,
} from 'node-opcua';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createField, type Field } from './field.js';
import { parseJournalLine } from './journal/journal.js';
import { decodeRaw, fromRaw, registerCount } from './modbus/registers.js';
import type { ModbusPoint } from './plants/map-types.js';

const clock = new ManualClock(Date.UTC(2026, 5, 1, 7, 30));
let dir: TempDir;
let field: Field;
let clients: OPCUACertificateManager;
const ModbusRTU = modbusSerial.default;
let modbus: InstanceType<typeof ModbusRTU>;
let unsub: (() => void)[] = [];

function makeField(name: string, more: Partial<Parameters<typeof createField>[0]> = {}): Field {
  return createField({
    plant: 'water-pumping-station',
    seed: 7,
    clock,
    logger: silentLogger,
    modbusPort: 0,
    opcuaPort: 0,
    pkiDir: join(dir.path, name, 'pki'),
    ...more,
  });
}

async function opcuaClient(options: { mode?: MessageSecurityMode; trusted?: boolean } = {}) {
  const file = join(dir.path, options.trusted === false ? 'stranger.pem' : 'client.pem');
  const client = OPCUAClient.create({
    applicationName: options.trusted === false ? 'Stranger' : 'Test client',
    securityMode: options.mode ?? MessageSecurityMode.SignAndEncrypt,
    securityPolicy:
      options.mode === MessageSecurityMode.None ? SecurityPolicy.None : SecurityPolicy.Basic256Sha256,
    clientCertificateManager: clients,
    certificateFile: file,
    connectionStrategy: { maxRetry: 0 },
    endpointMustExist: false,
  });
  if (!existsSync(file)) await client.createDefaultCertificate();
  return client;
}

async function session(user: UserIdentityInfo): Promise<ClientSession> {
  const client = await opcuaClient();
  await client.connect(field.opcua.endpointUrl);
  unsub.push(() => void client.disconnect());
  try {
    return await client.createSession(user);
  } catch (error) {
    await client.disconnect();
    throw error;
  }
}

const account = () => {
  const { user, password } = JSON.parse(readFileSync(field.opcua.credentialsFile, 'utf8'));
  return { type: UserTokenType.UserName, userName: user, password } as const;
};

async function readPoint(unitId: number, point: ModbusPoint): Promise<number> {
  modbus.setID(unitId);
  const count = registerCount(point.type);
  const { buffer } =
    point.table === 'input'
      ? await modbus.readInputRegisters(point.address, count)
      : await modbus.readHoldingRegisters(point.address, count);
  return fromRaw(decodeRaw(buffer, point.type, point.byteOrder), point.scaling);
}

const served = (deviceId: string) => field.status().devices.find((d) => d.deviceId === deviceId)!.tags;
const device = (id: string) => field.map.modbus.find((d) => d.deviceId === id)!;
const point = (id: string, tag: string) => device(id).points.find((p) => p.tag === tag)!;

beforeAll(async () => {
  dir = tempDir('field');
  field = makeField('main', { journalFile: join(dir.path, 'journal', 'served.ndjson') });
  clients = new OPCUACertificateManager({
    rootFolder: join(dir.path, 'client'),
    automaticallyAcceptUnknownCertificate: true,
  });
  await clients.initialize();
  await opcuaClient();
  mkdirSync(field.opcua.trustedClientsDir, { recursive: true });
  copyFileSync(join(dir.path, 'client.pem'), join(field.opcua.trustedClientsDir, 'client.pem'));
  await field.start();
  modbus = new ModbusRTU();
  modbus.setTimeout(1000);
  await modbus.connectTCP('127.0.0.1', { port: field.ports.modbus });
}, 60_000);

afterAll(async () => {
  for (const end of unsub) end();
  unsub = [];
  await new Promise<void>((resolve) => modbus.close(() => resolve()));
  await field.stop();
  await clients.dispose();
  expect(clock.pendingTimers).toBe(0);
  dir.remove();
});

describe('the Modbus side', () => {
  it('serves every tag of every device in its registers', async () => {
    clock.advance(5000);
    for (const { deviceId, unitId, points } of field.map.modbus)
      for (const p of points) {
        const truth = Number(served(deviceId)[p.tag]!.value);
        const got = await readPoint(unitId, p);
        const step =
          p.scaling.kind === 'linear'
            ? p.scaling.scale
            : p.scaling.kind === 'counts'
              ? 250 / 65_535
              : p.scaling.kind === 'current-loop'
                ? 10 / 16 / p.scaling.rawPerMa
                : p.type === 'uint16'
                  ? 1
                  : Math.abs(truth) * 1e-6 + 1e-9;
        expect(Math.abs(got - truth), `${deviceId}.${p.tag}`).toBeLessThanOrEqual(step / 2 + 1e-9);
      }
  });

  it('follows the clock: values move when time does', async () => {
    const before = await readPoint(4, point('EM-301', 'energy_kwh'));
    clock.advance(600_000);
    expect(await readPoint(4, point('EM-301', 'energy_kwh'))).toBeGreaterThan(before + 1);
  });

  it('answers addresses and units that are not there with their exception', async () => {
    modbus.setID(2);
    await expect(modbus.readHoldingRegisters(300, 1)).rejects.toMatchObject({ modbusCode: 2 });
    await expect(modbus.writeRegister(200, 1)).rejects.toMatchObject({ modbusCode: 2 });
    modbus.setID(77);
    await expect(modbus.readHoldingRegisters(0, 1)).rejects.toMatchObject({ modbusCode: 10 });
  });

  it('lets a client take a pump by hand, and refuses a set point out of bounds', async () => {
    modbus.setID(2);
    await expect(modbus.writeRegister(0, 9000)).rejects.toMatchObject({ modbusCode: 3 });
    await modbus.writeRegister(0, 2000);
    await modbus.writeCoil(1, true);
    expect((await modbus.readCoils(0, 2)).data.slice(0, 2)).toEqual([false, true]);
    clock.advance(30_000);
    expect(await readPoint(2, point('P-102', 'speed_rpm'))).toBeCloseTo(2000, -2);
    expect(await readPoint(2, point('P-102', 'run_state'))).toBe(1);
    await modbus.writeCoils(0, [false, false]);
    clock.advance(60_000);
    expect(await readPoint(2, point('P-102', 'run_state'))).toBe(0);
    await modbus.writeCoil(0, true);
  });

  it('shows a broken loop as no current, and never below 3.6 mA otherwise', async () => {
    field.fault('P-101', 'wire-break');
    modbus.setID(1);
    expect((await modbus.readInputRegisters(0, 1)).data).toEqual([0]);
    field.fault('P-101', 'wire-break', { clear: true });
    expect((await modbus.readInputRegisters(0, 1)).data[0]).toBeGreaterThan(3600);
  });

  it('keeps a device without power silent while its neighbours answer', async () => {
    field.fault('P-101', 'power-loss');
    modbus.setID(1);
    modbus.setTimeout(150);
    await expect(modbus.readInputRegisters(0, 1)).rejects.toThrow(/timed? ?out/i);
    modbus.setTimeout(1000);
    modbus.setID(4);
    expect((await modbus.readInputRegisters(0, 2)).data).toHaveLength(2);
    field.fault('P-101', 'power-loss', { clear: true });
    modbus.setID(1);
    expect((await modbus.readInputRegisters(0, 1)).data[0]).toBeGreaterThan(3600);
    expect(field.status().modbus.unanswered).toBe(1);
  });
});

describe('the OPC UA side', () => {
  it('refuses an unencrypted session, an anonymous user, a wrong password and an untrusted client', async () => {
    const plain = await opcuaClient({ mode: MessageSecurityMode.None });
    // The channel opens for GetEndpoints only.
    await plain.connect(field.opcua.endpointUrl);
    await expect(plain.createSession(account())).rejects.toThrow();
    await plain.disconnect();
    await expect(session({ type: UserTokenType.Anonymous })).rejects.toThrow(/ANONYMOUS|BadIdentityToken/);
    await expect(session({ ...account(), password: 'wrong' })).rejects.toThrow(/BadUserAccessDenied/);
    const stranger = await opcuaClient({ trusted: false });
    await expect(stranger.connect(field.opcua.endpointUrl)).rejects.toThrow();
    await stranger.disconnect();
    expect(readdirSync(field.opcua.rejectedClientsDir).length).toBeGreaterThan(0);
    expect(field.status().opcua.sessions).toBe(0);
  });

  it('accepts a refused client once its certificate is put on the trust list', async () => {
    copyFileSync(join(dir.path, 'stranger.pem'), join(field.opcua.trustedClientsDir, 'stranger.pem'));
    await waitFor(
      async () => {
        const client = await opcuaClient({ trusted: false });
        await client.connect(field.opcua.endpointUrl);
        await client.disconnect();
        return true;
      },
      { what: 'the trust list to be read again' },
    );
  });

  it('lets a user sign in by a trusted certificate and refuses an unknown one', async () => {
    const identity = async (name: string) => {
      const outputFile = join(dir.path, `${name}.pem`);
      await clients.createSelfSignedCertificate({
        applicationUri: `urn:test:${name}`,
        subject: `/CN=${name}`,
        dns: [],
        ip: [],
        outputFile,
        startDate: new Date(),
        validity: 30,
      });
      return {
        type: UserTokenType.Certificate,
        certificateData: new X509Certificate(readFileSync(outputFile)).raw,
        privateKey: readFileSync(clients.privateKey, 'utf8'),
      } as const;
    };
    const known = await identity('operator');
    mkdirSync(field.opcua.trustedUsersDir, { recursive: true });
    copyFileSync(join(dir.path, 'operator.pem'), join(field.opcua.trustedUsersDir, 'operator.pem'));
    const s = await waitFor(() => session(known), { what: 'the trust list to be read again' });
    expect((await s.read({ nodeId: 'ns=2;s=T-201.level_m' })).statusCode.name).toBe('Good');
    await s.close();
    await expect(session(await identity('nobody'))).rejects.toThrow(
      /BadIdentityTokenRejected|BadCertificate/,
    );
  });

  it('serves every tag with its time stamp, range and unit at the published node ids', async () => {
    const s = await session(account());
    const array = await s.readNamespaceArray();
    expect(array[field.map.opcua.namespaceIndex]).toBe(field.map.opcua.namespaceUri);
    for (const { deviceId, points } of field.map.opcua.devices)
      for (const p of points) {
        const got = await s.read({ nodeId: `ns=2;s=${p.nodeId}`, attributeId: AttributeIds.Value });
        expect(got.value.value, p.nodeId).toEqual(served(deviceId)[p.tag]!.value);
        expect(got.sourceTimestamp?.getTime()).toBe(field.status().measuredMs);
      }
    const range = await s.translateBrowsePath({
      startingNode: 'ns=2;s=P-103.pressure_bar',
      relativePath: {
        elements: ['EURange', 'EngineeringUnits'].slice(0, 1).map((name) => ({ targetName: { name } })),
      },
    });
    const { value } = await s.read({ nodeId: range.targets![0]!.targetId });
    expect([value.value.low, value.value.high]).toEqual([0, 10]);
    await s.close();
  });

  it('tells the gateway by status what is wrong, and withholds the value', async () => {
    const s = await session(account());
    const quality = async (node: string) => {
      const got = await s.read({ nodeId: `ns=2;s=${node}` });
      return [qualityFromOpcUa(got.statusCode.value), got.value.dataType] as const;
    };
    field.fault('P-103', 'wire-break', { tag: 'bearing_temp_c' });
    expect(await quality('P-103.bearing_temp_c')).toEqual([28, DataType.Null]);
    expect((await quality('P-103.flow_m3h'))[0]).toBe(192);
    field.fault('T-201', 'power-loss');
    expect((await quality('T-201.low_level_switch'))[0]).toBe(24);
    field.fault('P-103', 'wire-break', { clear: true });
    field.fault('T-201', 'power-loss', { clear: true });
    expect((await quality('P-103.bearing_temp_c'))[0]).toBe(192);
    expect(field.status().faults).toEqual([]);
    await s.close();
  });

  it('takes commands and refuses a set point out of bounds', async () => {
    const s = await session(account());
    const write = async (name: string, dataType: DataType, value: unknown) =>
      (
        await s.write({
          nodeId: `ns=2;s=P-103.${name}`,
          attributeId: AttributeIds.Value,
          value: { value: { dataType, value } },
        })
      ).name;
    expect(await write('speed_setpoint_rpm', DataType.Double, 100)).toBe('BadOutOfRange');
    expect(await write('speed_setpoint_rpm', DataType.Double, 1500)).toBe('Good');
    expect(await write('run_command', DataType.Boolean, true)).toBe('Good');
    clock.advance(30_000);
    expect(served('P-103').speed_rpm!.value).toBeCloseTo(1500, -2);
    expect(await write('auto', DataType.Boolean, true)).toBe('Good');
    await s.close();
  });

  it('journals what a subscription and a read carried', async () => {
    const s = await session(account());
    const subscription = ClientSubscription.create(s, {
      requestedPublishingInterval: 50,
      publishingEnabled: true,
    });
    const item = await subscription.monitor(
      { nodeId: 'ns=2;s=T-201.level_m', attributeId: AttributeIds.Value },
      { samplingInterval: 100, queueSize: 10 },
      TimestampsToReturn.Both,
    );
    const seen: DataValue[] = [];
    const three = new Promise<void>((resolve) =>
      item.on('changed', (value: DataValue) => {
        seen.push(value);
        if (seen.length === 3) resolve();
        else clock.advance(1000);
      }),
    );
    await within(three, 10_000, 'three notifications');
    const read = await s.read({ nodeId: 'ns=2;s=T-201.temp_c' });
    await field.flushJournal();
    const entries = readFileSync(join(dir.path, 'journal', 'served.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => parseJournalLine(line)!);
    const of = (tag: string) =>
      entries
        .filter((e) => e.deviceId === 'T-201' && e.tag === tag && e.protocol === 'opcua')
        .map((e) => [e.tsMs, e.value]);
    expect(of('level_m').slice(-3)).toEqual(
      seen.slice(0, 3).map((v) => [v.sourceTimestamp!.getTime(), v.value.value]),
    );
    expect(of('temp_c').at(-1)?.[1]).toBe(read.value.value);
    await subscription.terminate();
    await s.close();
  });
});

describe('the field', () => {
  it('journals each Modbus answer as the client decodes it', async () => {
    const p = point('P-102', 'bearing_temp_c');
    const got = await readPoint(2, p);
    await field.flushJournal();
    const last = readFileSync(join(dir.path, 'journal', 'served.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')
      .at(-1)!;
    expect(parseJournalLine(last)).toMatchObject({
      deviceId: 'P-102',
      tag: 'bearing_temp_c',
      value: got,
      quality: 192,
      protocol: 'modbus',
    });
  });

  it('says in one sentence that a port is taken, and leaves nothing running', async () => {
    const timers = clock.pendingTimers;
    const second = makeField('second', { modbusPort: field.ports.modbus });
    await expect(second.start()).rejects.toMatchObject({ code: 'port_taken' });
    const third = makeField('third', { opcuaPort: field.ports.opcua });
    await expect(third.start()).rejects.toMatchObject({ code: 'port_taken' });
    expect(clock.pendingTimers).toBe(timers);
  });

  it('ends what a stop finds half started, and starts again after it', async () => {
    const timers = clock.pendingTimers;
    const hasty = makeField('hasty');
    const starting = hasty.start();
    await Promise.all([hasty.stop(), hasty.stop(), starting]);
    expect(clock.pendingTimers).toBe(timers);
    await hasty.start();
    const port = hasty.ports.modbus;
    expect(hasty.status().devices[0]!.tags.speed_rpm!.quality).toBe(192);
    await hasty.stop();
    await expect(new ModbusRTU().connectTCP('127.0.0.1', { port })).rejects.toThrow(/ECONNREFUSED/);
  });

  it('keeps its counters over a restart', async () => {
    const stateFile = join(dir.path, 'state', 'plant.json');
    const energy = (f: Field) =>
      f.status().devices.find((d) => d.deviceId === 'EM-301')!.tags.energy_kwh!.value as number;
    const one = makeField('kept', { stateFile });
    await one.start();
    clock.advance(120_000);
    const before = energy(one);
    await one.stop();
    await one.stop();
    clock.advance(60_000);
    const two = makeField('kept', { stateFile, seed: 99 });
    await two.start();
    expect(energy(two)).toBeGreaterThan(before);
    expect(energy(two)).toBeLessThan(before + 10);
    await two.stop();
  });
});
