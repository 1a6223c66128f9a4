import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OPCUACertificateManager, type StatusCode } from 'node-opcua';

/** DER bytes. */
type Certificate = Buffer;
type StatusCodeCallback = (error: Error | null, status?: StatusCode) => void;

/** DER of a certificate file (PEM or DER), or undefined when it is none. */
async function certificateIn(file: string): Promise<Buffer | undefined> {
  try {
    return new X509Certificate(await readFile(file)).raw;
  } catch {
    return undefined;
  }
}

/**
 * A trust list in a folder (OPC 10000-12, 7.8). The library keeps refusing a certificate it has refused before, even
 * when an engineer copies it into `trusted/certs`; here that folder has the last word, from the next attempt on.
 */
export class TrustList extends OPCUACertificateManager {
  override checkCertificate(certificate: Certificate | Certificate[]): Promise<StatusCode>;
  override checkCertificate(certificate: Certificate | Certificate[], callback: StatusCodeCallback): void;
  override checkCertificate(
    certificate: Certificate | Certificate[],
    callback?: StatusCodeCallback,
  ): Promise<StatusCode> | undefined {
    const first = Array.isArray(certificate) ? certificate[0] : certificate;
    const verdict = this.#honourTrusted(first).then(() => super.checkCertificate(certificate));
    if (!callback) return verdict;
    verdict.then(
      (status) => callback(null, status),
      (error: Error) => callback(error),
    );
    return undefined;
  }

  async #honourTrusted(certificate: Certificate | undefined): Promise<void> {
    if (!certificate) return;
    const names = await readdir(this.trustedFolder).catch(() => []);
    for (const name of names) {
      const trusted = await certificateIn(join(this.trustedFolder, name));
      if (!trusted?.equals(certificate)) continue;
      // Moves it out of the refused ones, in the library's index as well as on the disk.
      await this.trustCertificate(certificate).catch((error: NodeJS.ErrnoException) => {
        // Someone took the refused copy away just now; the index follows, and the client's next attempt passes.
        if (error.code !== 'ENOENT') throw error;
      });
      return;
    }
  }
}
