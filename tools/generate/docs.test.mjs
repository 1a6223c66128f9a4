import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as contracts from '@millrace/contracts';
import * as foundation from '@millrace/foundation';
import { expect, test } from 'vitest';
import { documentedPackages, renderDocs, staleDocs } from './docs.mjs';

test('the committed reference is what the sources say', async () => {
  const packages = await documentedPackages((name) => import(`@millrace/${name}`));
  expect(staleDocs(renderDocs(packages))).toEqual([]);
});

test('a page for each device type, each configuration and the error codes, all in the index', () => {
  const declaration = foundation.field.object('A gateway.', {
    port: foundation.field.integer('Port.', { default: 1 }),
  });
  const pages = renderDocs({ foundation, contracts, edge: { gatewayConfig: declaration } });
  const paths = pages.map(({ path }) => path);
  expect(paths).toContain('docs/reference/device-types/centrifugal_pump.md');
  expect(paths).toContain('docs/reference/configuration/gateway.md');
  for (const path of paths.slice(1))
    expect(pages[0].text).toContain(`(${path.replace('docs/reference/', '')})`);
  expect(pages.find(({ path }) => path.endsWith('error-codes.md')).text).toContain('| `port_taken` | no |');
});

test('a page of the commands, with arguments, options and examples', () => {
  const commands = [
    {
      path: ['field', 'fault'],
      summary: 'break something',
      args: [{ name: 'kind', doc: 'what breaks', choices: ['stuck', 'drift'] }],
      options: [
        { flags: '--tag <a|b>', doc: 'a | b' },
        { flags: '--days <n>', doc: 'days', default: '365' },
      ],
      examples: [{ line: 'millrace field fault stuck', doc: 'it sticks' }],
    },
  ];
  const page = renderDocs({ foundation, contracts, cli: { commands } }).find(({ path }) =>
    path.endsWith('commands.md'),
  );
  expect(page.text).toContain('## `millrace field fault <kind>`\n\nBreak something.\n');
  expect(page.text).toContain('| `kind` | what breaks: `stuck`, `drift` |');
  expect(page.text).toContain('| `--days <n>` | `365` | days |');
  expect(page.text).toContain('a \\| b');
  expect(page.text).toContain('- `millrace field fault stuck`: it sticks');
});

test('finds what is missing, what differs and what is left over', () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-docs-'));
  mkdirSync(join(dir, 'docs/reference'), { recursive: true });
  writeFileSync(join(dir, 'docs/reference/same.md'), 'same');
  writeFileSync(join(dir, 'docs/reference/other.md'), 'old');
  writeFileSync(join(dir, 'docs/reference/left.md'), 'left');
  const page = (name, text) => ({ path: `docs/reference/${name}.md`, text });
  const stale = staleDocs([page('same', 'same'), page('other', 'new'), page('missing', 'x')], dir);
  rmSync(dir, { recursive: true, force: true });
  expect(stale.map((line) => line.split(':')[0])).toEqual([
    'docs/reference/other.md',
    'docs/reference/missing.md',
    'docs/reference/left.md',
  ]);
});
