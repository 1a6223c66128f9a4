import { type QualityCode, qualityFromOpcUa } from '@millrace/contracts';
import {
  AttributeIds,
  DataChangeNotification,
  type DataValue,
  type NotificationMessage,
  type OPCUAServer,
  ReadRequest,
  ReadResponse,
  type ServerSession,
  type Subscription,
} from 'node-opcua';
import type { NodeTag } from './address-space.js';

type OnServed = (entry: {
  readonly deviceId: string;
  readonly tag: string;
  readonly sourceMs: number;
  readonly value: number | boolean | null;
  readonly quality: QualityCode;
  readonly client: string;
}) => void;

interface Item {
  readonly clientHandle?: number;
  readonly node?: { readonly nodeId: { toString(): string } } | null;
}

function entryOf(node: NodeTag, dataValue: DataValue, client: string): Parameters<OnServed>[0] {
  const value: unknown = dataValue.value?.value;
  return {
    ...node,
    sourceMs: dataValue.sourceTimestamp?.getTime() ?? 0,
    value: typeof value === 'number' || typeof value === 'boolean' ? value : null,
    quality: qualityFromOpcUa(dataValue.statusCode.value),
    client,
  };
}

function watchSubscription(
  subscription: Subscription,
  session: string,
  nodes: ReadonlyMap<string, NodeTag>,
  onServed: OnServed,
) {
  // The client's handle may change by ModifyMonitoredItems, so it is looked up on the item each time.
  const items = new Set<Item>();
  subscription.on('monitoredItem', (item: Item) => items.add(item));
  subscription.on('removeMonitoredItem', (item: Item) => items.delete(item));
  const client = `${session}/${subscription.id}`;
  subscription.on('notification', (message: NotificationMessage) => {
    const byHandle = new Map([...items].map((item) => [item.clientHandle, item]));
    for (const data of message.notificationData ?? []) {
      if (!(data instanceof DataChangeNotification)) continue;
      for (const { clientHandle, value } of data.monitoredItems ?? []) {
        const node = nodes.get(byHandle.get(clientHandle)?.node?.nodeId.toString() ?? '');
        if (node) onServed(entryOf(node, value, client));
      }
    }
  });
}

/** Reports every value that leaves the server: in a notification, or as the answer to a read. */
export function watchNotifications(
  server: OPCUAServer,
  nodes: ReadonlyMap<string, NodeTag>,
  onServed: OnServed,
): void {
  server.on('create_session', (session: ServerSession) => {
    const name = session.nodeId.toString();
    session.on('new_subscription', (subscription: Subscription) =>
      watchSubscription(subscription, name, nodes, onServed),
    );
  });
  watchReads(server, nodes, onServed);
}

/** Reads whose answer is still due, at most; the oldest is forgotten, as its answer will hardly come. */
const openReadsMax = 1000;

function watchReads(server: OPCUAServer, nodes: ReadonlyMap<string, NodeTag>, onServed: OnServed): void {
  const open = new Map<string, readonly (NodeTag | undefined)[]>();
  server.on('request', (request, channel) => {
    if (!(request instanceof ReadRequest)) return;
    const asked = (request.nodesToRead ?? []).map((read) =>
      read.attributeId === AttributeIds.Value ? nodes.get(read.nodeId.toString()) : undefined,
    );
    if (!asked.some((node) => node)) return;
    if (open.size >= openReadsMax) for (const key of open.keys()) if (open.delete(key)) break;
    open.set(`${channel.channelId}/${request.requestHeader.requestHandle}`, asked);
  });
  server.on('response', (response, channel) => {
    if (!(response instanceof ReadResponse)) return;
    const key = `${channel.channelId}/${response.responseHeader.requestHandle}`;
    const asked = open.get(key);
    open.delete(key);
    asked?.forEach((node, i) => {
      const dataValue = response.results?.[i];
      if (node && dataValue) onServed(entryOf(node, dataValue, `read/${channel.channelId}`));
    });
  });
}
