import { worstName } from '../api/quality';
import type { AssetNode, DeviceState, QualityName } from '../api/types';

/** One line of the tree as it is shown. */
export interface TreeLine {
  readonly node: AssetNode;
  readonly depth: number;
  readonly expanded: boolean | undefined;
  readonly parent: number;
  readonly position: number;
  readonly siblings: number;
  readonly state: DeviceState | undefined;
  readonly worst: QualityName;
}

const stateOrder: readonly DeviceState[] = ['offline', 'stale', 'never_seen', 'online'];
const qualityOrder: readonly QualityName[] = ['bad', 'uncertain', 'good'];

/** The worst state and quality at or below a node. */
export function rollUp(node: AssetNode): { state: DeviceState | undefined; worst: QualityName } {
  let state = node.state;
  let worst = worstName(node.worst_quality);
  for (const child of node.children) {
    const below = rollUp(child);
    if (below.state && (!state || stateOrder.indexOf(below.state) < stateOrder.indexOf(state)))
      state = below.state;
    if (qualityOrder.indexOf(below.worst) < qualityOrder.indexOf(worst)) worst = below.worst;
  }
  return { state, worst };
}

/** Keeps the branches that lead to a match; undefined when there is none. */
export function narrowed(node: AssetNode, filter: string): AssetNode | undefined {
  const wanted = filter.trim().toLowerCase();
  if (wanted === '') return node;
  const own = `${node.name} ${node.device_id ?? ''} ${node.device_type ?? ''}`.toLowerCase();
  if (own.includes(wanted)) return node;
  const children = node.children.flatMap((child) => narrowed(child, filter) ?? []);
  return children.length === 0 ? undefined : { ...node, children };
}

/** The tree as lines, closed branches left out. A branch is open unless it is in `closed`. */
export function treeLines(root: AssetNode, closed: ReadonlySet<string>): TreeLine[] {
  const lines: TreeLine[] = [];
  const add = (node: AssetNode, depth: number, parent: number, position: number, siblings: number) => {
    const expanded = node.children.length === 0 ? undefined : !closed.has(node.id);
    const at = lines.length;
    lines.push({ node, depth, expanded, parent, position, siblings, ...rollUp(node) });
    if (!expanded) return;
    for (const [i, child] of node.children.entries()) add(child, depth + 1, at, i + 1, node.children.length);
  };
  add(root, 1, -1, 1, 1);
  return lines;
}

/** Branches to start closed: the lines of a fleet too large to show at once. */
export function startClosed(root: AssetNode): Set<string> {
  const closed = new Set<string>();
  if (root.devices.total <= 200) return closed;
  const visit = (node: AssetNode) => {
    if (node.kind === 'area' || node.kind === 'line') closed.add(node.id);
    for (const child of node.children) visit(child);
  };
  visit(root);
  return closed;
}

/** The line that a key leads to; undefined when the key means nothing here. */
export function nextLine(lines: readonly TreeLine[], at: number, key: string): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return Math.min(at + 1, lines.length - 1);
    case 'ArrowUp':
      return Math.max(at - 1, 0);
    case 'Home':
      return 0;
    case 'End':
      return lines.length - 1;
    case 'ArrowRight':
      return lines[at]?.expanded ? at + 1 : undefined;
    case 'ArrowLeft':
      return lines[at]?.expanded ? undefined : Math.max(0, lines[at]?.parent ?? 0);
    default:
      return undefined;
  }
}

/** The next line whose name begins with what was typed, from `at` on and around. */
export function typedLine(lines: readonly TreeLine[], at: number, typed: string): number | undefined {
  for (let step = typed.length > 1 ? 0 : 1; step <= lines.length; step++) {
    const i = (at + step) % lines.length;
    const { name, device_id: deviceId } = lines[i]!.node;
    if ([name, deviceId].some((one) => one?.toLowerCase().startsWith(typed.toLowerCase()))) return i;
  }
  return undefined;
}
