/**
 * Shares a few attested connections so that nothing waits for itself: an answer to the server's
 * question must get through while every long request waits for that answer, and a stream that only
 * listens must not take the place of calls.
 *
 * HTTP/1.1 carries one exchange at a time. By default one connection listens, four carry requests,
 * and one is kept for short messages when those four are taken. A connection that has lived for its
 * time gets no further request and ends once idle, so that no call is cut; only listening streams,
 * which are opened again, are ended then.
 *
 * @module
 */
import { Client, type Dispatcher } from 'undici';
import { isRecord } from '../bridge/message.ts';
import { type Connect, type Lane, openSlot, type Slot } from './slot.ts';

/** How many connections each lane has; at least one each. */
export type LaneSizes = Readonly<Record<Lane, number>>;

/** For one MCP client. */
const CLIENT_LANES: LaneSizes = { listen: 1, request: 4, short: 1 };

export interface LaneOptions {
  readonly sizes?: LaneSizes;
  /** After this a connection takes no new request, in milliseconds; one hour by default. */
  readonly lifetimeMs?: number;
}

export interface Lanes {
  /**
   * Sends a request on the next connection of `lane` that is free. What is returned forgets the
   * request if it still waits for one.
   */
  dispatch(lane: Lane, options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): () => void;
  /** Ends all connections at once, requests in flight included. */
  destroy(): Promise<void>;
}

const LIFETIME_MS = 60 * 60_000;
const KEEP_ALIVE_MS = 15 * 60_000;

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
  if (!isRecord(message) || !('method' in message)) return Array.isArray(message) ? 'request' : 'short';
  if (!('id' in message)) return 'short';
  return message['method'] === 'subscriptions/listen' ? 'listen' : 'request';
}

interface Waiting {
  readonly lane: Lane;
  readonly start: (slot: Slot) => void;
}

/** Lanes to `origin` over connections that `connect` makes. */
export function createLanes(origin: string, connect: Connect, options: LaneOptions = {}): Lanes {
  const { sizes = CLIENT_LANES, lifetimeMs = LIFETIME_MS } = options;
  let waiting: Waiting[] = [];
  const client = (connectSlot: Connect): Client =>
    new Client(origin, {
      connect: connectSlot,
      allowH2: false,
      pipelining: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      // How long a tool may take is for its caller to decide.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  const make = (lane: Lane): readonly Slot[] =>
    Array.from({ length: sizes[lane] }, () => openSlot({ client, connect, lifetimeMs, cut: lane === 'listen', freed }));
  const slots: Readonly<Record<Lane, readonly Slot[]>> = {
    listen: make('listen'),
    request: make('request'),
    short: make('short'),
  };

  /** A free connection, one that is open if there is one: opening costs an attestation. */
  const idle = (lane: Lane): Slot | undefined => {
    const free = slots[lane].filter((slot) => slot.carries === undefined);
    return free.find((slot) => slot.connected()) ?? free[0];
  };
  /** Listening borrows at most half of the connections for requests. */
  const mayBorrow = (): boolean =>
    slots.request.filter((slot) => slot.carries === 'listen').length < Math.floor(sizes.request / 2);
  const pick: Readonly<Record<Lane, () => Slot | undefined>> = {
    listen: () => idle('listen') ?? (mayBorrow() ? idle('request') : undefined),
    request: () => idle('request'),
    short: () => idle('request') ?? idle('short'),
  };

  function freed(): void {
    for (const one of waiting) {
      const slot = pick[one.lane]();
      if (slot === undefined) continue;
      waiting = waiting.filter((other) => other !== one);
      one.start(slot);
    }
  }

  return {
    dispatch(lane, request, handler) {
      const start = (slot: Slot): void => slot.dispatch(lane, request, handler);
      const slot = pick[lane]();
      if (slot !== undefined) {
        start(slot);
        return () => {};
      }
      const entry = { lane, start };
      waiting.push(entry);
      return () => {
        waiting = waiting.filter((other) => other !== entry);
      };
    },
    async destroy() {
      const left = waiting;
      waiting = [];
      await Promise.all(Object.values(slots).flatMap((lane) => lane.map((slot) => slot.destroy())));
      // With a client that is gone, each of them fails in the ordinary way.
      for (const { lane, start } of left) start(slots[lane][0] as Slot);
    },
  };
}
