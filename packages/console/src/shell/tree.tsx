import { useQuery } from '@tanstack/react-query';
import { useLocation, useNavigate } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';
import { assetsQuery } from '../api/queries';
import type { AssetNode } from '../api/types';
import { now } from '../lib/clock';
import { nameLabel } from '../lib/format';
import { usePreferences } from '../lib/preferences';
import { StateGlyph } from '../ui/marks';
import { Problem, Skeleton } from '../ui/notes';
import { narrowed, nextLine, startClosed, type TreeLine, treeLines, typedLine } from './tree-model';

/** The plant by ISA-95 level: enterprise, site, area, line, device, each with the worst below it. */
export function Tree({ onChosen }: { onChosen: () => void }) {
  const assets = useQuery(assetsQuery);
  const [filter, setFilter] = useState('');
  return (
    <div className="tree-box">
      <input
        className="input"
        type="search"
        placeholder="Filter the plant"
        aria-label="Filter the plant"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      {assets.data ? (
        <Branches root={assets.data.root} filter={filter} onChosen={onChosen} />
      ) : assets.error ? (
        <Problem what="The plant" error={assets.error} retry={() => void assets.refetch()} />
      ) : (
        <Skeleton rows={8} label="the plant" />
      )}
    </div>
  );
}

function useChosen(): string | undefined {
  const location = useLocation();
  const search = location.search as Record<string, string | undefined>;
  if (location.pathname.startsWith('/devices/')) return decodeURIComponent(location.pathname.slice(9));
  if (location.pathname !== '/') return undefined;
  // The whole enterprise is the overview itself, which the list of pages marks already.
  return [search.site, search.area, search.line].filter(Boolean).join('/') || undefined;
}

/** What a node is called in the URL: a device by its id, a branch by its path below the enterprise. */
function nodeKey(node: AssetNode): string {
  return node.device_id ?? node.id.split('/').slice(1).join('/');
}

function Branches({ root, filter, onChosen }: { root: AssetNode; filter: string; onChosen: () => void }) {
  const [closed, setClosed] = useState(() => startClosed(root));
  const [active, setActive] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const chosen = useChosen();
  const open = useOpen(onChosen);
  const shownRoot = useMemo(() => narrowed(root, filter), [root, filter]);
  const lines = useMemo(
    () => (shownRoot ? treeLines(shownRoot, filter === '' ? closed : new Set()) : []),
    [shownRoot, closed, filter],
  );
  const height = usePreferences().density === 'compact' ? 26 : 32;
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 12,
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: another density is another row height
  useEffect(() => virtual.measure(), [virtual, height]);
  const at = Math.min(active, lines.length - 1);
  const goTo = (line: number) => {
    setActive(line);
    virtual.scrollToIndex(line);
  };
  const toggle = (id: string) =>
    setClosed((before) => {
      const after = new Set(before);
      if (!after.delete(id)) after.add(id);
      return after;
    });
  const onKeyDown = useTreeKeys({ lines, at, goTo, toggle, open });
  if (lines.length === 0) return <p className="tree-none quiet">Nothing in the plant matches.</p>;
  return (
    <div
      ref={scroller}
      role="tree"
      aria-label="Plant"
      tabIndex={0}
      aria-activedescendant={`tree-${String(at)}`}
      className="tree"
      onKeyDown={onKeyDown}
    >
      <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
        {virtual.getVirtualItems().map((item) => (
          <Line
            key={lines[item.index]!.node.id}
            line={lines[item.index]!}
            index={item.index}
            top={item.start}
            height={height}
            active={item.index === at}
            chosen={chosen === nodeKey(lines[item.index]!.node)}
            onOpen={(node) => {
              setActive(item.index);
              open(node);
            }}
            onToggle={toggle}
          />
        ))}
      </div>
    </div>
  );
}

interface TreeKeys {
  readonly lines: readonly TreeLine[];
  readonly at: number;
  readonly goTo: (line: number) => void;
  readonly toggle: (id: string) => void;
  readonly open: (node: AssetNode) => void;
}

/** Keys typed within this time belong to one word, ms. */
const wordMs = 800;

/** Arrow keys, Home, End, Enter and type-ahead, as the ARIA tree pattern has them. */
function useTreeKeys({ lines, at, goTo, toggle, open }: TreeKeys): (event: KeyboardEvent) => void {
  const typed = useRef({ text: '', at: 0 });
  return (event) => {
    const line = lines[at];
    if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = nextLine(lines, at, event.key);
    if (next !== undefined) goTo(next);
    else if (event.key === 'Enter') open(line.node);
    else if (line.expanded !== undefined && (event.key === 'ArrowRight' || event.key === 'ArrowLeft'))
      toggle(line.node.id);
    else if (event.key.length === 1) {
      const fresh = now() - typed.current.at > wordMs;
      typed.current = { text: (fresh ? '' : typed.current.text) + event.key, at: now() };
      const found = typedLine(lines, at, typed.current.text);
      if (found !== undefined) goTo(found);
    } else return;
    event.preventDefault();
  };
}

/** Goes to what a node stands for: a device's page, or the overview of its branch. */
function useOpen(onChosen: () => void): (node: AssetNode) => void {
  const navigate = useNavigate();
  return (node) => {
    onChosen();
    if (node.device_id) {
      void navigate({ to: '/devices/$deviceId', params: { deviceId: node.device_id } });
      return;
    }
    const [, site, area, line] = node.id.split('/');
    void navigate({ to: '/', search: { site, area, line } });
  };
}

interface LineProps {
  readonly line: TreeLine;
  readonly index: number;
  readonly top: number;
  readonly height: number;
  readonly active: boolean;
  readonly chosen: boolean;
  readonly onOpen: (node: AssetNode) => void;
  readonly onToggle: (id: string) => void;
}

function Line({ line, index, top, height, active, chosen, onOpen, onToggle }: LineProps) {
  const { node, depth, expanded } = line;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree itself takes the keys for its active line
    // biome-ignore lint/a11y/useFocusableInteractive: the tree holds the focus (aria-activedescendant)
    <div
      id={`tree-${String(index)}`}
      role="treeitem"
      aria-level={depth}
      aria-posinset={line.position}
      aria-setsize={line.siblings}
      aria-selected={chosen}
      {...(expanded === undefined ? {} : { 'aria-expanded': expanded })}
      className="tree-line"
      data-active={active}
      style={{ height, transform: `translateY(${top}px)`, paddingLeft: 4 + (depth - 1) * 14 }}
      onClick={() => onOpen(node)}
    >
      <span
        className="twist"
        aria-hidden="true"
        data-open={expanded}
        onClick={(event) => {
          if (expanded === undefined) return;
          event.stopPropagation();
          onToggle(node.id);
        }}
      />
      <StateGlyph state={line.state} worst={line.worst} />
      <span className="clip">
        {node.device_id ?? nameLabel(node.name)}
        {node.device_id && node.name !== node.device_id ? (
          <span className="tree-title">{node.name}</span>
        ) : null}
      </span>
      {node.kind === 'device' ? null : (
        <span className="tree-count number">
          {node.devices.online === node.devices.total
            ? node.devices.total
            : `${node.devices.online}/${node.devices.total}`}
        </span>
      )}
    </div>
  );
}
