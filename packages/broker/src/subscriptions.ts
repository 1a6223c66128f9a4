/** Options of one subscription (MQTT 5, 3.8.3.1); a 3.1.1 client has the defaults. */
export interface Subscription {
  readonly clientId: string;
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier: number | undefined;
}

/** One receiver of a message: a client, and every subscription of it that matched. */
export interface Match {
  readonly clientId: string;
  readonly subscriptions: Subscription[];
}

interface Node {
  readonly children: Map<string, Node>;
  readonly own: Map<string, Subscription>;
  /** Share name -> members by client id (MQTT 5, 4.8.2). */
  readonly shared: Map<string, SharedGroup>;
}

interface SharedGroup {
  readonly members: Map<string, Subscription>;
  turn: number;
}

const newNode = (): Node => ({ children: new Map(), own: new Map(), shared: new Map() });

/** True when a topic filter is well formed (MQTT 5, 4.7.1), shared or not. */
export function isValidFilter(filter: string): boolean {
  const plain = shareOf(filter);
  if (!plain || plain.filter.length === 0 || plain.filter.includes('\0')) return false;
  const levels = plain.filter.split('/');
  return levels.every((level, i) => {
    if (level === '#') return i === levels.length - 1;
    if (level === '+') return true;
    return !level.includes('+') && !level.includes('#');
  });
}

/** True for a topic name a client may publish to: not empty, no wildcard, no U+0000 ([MQTT-3.3.2-2], [MQTT-4.7.3-1]). */
export function isValidTopic(topic: string): boolean {
  return topic.length > 0 && !/[+#\0]/.test(topic);
}

/** The share name and the filter behind `$share/{name}/{filter}`; undefined when it is malformed. */
export function shareOf(
  filter: string,
): { readonly share: string | undefined; readonly filter: string } | undefined {
  if (!filter.startsWith('$share/')) return { share: undefined, filter };
  const slash = filter.indexOf('/', 7);
  const share = slash < 0 ? '' : filter.slice(7, slash);
  // [MQTT-4.8.2-1], [MQTT-4.8.2-2]: a share name has at least one character and no wildcard.
  if (share === '' || /[+#]/.test(share)) return undefined;
  return { share, filter: filter.slice(slash + 1) };
}

/** Every subscription of every client, found by topic. `version` changes whenever an answer may change. */
export class SubscriptionTree {
  readonly #root = newNode();
  #version = 0;
  #count = 0;
  #sharedCount = 0;

  /** True while any client is in a shared group. */
  get hasShared(): boolean {
    return this.#sharedCount > 0;
  }

  get version(): number {
    return this.#version;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds or replaces. True when the client had no subscription with this filter. */
  add(subscription: Subscription): boolean {
    const parts = shareOf(subscription.filter);
    if (!parts) return false;
    let node = this.#root;
    for (const level of parts.filter.split('/')) {
      let child = node.children.get(level);
      if (!child) {
        child = newNode();
        node.children.set(level, child);
      }
      node = child;
    }
    const members = this.#membersAt(node, parts.share, true);
    const isNew = !members.has(subscription.clientId);
    members.set(subscription.clientId, subscription);
    if (isNew) this.#count++;
    if (isNew && parts.share !== undefined) this.#sharedCount++;
    this.#version++;
    return isNew;
  }

  /** Removes; true when it was there. Empty branches go with it. */
  remove(clientId: string, filter: string): boolean {
    const parts = shareOf(filter);
    if (!parts) return false;
    const path: { node: Node; level: string }[] = [];
    let node = this.#root;
    for (const level of parts.filter.split('/')) {
      const child = node.children.get(level);
      if (!child) return false;
      path.push({ node, level });
      node = child;
    }
    const removed = this.#membersAt(node, parts.share, false).delete(clientId);
    if (!removed) return false;
    if (parts.share !== undefined && node.shared.get(parts.share)?.members.size === 0)
      node.shared.delete(parts.share);
    for (const { node: parent, level } of path.reverse()) {
      const child = parent.children.get(level);
      if (child && child.children.size + child.own.size + child.shared.size === 0)
        parent.children.delete(level);
    }
    this.#count--;
    if (parts.share !== undefined) this.#sharedCount--;
    this.#version++;
    return true;
  }

  /** Who receives a message on `topic`; one entry a client, and one member of each shared group by turns. */
  match(topic: string, isConnected: (clientId: string) => boolean): Match[] {
    const found = new Map<string, Subscription[]>();
    const shared: Subscription[] = [];
    const take = (node: Node) => {
      for (const subscription of node.own.values()) {
        const list = found.get(subscription.clientId);
        if (list) list.push(subscription);
        else found.set(subscription.clientId, [subscription]);
      }
      for (const group of node.shared.values()) {
        const member = nextMember(group, isConnected);
        if (member) shared.push(member);
      }
    };
    walk(this.#root, topic.split('/'), 0, take);
    const matches: Match[] = [...found].map(([clientId, subscriptions]) => ({ clientId, subscriptions }));
    for (const member of shared) matches.push({ clientId: member.clientId, subscriptions: [member] });
    return matches;
  }

  #membersAt(node: Node, share: string | undefined, create: boolean): Map<string, Subscription> {
    if (share === undefined) return node.own;
    let group = node.shared.get(share);
    if (!group) {
      group = { members: new Map(), turn: 0 };
      if (create) node.shared.set(share, group);
    }
    return group.members;
  }
}

function walk(node: Node, levels: readonly string[], depth: number, take: (node: Node) => void): void {
  // [MQTT-4.7.2-1]: a filter that starts with a wildcard does not match a topic that starts with $.
  const wildcards = depth > 0 || !levels[0]?.startsWith('$');
  const hash = wildcards ? node.children.get('#') : undefined;
  if (hash) take(hash);
  if (depth === levels.length) {
    take(node);
    return;
  }
  const exact = node.children.get(levels[depth]!);
  if (exact) walk(exact, levels, depth + 1, take);
  const plus = wildcards ? node.children.get('+') : undefined;
  if (plus) walk(plus, levels, depth + 1, take);
}

function nextMember(
  group: SharedGroup,
  isConnected: (clientId: string) => boolean,
): Subscription | undefined {
  const members = [...group.members.values()];
  for (let i = 0; i < members.length; i++) {
    const member = members[(group.turn + i) % members.length]!;
    if (!isConnected(member.clientId)) continue;
    group.turn = (group.turn + i + 1) % members.length;
    return member;
  }
  // Nobody of the group is there: the message waits in one member's session.
  const waiting = members[group.turn % Math.max(1, members.length)];
  group.turn++;
  return waiting;
}
