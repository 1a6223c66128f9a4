import { describe, expect, it } from 'vitest';
import type { AssetNode } from '../api/types';
import { narrowed, nextLine, rollUp, treeLines, typedLine } from './tree-model';

const device = (name: string, state: AssetNode['state'], q: number): AssetNode => ({
  id: `e/s/a/l/${name}`,
  kind: 'device',
  name,
  device_id: name,
  devices: { total: 1, online: 1 },
  worst_quality: { q, words: '', tag: 'x' },
  children: [],
  ...(state ? { state } : {}),
});
const branch = (id: string, kind: AssetNode['kind'], children: AssetNode[]): AssetNode => ({
  id,
  kind,
  name: id,
  devices: { total: 2, online: 1 },
  worst_quality: null,
  children,
});
const root = branch('e', 'enterprise', [
  branch('s', 'site', [device('P-101', 'online', 28), device('P-102', 'stale', 192)]),
  branch('t', 'site', [device('T-201', 'online', 192)]),
]);

describe('the plant tree', () => {
  it('rolls the worst state and quality up', () => {
    expect(rollUp(root)).toEqual({ state: 'stale', worst: 'bad' });
    expect(rollUp(root.children[1]!)).toEqual({ state: 'online', worst: 'good' });
  });

  it('keeps only branches that lead to a match', () => {
    const lines = treeLines(narrowed(root, 'p-102')!, new Set());
    expect(lines.map((line) => line.node.name)).toEqual(['e', 's', 'P-102']);
    expect(narrowed(root, 'nothing')).toBeUndefined();
  });

  it('moves by arrow keys and by typing', () => {
    const lines = treeLines(root, new Set(['t']));
    expect(lines.map((line) => line.node.name)).toEqual(['e', 's', 'P-101', 'P-102', 't']);
    expect(nextLine(lines, 0, 'ArrowDown')).toBe(1);
    expect(nextLine(lines, 3, 'ArrowLeft')).toBe(1);
    expect(nextLine(lines, 4, 'ArrowRight')).toBeUndefined();
    expect(nextLine(lines, 4, 'ArrowDown')).toBe(4);
    expect(typedLine(lines, 2, 'p')).toBe(3);
    expect(typedLine(lines, 2, 'p-101')).toBe(2);
    expect(typedLine(lines, 0, 'x')).toBeUndefined();
  });
});
