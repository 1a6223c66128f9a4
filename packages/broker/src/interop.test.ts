import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { denySubscribeAuthorizer } from './open-door.js';
import { startTestBroker } from './peer.js';

/** Folder of the public interoperability suite; it is not part of this repository. */
const suite = process.env.MILLRACE_PAHO_SUITE ?? '';
const usable = suite !== '' && existsSync(join(suite, 'client_test5.py'));

/** Runs one case of the suite in Python; the suite's own command line would set the same names. */
function program(file: string, name: string, port: number): string {
  return `
import sys, unittest
sys.path.insert(0, '.')
import ${file} as t
t.host = '127.0.0.1'
t.port = ${port}
t.topic_prefix = 'client_test5/'
t.topics = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
t.wildtopics = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
t.nosubscribe_topics = ("test/nosubscribe",)
unittest.main(module=t, argv=['suite', 'Test.${name}'])
`;
}

function runCase(file: string, name: string, port: number): Promise<{ code: number | null; said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('python3', ['-c', program(file, name, port)], { cwd: suite });
    const timer = setTimeout(() => child.kill('SIGKILL'), 90_000);
    let said = '';
    const hear = (bytes: Buffer) => {
      said += bytes.toString();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, said });
    });
  });
}

describe.skipIf(!usable)('the public interoperability suite', () => {
  for (const file of usable ? ['client_test', 'client_test5'] : []) {
    const source = readFileSync(join(suite, `${file}.py`), 'utf8');
    for (const [, name] of source.matchAll(/^ {4}def (test\w+)\(/gm)) {
      // Each case has a broker of its own, so that the long waits of all cases pass together.
      it.concurrent(`${file}: ${name}`, { timeout: 120_000 }, async () => {
        const { port, stop } = await startTestBroker({
          authorizer: denySubscribeAuthorizer(['test/nosubscribe']),
        });
        try {
          const { code, said } = await runCase(file, name!, port);
          expect(code, said).toBe(0);
        } finally {
          await stop();
        }
      });
    }
  }
});
