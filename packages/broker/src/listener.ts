import type { X509Certificate } from 'node:crypto';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type TLSSocket,
  type Server as TlsServer,
} from 'node:tls';
import { errorMessage, MillraceError } from '@millrace/foundation';
import type { ClientCertificate } from '@millrace/mqtt';
import { createWebSocketStream, WebSocketServer } from 'ws';

/** PEM texts of a TLS listener. `ca` verifies clients; a client without a certificate signed by it is not let in. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Certificate revocation lists; one PEM each. */
  readonly crl?: readonly string[];
}

export interface ListenerOptions {
  /** `mqtts://host:port`, `mqtt://`, `wss://` or `ws://`; port 0 takes a free one. */
  readonly url: string;
  readonly tls?: TlsMaterial;
}

export interface AcceptedSocket {
  readonly socket: Duplex;
  readonly remoteAddress: string;
  readonly certificate: ClientCertificate | undefined;
  /** The certificate with the chain it was verified by, for when trust is asked again. */
  readonly peerCertificate: () => X509Certificate | undefined;
  readonly listener: string;
}

/**
 * Connections the kernel holds until they are accepted. After a restart all clients come at once; one that finds this
 * full tries again seconds later.
 */
const waitingSocketsMax = 4096;

/** One open port. TLS 1.3 only, with client certificates; plain listeners are for loopback and tests. */
export class Listener {
  readonly options: ListenerOptions;
  readonly #accept: (accepted: AcceptedSocket) => void;
  readonly #refused: (remoteAddress: string, reason: string) => void;
  #server: Server | TlsServer | HttpServer | undefined;
  readonly #sockets = new Set<Socket>();

  constructor(
    options: ListenerOptions,
    accept: (accepted: AcceptedSocket) => void,
    refused: (remoteAddress: string, reason: string) => void,
  ) {
    this.options = options;
    this.#accept = accept;
    this.#refused = refused;
  }

  /** The port in use; 0 before `start`. */
  get port(): number {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async start(): Promise<void> {
    const url = new URL(this.options.url);
    const server = this.#create(url.protocol);
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, this.options.url)));
      const host = url.hostname.replace(/^\[|\]$/g, '');
      server.listen({ host, port: Number(url.port), backlog: waitingSocketsMax }, resolve);
    });
  }

  /** Takes new certificates for connections from now on. */
  reload(tls: TlsMaterial): void {
    if (this.#server && 'setSecureContext' in this.#server) this.#server.setSecureContext(secureOptions(tls));
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #create(protocol: string): Server | TlsServer | HttpServer {
    const { tls } = this.options;
    switch (protocol) {
      case 'mqtt:':
        return createTcpServer((socket) => this.#accept(this.#plain(socket)));
      case 'mqtts:': {
        const server = createTlsServer(tlsOptions(this.options), (socket) =>
          this.#accept(this.#secure(socket)),
        );
        return this.#countRefusals(server);
      }
      case 'ws:':
        return this.#webSocket(createHttpServer());
      case 'wss:': {
        if (!tls) throw missingTls(this.options.url);
        return this.#webSocket(this.#countRefusals(createHttpsServer(tlsOptions(this.options))));
      }
      default:
        throw new MillraceError(
          'invalid_argument',
          `Listener "${this.options.url}" must begin with mqtt, mqtts, ws or wss.`,
        );
    }
  }

  #countRefusals<T extends TlsServer>(server: T): T {
    server.on('tlsClientError', (error, socket) =>
      this.#refused(socket.remoteAddress ?? '', tlsReason(error)),
    );
    return server;
  }

  /** MQTT over WebSocket (MQTT 5, chapter 6): sub-protocol `mqtt`, binary frames only. */
  #webSocket(server: HttpServer): HttpServer {
    // Anything but a WebSocket handshake is told what belongs here.
    server.on('request', (_request, response) => response.writeHead(426, { upgrade: 'websocket' }).end());
    const webSockets = new WebSocketServer({
      server,
      handleProtocols: (protocols) =>
        protocols.has('mqtt') ? 'mqtt' : protocols.has('mqttv3.1') ? 'mqttv3.1' : false,
      maxPayload: 16 * 1024 * 1024 + 16,
    });
    webSockets.on('connection', (webSocket, request) => {
      webSocket.on('message', (_data, isBinary) => {
        // [MQTT-6.0.0-1]: a text frame closes the connection.
        if (!isBinary) webSocket.close(1003);
      });
      const socket = createWebSocketStream(webSocket);
      const base = request.socket as Socket | TLSSocket;
      const accepted = 'getPeerCertificate' in base ? this.#secure(base) : this.#plain(base);
      this.#accept({ ...accepted, socket });
    });
    return server;
  }

  #plain(socket: Socket): AcceptedSocket {
    return {
      socket,
      remoteAddress: remoteOf(socket),
      certificate: undefined,
      peerCertificate: () => undefined,
      listener: this.options.url,
    };
  }

  #secure(socket: TLSSocket): AcceptedSocket {
    const peerCertificate = () => socket.getPeerX509Certificate();
    return { ...this.#plain(socket), certificate: certificateOf(socket), peerCertificate };
  }
}

function tlsOptions(options: ListenerOptions) {
  if (!options.tls) throw missingTls(options.url);
  return { ...secureOptions(options.tls), requestCert: true, rejectUnauthorized: true };
}

function secureOptions(tls: TlsMaterial): SecureContextOptions {
  const { cert, key, ca, crl } = tls;
  return { cert, key, ca, minVersion: 'TLSv1.3', ...(crl && crl.length > 0 ? { crl: [...crl] } : {}) };
}

function missingTls(url: string): MillraceError {
  return new MillraceError(
    'certificate_missing',
    `Listener "${url}" needs a certificate, a key and the CA of its clients.`,
  );
}

function listenError(error: NodeJS.ErrnoException, url: string): MillraceError {
  if (error.code === 'EADDRINUSE') {
    const { port } = new URL(url);
    return new MillraceError(
      'port_taken',
      `Port ${port} is taken, and the MQTT listener ${url} wants it: stop what uses it or choose another port.`,
      { cause: error },
    );
  }
  return new MillraceError('invalid_argument', `The MQTT listener ${url} cannot open: ${error.message}.`, {
    cause: error,
  });
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''}:${socket.remotePort ?? 0}`;
}

function certificateOf(socket: TLSSocket): ClientCertificate | undefined {
  const certificate = socket.getPeerCertificate();
  if (!certificate?.subject) return undefined;
  const commonName = [certificate.subject.CN].flat()[0] ?? '';
  return {
    commonName,
    serial: certificate.serialNumber.toLowerCase(),
    fingerprint256: certificate.fingerprint256,
    notAfterMs: Date.parse(certificate.valid_to),
  };
}

function tlsReason(error: Error & { code?: string }): string {
  if (error.code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'the client showed no certificate';
  return errorMessage(error);
}
