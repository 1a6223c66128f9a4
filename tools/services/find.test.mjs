import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findPeer, peerList } from './find.mjs';

let dir;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'millrace-peers-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const list = {
  tool: { class: 'required', programs: ['tool', 'helper'], dirs: [] },
  snake: { class: 'optional', programs: ['snake'], dirs: [] },
  library: { class: 'optional', needs: 'snake', module: 'lib' },
  suite: { class: 'optional', folderFrom: 'SUITE' },
};

function program(folder, name) {
  mkdirSync(join(dir, folder), { recursive: true });
  const path = join(dir, folder, name);
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, 0o755);
  return path;
}

const find = (name, env = {}) => findPeer(name, { list, env: { PATH: join(dir, 'path'), ...env }, dir });

test('a peer is there when all its programs are, those unpacked into the folder first', () => {
  expect(find('tool')).toMatchObject({ available: false, required: true });
  program('path', 'tool');
  expect(find('tool').why).toMatch('no program helper');
  const helper = program('path', 'helper');
  const own = program('bin', 'tool');
  expect(find('tool')).toMatchObject({ available: true, path: own, programs: { tool: own, helper } });
});

test('a file that may not be executed is no program', () => {
  const path = program('path', 'snake');
  chmodSync(path, 0o644);
  expect(find('snake').available).toBe(false);
});

test('a library needs its interpreter and its folder', () => {
  expect(find('library').why).toMatch('it needs snake');
  const snake = program('path', 'snake');
  expect(find('library').why).toMatch('the module lib is not in');
  mkdirSync(join(dir, 'python/library/lib'), { recursive: true });
  expect(find('library')).toMatchObject({
    available: true,
    path: snake,
    env: { PYTHONPATH: join(dir, 'python/library') },
  });
});

test('a folder of the user comes from its variable', () => {
  expect(find('suite').why).toBe('SUITE is not set');
  expect(find('suite', { SUITE: join(dir, 'none') }).available).toBe(false);
  expect(find('suite', { SUITE: dir })).toMatchObject({ available: true, path: dir });
});

test('every listed peer says what it is for and how it is had', () => {
  for (const [name, peer] of Object.entries(peerList)) {
    expect(['required', 'optional'], name).toContain(peer.class);
    expect(peer.about && peer.usedBy, name).toBeTruthy();
    // A required peer has to be obtainable from Debian or npm.
    if (peer.class === 'required')
      expect(
        peer.sources.some(({ from }) => from === 'debian' || from === 'npm'),
        name,
      ).toBe(true);
  }
});
