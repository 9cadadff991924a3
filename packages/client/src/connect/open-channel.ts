/**
 * The one place where a channel to a server is put together: attested connections, then whatever
 * signs the user in, then the guard of the tool catalogue. Each is a `fetch` around the one before,
 * so a token cannot leave except through the attested one.
 *
 * @module
 */
import type { AttestationResult } from '@vitrine/verifier';
import { type AttestedFetch, attestedFetch } from '../channel/attested-fetch.ts';
import type { LaneOptions } from '../channel/lanes.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import type { ProxyFor } from '../net/proxy-environment.ts';
import { requireTrust } from './judge.ts';
import type { StateWitness } from './state-witness.ts';
import type { Trust } from './trust.ts';

/** Puts something around a `fetch` that goes to the attested server only. */
export type FetchWrapper = (fetch: FetchLike) => FetchLike;

export interface ChannelOptions {
  readonly trust: Trust;
  /** The clock to judge by. */
  readonly now: () => Date;
  /** For the attestation of one connection, in milliseconds. */
  readonly timeLimitMs: number;
  /** Gives up early. */
  readonly signal?: AbortSignal;
  readonly lanes?: LaneOptions;
  /** Which HTTP proxy to go through; none by default. */
  readonly proxyFor?: ProxyFor;
  /** Told the verdict on each new connection, before it is acted on. */
  readonly onResult?: (result: AttestationResult) => void;
  /** Told each result that was admitted. */
  readonly onAdmitted?: (result: AttestationResult) => void;
  /** Remembers how far keys and data of the server have got. */
  readonly witness?: StateWitness | undefined;
  /** Put around the attested `fetch`, the first one innermost: static headers, sign-in. */
  readonly wrap?: readonly FetchWrapper[];
  /** Makes the outermost wrapper for one client: the guard of the tool catalogue. */
  readonly guard?: FetchWrapper;
}

export interface Channel {
  /**
   * A `fetch` for one MCP client. What it throws is a refusal, or a `ConnectionBrokenError`.
   * Guards tell requests apart by their ids, so two clients must not share one.
   */
  client(): FetchLike;
  /** Opens and judges a first connection, which the first request will use. */
  prepare(): Promise<void>;
  /** Ends every connection at once. */
  close(): Promise<void>;
}

export function openChannel(options: ChannelOptions): Channel {
  const { trust, now, timeLimitMs, signal, lanes, proxyFor, wrap = [], guard = (fetch) => fetch } = options;
  const attested: AttestedFetch = attestedFetch(trust.url, requireTrust(trust, now, options), {
    timeLimitMs,
    ...(signal === undefined ? {} : { signal }),
    ...(proxyFor === undefined ? {} : { proxyFor }),
    ...(lanes === undefined ? {} : { lanes }),
  });
  const inner = wrap.reduce<FetchLike>((fetch, around) => around(fetch), attested.fetch);
  return { client: () => guard(inner), prepare: attested.prepare, close: attested.close };
}
