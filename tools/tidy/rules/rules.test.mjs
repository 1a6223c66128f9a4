import { describe, expect, test } from 'vitest';
import { importsOf, readSource } from '../source.mjs';
import { checkBans } from './bans.mjs';
import { checkCycles } from './cycles.mjs';
import { checkLayers, checkManifests } from './layers.mjs';
import { checkRosters } from './rosters.mjs';
import { checkFileSize, checkFunctionSizes } from './sizes.mjs';
import { checkWords } from './words.mjs';

const layers = {
  foundation: [],
  edge: ['foundation'],
  console: ['contracts'],
  contracts: [],
  testing: ['edge'],
};
const manifests = { edge: { dependencies: { 'node-opcua': '1.0.0' } }, foundation: {} };
const context = { layers, manifests };

const told = (findings) => findings.map(({ line, rule, message }) => `${line} ${rule}: ${message}`);
const layersOf = (path, text) => told(checkLayers(readSource(path, text), context));
const bansOf = (path, text) => told(checkBans(readSource(path, text))).map((line) => line.split(':')[0]);

describe('layers', () => {
  test('finds every way to name another module', () => {
    const text = `import a from 'a';
import type { B } from 'b';
export * from 'c';
const d = await import('d');
type E = import('e').E;
// import f from 'f';
const g = "import g from 'g'";
import { type H } from 'h';
export { a, d, g };
export type { B, E, H };`;
    const found = importsOf(readSource('packages/edge/src/x.ts', text));
    expect(found.map(({ from, typeOnly }) => `${from}${typeOnly ? ' type' : ''}`)).toEqual([
      'a',
      'b type',
      'c',
      'd',
      'e type',
      'h type',
    ]);
  });

  test('follows the table', () => {
    expect(layersOf('packages/edge/src/a.ts', "\nimport { x } from '@millrace/foundation';\nx();")).toEqual(
      [],
    );
    expect(layersOf('packages/foundation/src/a.ts', "\nimport { x } from '@millrace/edge';\nx();")).toEqual([
      '2 layers: foundation may not depend on edge: it may on nothing',
    ]);
    expect(layersOf('packages/edge/src/a.ts', "import '@millrace/nowhere';")).toEqual([
      '1 layers: there is no package @millrace/nowhere',
    ]);
  });

  test('refuses deep imports, by name and by path, also from tests and benches', () => {
    expect(layersOf('packages/edge/src/a.ts', "import '@millrace/foundation/dist/x.js';")).toHaveLength(1);
    expect(layersOf('packages/edge/src/a.ts', "import '../../foundation/src/clock.js';")).toHaveLength(1);
    expect(layersOf('tests/system/a.test.ts', "import '@millrace/edge/dist/x.js';")).toHaveLength(1);
    expect(layersOf('bench/ingest.ts', "import '../packages/edge/src/x.js';")).toHaveLength(1);
    expect(layersOf('packages/edge/src/deep/a.ts', "import '../x.js';")).toEqual([]);
  });

  test('lets only test files import the testing package', () => {
    const text = "import '@millrace/testing';";
    expect(layersOf('packages/edge/src/a.ts', text)).toHaveLength(1);
    for (const name of ['a.test.ts', 'conformance.ts', 'drivers/x/peer.ts', 'conformance.test.ts'])
      expect(layersOf(`packages/edge/src/${name}`, text)).toEqual([]);
  });

  test('lets the console have only the types of the contracts', () => {
    expect(layersOf('packages/console/src/a.tsx', "import type { T } from '@millrace/contracts';")).toEqual(
      [],
    );
    expect(layersOf('packages/console/src/a.tsx', "import { t } from '@millrace/contracts';")).toHaveLength(
      1,
    );
  });

  test('wants every foreign package declared where it is used, except in test files', () => {
    expect(layersOf('packages/edge/src/a.ts', "import 'node-opcua';\nimport 'node:fs';")).toEqual([]);
    expect(layersOf('packages/edge/src/a.ts', "import '@scope/thing/deep';")).toEqual([
      '1 layers: @scope/thing is not among the dependencies of packages/edge/package.json',
    ]);
    expect(layersOf('packages/edge/src/a.test.ts', "import 'vitest';")).toEqual([]);
  });

  test('holds package.json to the table and to exact versions', () => {
    const loose = { edge: { dependencies: { '@millrace/console': '0.1.0', pg: '^8.0.0' } }, other: {} };
    expect(checkManifests({ layers, manifests: loose }).map(({ message }) => message)).toEqual([
      'edge may not depend on @millrace/console',
      'pin pg to one exact version, not ^8.0.0',
      'this package has no row in tools/tidy/layers.json',
    ]);
  });
});

describe('bans', () => {
  const everything = `const a = Date.now();
const b = Math.random();
const c = process.env.HOME;
console.log(a);
setTimeout(() => {}, 1);
const d: any = new Date();
performance.now();
globalThis.Math.random();
import { env } from 'node:process';
import { setTimeout as wait } from 'node:timers/promises';`;

  test('hold all of them in product code', () => {
    expect(bansOf('packages/edge/src/a.ts', everything).sort()).toEqual(
      [
        '1 clock',
        '2 random',
        '3 environment',
        '4 console',
        '5 clock',
        '6 any',
        '6 clock',
        '7 clock',
        '8 random',
        '9 environment',
        '10 clock',
      ].sort(),
    );
  });

  test('leave cli its environment and console, and tests their time', () => {
    expect(bansOf('packages/cli/src/a.ts', everything)).toEqual(['2 random', '6 any', '8 random']);
    expect(bansOf('packages/edge/src/a.test.ts', everything)).toEqual([
      '2 random',
      '4 console',
      '6 any',
      '8 random',
    ]);
    expect(bansOf('tools/a.mjs', 'console.log(Date.now());')).toEqual([]);
  });

  test('are not misled by comments, strings, dates with arguments and names of our own', () => {
    const innocent = `// Date.now() and console.log are banned here
const text = 'Math.random() any process.env';
const template = \`console.log(\${text})\`;
const date = new Date(0);
clock.now(); logger.console; my.process.env;
const x = { any: 1 };`;
    expect(bansOf('packages/edge/src/a.ts', innocent)).toEqual([]);
  });
});

describe('cycles', () => {
  const cyclesIn = (files) =>
    checkCycles(Object.entries(files).map(([name, text]) => readSource(`packages/edge/src/${name}`, text)));

  test('values that import each other in a ring are told once, with the ring', () => {
    const findings = cyclesIn({
      'a.ts': "import './sub/b.js';",
      'sub/b.ts': "\nimport { c } from '../c.js';\nc();",
      'c.ts': "export { a } from './a.js';",
      'd.ts': "import './a.js';",
    });
    expect(findings.map(({ message }) => message)).toEqual([
      'import cycle: a.ts -> sub/b.ts -> c.ts -> a.ts',
    ]);
  });

  test('types may refer to each other, and a diamond is no ring', () => {
    expect(
      cyclesIn({
        'a.ts': "import type { B } from './b.js';\nimport './c.js';\nimport './d.js';",
        'b.ts': "import './a.js';",
        'c.ts': "import './d.js';",
        'd.ts': '',
      }),
    ).toEqual([]);
  });
});

describe('sizes', () => {
  const body = (lines) => 'x();\n'.repeat(lines);

  test('a function of 70 lines passes, one of 71 is named', () => {
    const at = (lines) =>
      told(
        checkFunctionSizes(readSource('packages/edge/src/a.ts', `\nfunction long() {\n${body(lines - 2)}}`)),
      );
    expect(at(70)).toEqual([]);
    expect(at(71)).toEqual(['2 function-size: long has 71 lines, over 70; split it']);
  });

  test('methods and arrow functions count as well, generated and test files do not', () => {
    const text = `class A {\n  go() {\n${body(80)}}\n}\nconst far = () => {\n${body(80)}};`;
    const names = (path) => checkFunctionSizes(readSource(path, text)).map(({ name }) => name);
    expect(names('packages/edge/src/a.ts')).toEqual(['go', 'far']);
    expect(names('packages/edge/src/a.test.ts')).toEqual([]);
    expect(names('packages/edge/src/a.generated.ts')).toEqual([]);
  });

  test('a file of 500 lines passes, one of 501 does not, prose may be longer', () => {
    expect(checkFileSize('packages/edge/src/a.ts', body(500))).toEqual([]);
    expect(checkFileSize('packages/edge/src/a.ts', body(501))).toHaveLength(1);
    expect(checkFileSize('docs/guide.md', body(900))).toEqual([]);
  });
});

describe('rosters', () => {
  const list = [
    { kind: 'room', in: 'packages/x/src', needs: ['README.md', /^v\d+\/a\.ts$/], name: /^[a-z-]+$/ },
  ];

  test('a whole room passes; files beside the rooms are none', () => {
    const paths = ['packages/x/src/index.ts', 'packages/x/src/one/README.md', 'packages/x/src/one/v2/a.ts'];
    expect(checkRosters(paths, list)).toEqual([]);
  });

  test('names the room and what it lacks', () => {
    const findings = checkRosters(['packages/x/src/TwoWords/v2/b.ts'], list);
    expect(findings.map(({ path, message }) => `${path} ${message}`)).toEqual([
      'packages/x/src/TwoWords a room folder is named in kebab-case',
      'packages/x/src/TwoWords a room needs README.md',
      'packages/x/src/TwoWords a room needs ^v\\d+\\/a\\.ts$',
    ]);
  });
});

describe('words', () => {
  const lines = (path, text) => checkWords(path, text).map(({ line }) => line);

  test('finds registry hosts, folders of one machine and names of machines', () => {
    const text = [
      'fine',
      `curl https://${['registry', 'npmjs', 'org'].join('.')}/x`,
      `cd ${['', 'work', 'main'].join('/')}`,
      `ssh ${['farm', '12'].join('-')}`,
      `ls ${['', 'home', 'someone', '.npm'].join('/')}`,
    ].join('\n');
    expect(lines('docs/a.md', text)).toEqual([2, 3, 4, 5]);
  });

  test('leaves wind farms, relative folders and other hosts alone', () => {
    const text = 'wind-farm-1\n./work/main\nhttps://example.org/home/page\nframework/work/x\n$HOME/work/x';
    expect(lines('docs/a.md', text)).toEqual([]);
  });

  test('wants a lock file without addresses', () => {
    const text = '{\n  "resolved": "https://example.org/a.tgz"\n  "resolved": "packages/cli"\n}';
    expect(lines('package-lock.json', text)).toContain(2);
    expect(lines('package-lock.json', text)).not.toContain(3);
  });

  test('wants an entry for every optional package of every platform', () => {
    const lock = (packages) => JSON.stringify({ packages }, null, 1);
    const tool = { optionalDependencies: { 'tool-linux': '1', 'tool-darwin': '1' } };
    const linux = { 'node_modules/tool-linux': {} };
    const darwin = { 'node_modules/a/node_modules/tool-darwin': {} };
    expect(lines('package-lock.json', lock({ 'node_modules/tool': tool, ...linux }))).toEqual([6]);
    expect(
      lines('package-lock.json', lock({ 'node_modules/a/node_modules/tool': tool, ...linux, ...darwin })),
    ).toEqual([]);
  });
});
