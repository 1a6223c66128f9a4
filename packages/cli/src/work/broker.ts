import { readFileSync } from 'node:fs';
import {
  certificateAuthenticator,
  createBroker,
  denySubscribeAuthorizer,
  type ListenerOptions,
  openAuthenticator,
  type TlsMaterial,
} from '@millrace/broker';
import { errorMessage, type Logger, MillraceError, systemClock, systemRandom } from '@millrace/foundation';
import type { FrontDoorObserver } from '@millrace/mqtt';
import type { Invocation, Work } from '../command.js';
import { flagOption, textOption } from '../options.js';
import { dataDirOf } from '../runtime/data-dir.js';
import { jsonHandler } from '../runtime/local-socket.js';
import { runProcess } from '../runtime/run-process.js';
import { sessionStore } from '../runtime/session-store.js';

const defaultListen = ['mqtt://127.0.0.1:1883'];

export const runBroker: Work = async (invocation) => {
  const anonymous = flagOption(invocation, 'allowAnonymous');
  const listeners = (manyOption(invocation, 'listen') ?? defaultListen).map((url) =>
    listenerOf(url, anonymous, invocation),
  );
  return runProcess({
    role: 'broker',
    dataDir: dataDirOf(invocation),
    invocation,
    build: async (logger, version) => {
      const broker = createBroker({
        listeners,
        store: sessionStore(dataDirOf(invocation)),
        authenticator: anonymous ? openAuthenticator : certificateAuthenticator,
        authorizer: denySubscribeAuthorizer(manyOption(invocation, 'denySubscribe') ?? []),
        observer: refusalLog(logger),
        clock: systemClock,
        random: systemRandom,
        logger,
      });
      return {
        service: broker,
        local: jsonHandler({ 'GET /status': () => ({ role: 'broker', version, ...broker.stats() }) }, logger),
        onReady: () => logger.info('The broker listens.', { ports: broker.listenerPorts }),
      };
    },
  });
};

function manyOption(invocation: Invocation, name: string): readonly string[] | undefined {
  const value = invocation.options[name];
  return Array.isArray(value) && value.length > 0 ? (value as string[]) : undefined;
}

function listenerOf(url: string, anonymous: boolean, invocation: Invocation): ListenerOptions {
  if (!/^(mqtts?|wss?):\/\/[^\s/]+:\d{1,5}$/.test(url)) {
    throw new MillraceError(
      'invalid_argument',
      `--listen "${url}" is not an address such as mqtt://127.0.0.1:1883, mqtts://, ws:// or wss://.`,
    );
  }
  if (/^(mqtts|wss):/.test(url)) return { url, tls: tlsOf(invocation) };
  if (!anonymous) {
    throw new MillraceError(
      'invalid_argument',
      `The listener ${url} has no certificates, so it lets everyone in: say --allow-anonymous, or listen on mqtts://.`,
    );
  }
  return { url };
}

function tlsOf(invocation: Invocation): TlsMaterial {
  return {
    cert: readPem(invocation, 'cert', '--cert'),
    key: readPem(invocation, 'key', '--key'),
    ca: readPem(invocation, 'ca', '--ca'),
  };
}

function readPem(invocation: Invocation, name: string, flag: string): string {
  const file = textOption(invocation, name);
  if (file === undefined) {
    throw new MillraceError(
      'certificate_missing',
      `A TLS listener needs --cert, --key and --ca; ${flag} is missing.`,
    );
  }
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new MillraceError(
      'certificate_missing',
      `${flag} ${file} cannot be read (${errorMessage(error)}).`,
      {
        cause: error,
      },
    );
  }
}

/** Connections at debug level; refusals and alerts where they are seen. */
function refusalLog(logger: Logger): FrontDoorObserver {
  return {
    on(event) {
      const { type, ...fields } = event;
      const line = type.replaceAll('_', ' ');
      if (type === 'connected' || type === 'disconnected') logger.debug(line, fields);
      else logger.warn(line, fields);
    },
  };
}
