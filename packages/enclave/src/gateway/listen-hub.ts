/**
 * `subscriptions/listen` on behalf of a 2025-11-25 server: spreads its change notifications over the
 * streams of all clients that asked for them, and keeps one `resources/subscribe` per watched URI.
 *
 * Specification: MCP 2026-07-28, `subscriptions/listen`: acknowledgement first, then only what was asked
 * for, each notification naming the listen request; an empty result ends the stream.
 *
 * @module
 */
import {
  type JSONRPCNotification,
  type JSONRPCRequest,
  type RequestId,
  type ServerCapabilities,
  SUBSCRIPTION_ID_META_KEY,
  type SubscriptionFilter,
} from '@modelcontextprotocol/server';
import { isObject, rpcCode } from './message.ts';
import { metaOf } from './meta-keys.ts';
import type { Reply } from './peer.ts';

/** How the hub reaches the server. Both reject when the server refuses. */
export interface ResourceWatch {
  subscribe(uri: string): Promise<unknown>;
  unsubscribe(uri: string): Promise<unknown>;
}

export interface ListenHub {
  size(): number;
  /** Opens a stream; the returned function closes it without a result, for a client that has left. */
  open(request: JSONRPCRequest, reply: Reply): () => void;
  publish(notification: JSONRPCNotification): void;
  /** Ends every stream with its result. */
  endAll(): void;
  /** Ends every stream with an error. */
  failAll(message: string): void;
}

interface Stream {
  readonly id: RequestId;
  readonly reply: Reply;
  honoured: SubscriptionFilter;
}

// One client must not make the server watch without bound.
const MAX_URIS = 256;

export function createListenHub(capabilities: ServerCapabilities, watch: ResourceWatch, maxStreams: number): ListenHub {
  const streams = new Set<Stream>();
  /** Streams that hold each watched URI. */
  const watched = new Map<string, Set<Stream>>();

  function tagged(stream: Stream, params: object): Record<string, unknown> {
    const meta = isObject(params) ? metaOf(params) : {};
    return { ...params, _meta: { ...meta, [SUBSCRIPTION_ID_META_KEY]: stream.id } };
  }

  /** Whether the server now reports changes of `uri`. */
  async function acquire(uri: string, stream: Stream): Promise<boolean> {
    const holders = watched.get(uri);
    if (holders !== undefined) {
      holders.add(stream);
      return true;
    }
    watched.set(uri, new Set([stream]));
    try {
      await watch.subscribe(uri);
      return true;
    } catch {
      watched.delete(uri);
      return false;
    }
  }

  function drop(stream: Stream): boolean {
    if (!streams.delete(stream)) return false;
    for (const [uri, holders] of watched) {
      if (!holders.delete(stream) || holders.size > 0) continue;
      watched.delete(uri);
      // A server that refuses to forget sends notifications that nobody gets.
      watch.unsubscribe(uri).catch(() => undefined);
    }
    return true;
  }

  function end(stream: Stream): void {
    if (drop(stream)) stream.reply.succeed({ resultType: 'complete', ...tagged(stream, {}) });
  }

  async function begin(stream: Stream, wanted: SubscriptionFilter): Promise<void> {
    const uris = capabilities.resources?.subscribe === true ? [...new Set(wanted.resourceSubscriptions)] : [];
    const accepted: string[] = [];
    for (const uri of uris) if (await acquire(uri, stream)) accepted.push(uri);
    if (!streams.has(stream)) {
      // The client left while the server was being asked; nothing may stay watched for it.
      streams.add(stream);
      drop(stream);
      return;
    }
    stream.honoured = honouredBy(capabilities, wanted, accepted);
    stream.reply.notify('notifications/subscriptions/acknowledged', tagged(stream, { notifications: stream.honoured }));
    if (Object.keys(stream.honoured).length === 0) end(stream);
  }

  return {
    size: () => streams.size,
    open(request, reply) {
      const wanted = parseFilter(request.params?.['notifications']);
      if (wanted === undefined) {
        reply.fail({
          code: rpcCode.invalidParams,
          message: `params.notifications must be an object of booleans, with at most ${MAX_URIS} strings in resourceSubscriptions`,
        });
        return () => undefined;
      }
      if (streams.size >= maxStreams) {
        reply.fail({ code: rpcCode.internalError, message: `All ${maxStreams} subscription streams are taken` });
        return () => undefined;
      }
      const stream: Stream = { id: request.id, reply, honoured: {} };
      streams.add(stream);
      void begin(stream, wanted);
      return () => {
        drop(stream);
      };
    },
    publish(notification) {
      for (const stream of streams) {
        if (accepts(stream.honoured, notification)) {
          stream.reply.notify(notification.method, tagged(stream, notification.params ?? {}));
        }
      }
    },
    endAll() {
      for (const stream of streams) end(stream);
    },
    failAll(message) {
      for (const stream of streams) {
        if (streams.delete(stream)) stream.reply.fail({ code: rpcCode.internalError, message });
      }
      watched.clear();
    },
  };
}

function accepts(honoured: SubscriptionFilter, notification: JSONRPCNotification): boolean {
  switch (notification.method) {
    case 'notifications/tools/list_changed':
      return honoured.toolsListChanged === true;
    case 'notifications/prompts/list_changed':
      return honoured.promptsListChanged === true;
    case 'notifications/resources/list_changed':
      return honoured.resourcesListChanged === true;
    case 'notifications/resources/updated': {
      const uri = notification.params?.['uri'];
      return honoured.resourceSubscriptions?.some((one) => one === uri) === true;
    }
    default:
      return false;
  }
}

function honouredBy(server: ServerCapabilities, wanted: SubscriptionFilter, uris: string[]): SubscriptionFilter {
  return {
    ...(wanted.toolsListChanged === true && server.tools?.listChanged === true ? { toolsListChanged: true } : {}),
    ...(wanted.promptsListChanged === true && server.prompts?.listChanged === true ? { promptsListChanged: true } : {}),
    ...(wanted.resourcesListChanged === true && server.resources?.listChanged === true
      ? { resourcesListChanged: true }
      : {}),
    ...(uris.length > 0 ? { resourceSubscriptions: uris } : {}),
  };
}

function parseFilter(value: unknown): SubscriptionFilter | undefined {
  if (!isObject(value)) return undefined;
  const flags = [value['toolsListChanged'], value['promptsListChanged'], value['resourcesListChanged']];
  if (!flags.every((flag) => flag === undefined || typeof flag === 'boolean')) return undefined;
  const uris = value['resourceSubscriptions'];
  if (uris === undefined) return value;
  const valid = Array.isArray(uris) && uris.length <= MAX_URIS && uris.every((uri) => typeof uri === 'string');
  return valid ? value : undefined;
}
