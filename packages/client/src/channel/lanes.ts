/**
 * Shares at most six attested connections so that nothing waits for itself: an answer to the
 * server's question must get through while every long request waits for that answer, and a stream
 * that only listens must not take a place from calls.
 *
 * One connection listens, four carry requests, and one is kept for short messages when those four
 * are taken. HTTP/1.1 carries one exchange at a time.
 *
 * @module
 */
import { type Dispatcher, Pool } from 'undici';

/** `listen`: open until somebody ends it. `request`: may take long. `short`: answered at once. */
export type Lane = 'listen' | 'request' | 'short';

const CONNECTIONS = { listen: 1, request: 4, short: 1 } as const;
const KEEP_ALIVE_MS = 15 * 60_000;

export interface Lanes {
  /** A dispatcher that picks the connection when the request is really sent. */
  readonly dispatcher: Readonly<Record<Lane, Dispatcher>>;
  /** Ends all connections at once, requests in flight included. */
  destroy(): Promise<void>;
}

/** Which lane an MCP exchange takes. `body` is the JSON text of one message, if any. */
export function laneOf(method: string, body: unknown): Lane {
  if (method === 'GET') return 'listen';
  if (method !== 'POST' || typeof body !== 'string') return 'short';
  let message: unknown;
  try {
    message = JSON.parse(body);
  } catch {
    return 'request';
  }
  if (typeof message !== 'object' || message === null || !('method' in message)) {
    return Array.isArray(message) ? 'request' : 'short';
  }
  if (!('id' in message)) return 'short';
  return message.method === 'subscriptions/listen' ? 'listen' : 'request';
}

/** Lanes to `origin` over connections that `connect` makes. */
export function createLanes(origin: string, connect: NonNullable<Pool.Options['connect']>): Lanes {
  const pool = (connections: number): Pool =>
    new Pool(origin, {
      connections,
      connect,
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      // How long a tool may take is for its caller to decide.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  const pools = {
    listen: pool(CONNECTIONS.listen),
    request: pool(CONNECTIONS.request),
    short: pool(CONNECTIONS.short),
  } as const;
  const full = (lane: Lane): boolean => pools[lane].stats.size >= CONNECTIONS[lane];
  const pick: Readonly<Record<Lane, () => Pool>> = {
    listen: () => (full('listen') ? pools.request : pools.listen),
    request: () => pools.request,
    short: () => (full('request') ? pools.short : pools.request),
  };
  const lane = (name: Lane): Dispatcher =>
    pools[name].compose(() => (options, handler) => pick[name]().dispatch(options, handler));
  return {
    dispatcher: { listen: lane('listen'), request: lane('request'), short: lane('short') },
    async destroy() {
      await Promise.all(Object.values(pools).map((one) => one.destroy()));
    },
  };
}
