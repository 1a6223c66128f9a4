import { requirePeer, runProgram } from '@millrace/testing';
import { expect, test } from 'vitest';
import { createSigningRequest } from './signing-request.js';

test.skipIf(!requirePeer('openssl'))(
  'openssl reads and verifies the signing request, long names too',
  async () => {
    for (const name of ['riverton-water::P-104', 'x'.repeat(64), 'x'.repeat(180)]) {
      const { request, key } = createSigningRequest(name);
      const read = await runProgram('openssl', ['req', '-verify', '-noout', '-subject', '-text'], {
        input: request,
      });
      expect(read.code, read.stderr).toBe(0);
      expect(`${read.stdout}${read.stderr}`).toMatch(/verify OK/i);
      expect(read.stdout).toContain(`CN = ${name}`);
      expect(read.stdout).toContain('prime256v1');
      const checked = await runProgram('openssl', ['pkey', '-noout', '-check'], { input: key });
      expect(checked.code, checked.stderr).toBe(0);
    }
  },
);
