/**
 * Which requests are under way, so that every one of them is answered exactly once, whatever
 * happens to the connection that carries it.
 *
 * @module
 */
import { type Id, idKey, type Kind } from './message.ts';

/** One POST that expects answers: one request, or a batch of them. */
export interface Exchange {
  readonly abort: AbortController;
  /** Whether closing the stream cancels it (2026-07-28) or a notification does (before). */
  readonly modern: boolean;
  /** Open until somebody ends it. */
  readonly listening: boolean;
  /** Not answered yet, by key. */
  readonly pending: Map<string, { readonly id: Id; readonly method: string }>;
}

export interface Exchanges {
  open(message: Kind, modern: boolean): Exchange;
  find(id: unknown): Exchange | undefined;
  /** Marks a request as answered or given up; gives its method if it was open. */
  settle(id: unknown): string | undefined;
  /** Gives up everything that is left of `exchange`. */
  end(exchange: Exchange): readonly Id[];
  /** Resolves when nothing is under way but listening. */
  idle(): Promise<void>;
}

/** The requests in `message`. */
export function requestsIn(message: Kind): readonly Extract<Kind, { kind: 'request' }>[] {
  if (message.kind === 'batch') return message.messages.flatMap(requestsIn);
  return message.kind === 'request' ? [message] : [];
}

export function createExchanges(): Exchanges {
  const byId = new Map<string, Exchange>();
  let waiting: (() => void)[] = [];
  const isIdle = (): boolean => [...byId.values()].every((exchange) => exchange.listening);
  const wake = (): void => {
    if (!isIdle()) return;
    for (const resolve of waiting) resolve();
    waiting = [];
  };
  const settle = (id: unknown): string | undefined => {
    const key = idKey(id);
    const exchange = byId.get(key);
    const method = exchange?.pending.get(key)?.method;
    exchange?.pending.delete(key);
    byId.delete(key);
    wake();
    return method;
  };
  return {
    open(message, modern) {
      const requests = requestsIn(message);
      const exchange: Exchange = {
        abort: new AbortController(),
        modern,
        listening: requests.every(({ method }) => method === 'subscriptions/listen'),
        pending: new Map(requests.map(({ id, method }) => [idKey(id), { id, method }])),
      };
      for (const key of exchange.pending.keys()) byId.set(key, exchange);
      return exchange;
    },
    find: (id) => byId.get(idKey(id)),
    settle,
    end(exchange) {
      // An id that the client has used again meanwhile belongs to the newer exchange.
      const left = [...exchange.pending.values()].map(({ id }) => id);
      for (const id of left) if (byId.get(idKey(id)) === exchange) settle(id);
      exchange.pending.clear();
      return left;
    },
    idle: () => (isIdle() ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
  };
}
