/**
 * The one `subscriptions/listen` stream that stands for a 2025-11-25 session in front of a server of the
 * 2026-07-28 era: it listens for every change that the server announces, and for the resources that the client
 * has subscribed to.
 *
 * A changed set of resources is a new stream; the old one ends when the new one is acknowledged, so that no
 * change falls between them.
 *
 * @module
 */
import type { JSONRPCNotification, ServerCapabilities, SubscriptionFilter } from '@modelcontextprotocol/server';
import { changeForLegacy } from './legacy-translation.ts';
import { isObject, notificationMessage, type Params, type RpcError, rpcCode } from './message.ts';
import type { Peer, Reply } from './peer.ts';

export interface LegacyListen {
  /** Begins to listen. */
  begin(): void;
  /** Resolves with why the server does not report changes of `uri`, or with nothing. */
  subscribe(uri: string): Promise<RpcError | undefined>;
  unsubscribe(uri: string): Promise<void>;
}

interface Stream {
  readonly acknowledged: Promise<SubscriptionFilter | undefined>;
  readonly cancel: () => void;
}

/**
 * @param envelope - Makes the parameters of a request complete.
 * @param onChange - Gets each change as the old era words it.
 */
export function createLegacyListen(
  peer: Peer,
  { tools, prompts, resources }: ServerCapabilities,
  envelope: (params: Params) => Params,
  onChange: (change: JSONRPCNotification) => void,
): LegacyListen {
  const wanted = new Set<string>();
  let current: Stream | undefined;
  /** One change of the set after the other. */
  let turn: Promise<unknown> = Promise.resolve();

  const lists: SubscriptionFilter = {
    ...(tools?.listChanged === true ? { toolsListChanged: true } : {}),
    ...(prompts?.listChanged === true ? { promptsListChanged: true } : {}),
    ...(resources?.listChanged === true ? { resourcesListChanged: true } : {}),
  };

  function open(notifications: SubscriptionFilter): Stream {
    const { promise: acknowledged, resolve } = Promise.withResolvers<SubscriptionFilter | undefined>();
    const reply: Reply = {
      notify(method, params) {
        if (method !== 'notifications/subscriptions/acknowledged') {
          onChange(notificationMessage(method, changeForLegacy(params)));
        } else resolve(isObject(params?.['notifications']) ? params['notifications'] : {});
      },
      succeed: () => resolve(undefined),
      fail: () => resolve(undefined),
    };
    const exchange = { reply, clientId: 'session' };
    return { acknowledged, cancel: peer.open('subscriptions/listen', envelope({ notifications }), exchange) };
  }

  /** Listens for what is wanted now; gives the URIs that the server has agreed to. */
  async function renew(): Promise<readonly string[]> {
    const filter = wanted.size === 0 ? lists : { ...lists, resourceSubscriptions: [...wanted] };
    const before = current;
    current = Object.keys(filter).length === 0 ? undefined : open(filter);
    const agreed = await current?.acknowledged;
    before?.cancel();
    return agreed?.resourceSubscriptions ?? [];
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = turn.then(work);
    turn = done.catch(() => undefined);
    return done;
  }

  return {
    begin() {
      void inTurn(renew);
    },
    subscribe: (uri) =>
      inTurn(async () => {
        wanted.add(uri);
        if ((await renew()).includes(uri)) return undefined;
        wanted.delete(uri);
        return {
          code: rpcCode.invalidParams,
          message: `The hosted server does not report changes of ${uri}`,
          data: { uri },
        };
      }),
    unsubscribe: (uri) =>
      inTurn(async () => {
        if (wanted.delete(uri)) await renew();
      }),
  };
}
