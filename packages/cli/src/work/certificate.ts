import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorMessage, MillraceError } from '@millrace/foundation';
import type { Work } from '../command.js';
import { textOption } from '../options.js';
import { type ApiClient, platformClient } from '../runtime/api-client.js';
import { createSigningRequest } from './signing-request.js';

interface IssuedCertificate {
  /** Leaf first, then its issuers up to but without the root. */
  readonly certificate: string;
  readonly chain?: string;
  readonly ca: string;
  readonly serial?: string;
  readonly not_after?: string;
}

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly notAfter: string | undefined;
}

export const certificateIssue: Work = async (invocation) => {
  const device = textOption(invocation, 'device') ?? '';
  const out = resolve(textOption(invocation, 'out') ?? device);
  const files = await issueCertificate(platformClient(invocation), device, out);
  const until = files.notAfter === undefined ? '' : `, valid until ${files.notAfter}`;
  process.stdout.write(`${files.caFile}\n${files.certFile}\n${files.keyFile}\n`);
  process.stderr.write(`The certificate of ${device} is issued${until}. The key stays on this machine.\n`);
  return 0;
};

/** Makes a P-256 key, has it certified for the device, and writes the three PEM files; the key with mode 0600. */
export async function issueCertificate(
  client: ApiClient,
  deviceId: string,
  folder: string,
): Promise<CertificateFiles> {
  const { key, request } = createSigningRequest(deviceId);
  const issued = await client.call<IssuedCertificate>('POST', '/v1/certificates', {
    device_id: deviceId,
    csr: request,
  });
  const files: CertificateFiles = {
    caFile: join(folder, 'ca.pem'),
    certFile: join(folder, 'cert.pem'),
    keyFile: join(folder, 'key.pem'),
    notAfter: issued.not_after,
  };
  writePem(folder, files, issued, key);
  return files;
}

function writePem(folder: string, files: CertificateFiles, issued: IssuedCertificate, key: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(files.keyFile, key, { mode: 0o600 });
    chmodSync(files.keyFile, 0o600);
    writeFileSync(files.certFile, joinPem(issued.certificate, issued.chain), { mode: 0o644 });
    writeFileSync(files.caFile, issued.ca, { mode: 0o644 });
  } catch (error) {
    throw new MillraceError(
      'data_dir_unwritable',
      `The certificate cannot be written to ${folder} (${errorMessage(error)}): choose another folder with --out.`,
      { cause: error },
    );
  }
}

function joinPem(certificate: string, chain: string | undefined): string {
  if (chain === undefined || chain.startsWith(certificate.trim())) return ensureNewline(chain ?? certificate);
  return ensureNewline(certificate) + ensureNewline(chain);
}

function ensureNewline(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`;
}
