import type { Logger, Service } from '@millrace/foundation';
import type { Invocation } from '../command.js';
import { textOption } from '../options.js';
import { prepareDataDir } from './data-dir.js';
import { type LocalHandler, openLocalSocket } from './local-socket.js';
import { lockDataDir } from './lock.js';
import { createLogger, type LogLevel } from './logger.js';
import { productVersion } from './version.js';

/** Seconds a clean stop may take before the process gives up on it. */
const STOP_SECONDS_MAX = 30;

/** One Ctrl-C arrives twice under npx, from the terminal and from npm: within this time it is the same press. */
const SAME_PRESS_MS = 1000;

export interface BuiltProcess {
  readonly service: Service;
  /** Answers on the role's local socket, after `service.start()`. Absent = the service opens its socket itself. */
  readonly local?: LocalHandler;
  /** Runs once everything answers, e.g. to log the addresses. */
  readonly onReady?: () => void;
}

export interface ProcessOptions {
  readonly role: string;
  readonly dataDir: string;
  readonly invocation: Invocation;
  /** Wires the process. The lock of the data folder is held; nothing has been started. */
  readonly build: (logger: Logger, version: string) => Promise<BuiltProcess>;
}

/** The logger that the common options ask for. */
export function loggerOf(invocation: Invocation, role: string): Logger {
  return createLogger({
    role,
    level: (textOption(invocation, 'logLevel') ?? 'info') as LogLevel,
    format: (textOption(invocation, 'logFormat') ?? 'auto') as 'auto' | 'pretty' | 'json',
  });
}

/**
 * The life of a long-running process: data folder, lock, start, local socket, signals, stop. Resolves to the exit
 * code after a clean stop; rejects when the start fails, with everything that had started stopped again.
 */
export async function runProcess(options: ProcessOptions): Promise<number> {
  const { role, dataDir, invocation } = options;
  const logger = loggerOf(invocation, role);
  const version = productVersion();
  prepareDataDir(dataDir);
  const lock = lockDataDir(dataDir, role, version);
  const stopRequested = stopSignal(logger);
  try {
    const built = await options.build(logger, version);
    try {
      const early = await Promise.race([built.service.start().then(() => undefined), stopRequested.promise]);
      if (early !== undefined) {
        logger.info('stopping before the start was complete', { reason: early });
        return 0;
      }
      const socket = built.local && (await openLocalSocket(dataDir, role, built.local));
      try {
        built.onReady?.();
        logger.info('ready', { version, data: dataDir });
        const reason = await stopRequested.promise;
        logger.info('stopping', { reason });
      } finally {
        await socket?.close();
      }
    } finally {
      await withinSeconds(built.service.stop(), logger);
    }
    logger.info('stopped');
    return 0;
  } finally {
    stopRequested.dispose();
    lock.release();
  }
}

interface StopSignal {
  readonly promise: Promise<string>;
  dispose(): void;
}

/**
 * The first SIGINT or SIGTERM asks for a clean stop, the second ends the process at once. A supervisor that
 * started us with an IPC channel and died counts as a request too, so that no orphan keeps its ports.
 */
export function stopSignal(logger: Logger): StopSignal {
  let asked = false;
  let askedAtMs = 0;
  let ask: (reason: string) => void = () => {};
  const promise = new Promise<string>((resolve) => {
    ask = resolve;
  });
  const onSignal = (signal: NodeJS.Signals) => {
    if (asked) {
      if (performance.now() - askedAtMs < SAME_PRESS_MS) return;
      logger.warn('stopping at once, without waiting', { signal });
      process.exit(130);
    }
    asked = true;
    askedAtMs = performance.now();
    ask(signal);
  };
  const onDisconnect = () => {
    asked = true;
    askedAtMs = performance.now();
    ask('the supervising process is gone');
  };
  const onFatal = (error: unknown) => {
    logger.error('ending because of an unexpected error; this is a defect in Millrace', { error });
    process.exit(1);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('disconnect', onDisconnect);
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  return {
    promise,
    dispose: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      process.off('disconnect', onDisconnect);
      process.off('uncaughtException', onFatal);
      process.off('unhandledRejection', onFatal);
      // The channel to a supervisor would keep the event loop, and so the process, alive.
      if (process.connected) process.disconnect();
    },
  };
}

async function withinSeconds(stopping: Promise<void>, logger: Logger): Promise<void> {
  const guard = setTimeout(() => {
    logger.error('the stop takes too long; ending without it', { seconds: STOP_SECONDS_MAX });
    process.exit(1);
  }, STOP_SECONDS_MAX * 1000);
  guard.unref();
  await stopping;
  clearTimeout(guard);
}
