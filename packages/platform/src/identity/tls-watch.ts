import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, errorMessage, type Logger, type Service, type Timer } from '@millrace/foundation';
import type { Pki, ServiceTls } from './pki.js';

/** Time between looks at the PKI's files, ms. */
export const tlsWatchPeriodMs = 5_000;
/** The service certificate is looked at for renewal this often, changed files or not, ms. */
const renewalPeriodMs = 12 * 3_600_000;

/**
 * Gives the broker new certificates, CAs and revocation lists within seconds of a change in `<dataDir>/pki`, without
 * a restart. Files that cannot be used are reported, and what was in force stays in force.
 */
export class TlsWatch implements Service {
  readonly #pki: Pki;
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #apply: (tls: ServiceTls) => void;
  #seen = '';
  #inForce = '';
  #openedAtMs = 0;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: {
    pki: Pki;
    dataDir: string;
    clock: Clock;
    logger: Logger;
    apply: (tls: ServiceTls) => void;
  }) {
    this.#pki = options.pki;
    this.#dir = join(options.dataDir, 'pki');
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#apply = options.apply;
  }

  /** The PKI must be open. */
  async start(): Promise<void> {
    this.#seen = fingerprint(this.#dir);
    this.#inForce = JSON.stringify(this.#pki.serviceTls);
    this.#openedAtMs = this.#clock.monotonicMs();
    this.#timer = this.#clock.every(
      tlsWatchPeriodMs,
      () => {
        this.#looking ??= this.look().finally(() => {
          this.#looking = undefined;
        });
      },
      { unref: true },
    );
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    await this.#looking;
  }

  /** Looks once. */
  async look(): Promise<void> {
    const seen = fingerprint(this.#dir);
    const due = this.#clock.monotonicMs() - this.#openedAtMs >= renewalPeriodMs;
    if (seen === this.#seen && !due) return;
    try {
      await this.#pki.open();
      const tls = this.#pki.serviceTls;
      if (JSON.stringify(tls) !== this.#inForce) {
        this.#apply(tls);
        this.#inForce = JSON.stringify(tls);
        this.#logger.info('The broker uses the changed certificates, CAs and revocation lists.');
      }
    } catch (error) {
      this.#logger.error('The changed files of the PKI cannot be used; what was in force stays.', {
        error: errorMessage(error),
      });
    }
    this.#openedAtMs = this.#clock.monotonicMs();
    // Opening may have renewed a certificate, which is no change to look at again.
    this.#seen = fingerprint(this.#dir);
  }
}

/** Names, sizes and times of every file below a folder. */
function fingerprint(dir: string): string {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.pem$/.test(entry.name))
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { size, mtimeMs } = statSync(path);
      return `${path} ${size} ${mtimeMs}`;
    })
    .sort()
    .join('\n');
}
