import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { silentLogger, systemClock, systemRandom } from '@millrace/foundation';
import type { FrontDoorEvent, Ingress, IngressBinding, Principal, PublishBatch } from '@millrace/mqtt';
import mqttPacket, { type IConnectPacket, type IPublishPacket, type Packet } from 'mqtt-packet';
import { type Broker, type BrokerOptions, createBroker } from './broker.js';
import { denySubscribeAuthorizer, openAuthenticator } from './open-door.js';

type PacketOf<C extends Packet['cmd']> = Extract<Packet, { cmd: C }>;

/** A client for tests that says exactly what it is told and nothing by itself. */
export class WireClient {
  readonly version: 4 | 5;
  readonly socket: Duplex;
  /** Received and not yet taken by `next`. */
  readonly inbox: Packet[] = [];
  closed = false;
  #wake: (() => void)[] = [];

  constructor(socket: Duplex, version: 4 | 5 = 5) {
    this.version = version;
    this.socket = socket;
    const parser = mqttPacket.parser({ protocolVersion: version });
    parser.on('packet', (packet) => {
      this.inbox.push(packet);
      this.#notify();
    });
    socket.on('data', (bytes: Buffer) => parser.parse(bytes));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#notify();
    });
  }

  static open(port: number, version: 4 | 5 = 5): WireClient {
    return new WireClient(connectTcp({ host: '127.0.0.1', port }), version);
  }

  /** Opens, sends CONNECT and waits for CONNACK. */
  static async connect(
    port: number,
    clientId: string,
    options: Partial<IConnectPacket> & { version?: 4 | 5 } = {},
  ): Promise<WireClient & { connack: PacketOf<'connack'> }> {
    const { version = 5, ...packet } = options;
    return WireClient.open(port, version).connect(clientId, packet);
  }

  async connect(
    clientId: string,
    packet: Partial<IConnectPacket> = {},
  ): Promise<WireClient & { connack: PacketOf<'connack'> }> {
    this.send({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: this.version,
      clean: true,
      keepalive: 0,
      clientId,
      ...packet,
    });
    return Object.assign(this, { connack: await this.next('connack') });
  }

  send(packet: Packet): void {
    this.raw(mqttPacket.generate(packet, { protocolVersion: this.version }));
  }

  raw(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  publish(topic: string, text: string, qos: 0 | 1 | 2 = 0, more: Partial<IPublishPacket> = {}): void {
    const packet: IPublishPacket = {
      cmd: 'publish',
      topic,
      payload: text,
      qos,
      dup: false,
      retain: false,
      ...more,
    };
    if (qos > 0) packet.messageId ??= 1;
    this.send(packet);
  }

  async subscribe(filter: string, qos: 0 | 1 | 2 = 0, more: object = {}): Promise<PacketOf<'suback'>> {
    this.send({ cmd: 'subscribe', messageId: 900, subscriptions: [{ topic: filter, qos, ...more }] });
    return this.next('suback');
  }

  /** The oldest packet of a kind, waited for; packets of other kinds stay. */
  async next<C extends Packet['cmd']>(cmd: C): Promise<PacketOf<C>> {
    const deadline = performance.now() + 8000;
    for (;;) {
      const at = this.inbox.findIndex((packet) => packet.cmd === cmd);
      if (at >= 0) return this.inbox.splice(at, 1)[0] as PacketOf<C>;
      if (this.closed || performance.now() > deadline) {
        const got = this.inbox.map((packet) => packet.cmd).join(', ');
        throw new Error(`no ${cmd} came${this.closed ? ' before the end' : ''}; there is: ${got}`);
      }
      await this.#news(deadline - performance.now());
    }
  }

  /** The next PUBLISH's payload as text. */
  async text(): Promise<string> {
    return (await this.next('publish')).payload.toString();
  }

  /** Resolves when the server has closed the connection. */
  async end(): Promise<void> {
    const deadline = performance.now() + 8000;
    while (!this.closed) {
      if (performance.now() > deadline) throw new Error('the connection is still open');
      await this.#news(deadline - performance.now());
    }
  }

  /** A round trip: whatever the server was about to send before has come. */
  async settle(): Promise<void> {
    this.send({ cmd: 'pingreq' });
    await this.next('pingresp');
  }

  /** Says DISCONNECT and waits until the server closed. */
  async leave(): Promise<void> {
    this.send({ cmd: 'disconnect' });
    await this.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #news(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, waitMs));
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

export interface TestBroker {
  readonly broker: Broker;
  readonly port: number;
  readonly events: FrontDoorEvent[];
  readonly client: (
    clientId: string,
    options?: Partial<IConnectPacket> & { version?: 4 | 5 },
  ) => Promise<WireClient & { connack: PacketOf<'connack'> }>;
  /** A socket that has said nothing yet. */
  readonly open: (version?: 4 | 5) => WireClient;
  readonly stop: () => Promise<void>;
}

/** A broker on a free port that lets everyone in, and its clients, all ended by `stop`. */
export async function startTestBroker(options: Partial<BrokerOptions> = {}): Promise<TestBroker> {
  const events: FrontDoorEvent[] = [];
  const broker = createBroker({
    listeners: [{ url: 'mqtt://127.0.0.1:0' }],
    authenticator: openAuthenticator,
    authorizer: denySubscribeAuthorizer([]),
    observer: { on: (event) => events.push(event) },
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    ...options,
  });
  await broker.start();
  const port = broker.listenerPorts[0]!;
  const clients: WireClient[] = [];
  const open = (version: 4 | 5 = 5) => {
    const made = WireClient.open(port, version);
    clients.push(made);
    return made;
  };
  return {
    broker,
    port,
    events,
    open,
    client: (clientId, { version = 5, ...packet } = {}) => open(version).connect(clientId, packet),
    stop: async () => {
      for (const each of clients) each.destroy();
      if (options.ingress instanceof HeldIngress) options.ingress.letGo();
      await broker.stop();
    },
  };
}

/** An ingress that answers when the test says so. */
export class HeldIngress implements Ingress {
  readonly batches: { batch: PublishBatch; settle: () => void }[] = [];
  readonly payloads: string[] = [];
  saturated = false;
  #free = false;
  #drain = () => {};
  #arrived: (() => void)[] = [];

  bind(_principal: Principal, topic: string): IngressBinding | undefined {
    return topic.startsWith('in/') ? { topic } : undefined;
  }

  submit(batch: PublishBatch, settle: () => void): void {
    for (let row = 0; row < batch.length; row++)
      this.payloads.push(batch.bytes.toString('utf8', batch.start[row]!, batch.end[row]!));
    this.batches.push({ batch, settle });
    if (this.#free) this.settle();
    for (const wake of this.#arrived.splice(0)) wake();
  }

  onDrain(listener: () => void): void {
    this.#drain = listener;
  }

  drain(): void {
    this.saturated = false;
    this.#drain();
  }

  /** Waits until `count` payloads have arrived. */
  async arrived(count: number): Promise<void> {
    while (this.payloads.length < count)
      await new Promise<void>((resolve) => this.#arrived.push(() => resolve()));
  }

  /** From now on everything is answered at once. */
  letGo(): void {
    this.#free = true;
    this.settle();
  }

  /** Answers all that is held. */
  settle(reasonCode = 0): void {
    for (const { batch, settle } of this.batches.splice(0)) {
      batch.reasonCodes.fill(reasonCode, 0, batch.length);
      settle();
    }
  }
}
