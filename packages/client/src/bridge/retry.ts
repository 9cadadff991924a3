/**
 * Sends a request again when its connection broke and that can do no harm: nothing of it was
 * written, or its method has no effect that a repetition would double.
 *
 * The connection that carries the repetition is attested like every other. Tools are repeated only
 * where the attested server itself says that they only read or are idempotent. Everything else is
 * left to the caller, who learns from the error whether the call may have run.
 *
 * @module
 */
import { setTimeout as delay } from 'node:timers/promises';
import { ConnectionBrokenError } from '../channel/exchange.ts';
import { UnreachableError } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import { classify, isRecord, type Kind } from './message.ts';

/** Methods of MCP, up to 2026-07-28, whose repetition changes nothing. `tools/call` has a rule of its own. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'initialize',
  'ping',
  'server/discover',
  'tools/list',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  'subscriptions/listen',
  'completion/complete',
  'logging/setLevel',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/cancel',
]);
/** Waits before a server that could not be reached is tried again, in milliseconds. */
const DELAYS_MS: readonly number[] = [250, 1_000];

export interface RetryOptions {
  /** Whether calling this tool twice does no more than calling it once. */
  readonly repeatable: (tool: string) => boolean;
  /** One repetition per element, which is waited for where the server could not be reached. */
  readonly delaysMs?: readonly number[];
}

/** `fetch` for MCP messages, which repeats what may be repeated. The last error is thrown as it is. */
export function withRetries(
  fetch: FetchLike,
  { repeatable, delaysMs = DELAYS_MS }: RetryOptions,
): (url: string, init?: RequestInit) => Promise<Response> {
  return async (url, init = {}) => {
    for (const pause of delaysMs) {
      try {
        return await fetch(url, init);
      } catch (error) {
        if (init.signal?.aborted === true || !mayRepeat(error, init, repeatable)) throw error;
        if (error instanceof UnreachableError) {
          await delay(
            pause,
            undefined,
            init.signal === undefined || init.signal === null ? {} : { signal: init.signal },
          );
        }
      }
    }
    return fetch(url, init);
  };
}

function mayRepeat(error: unknown, init: RequestInit, repeatable: RetryOptions['repeatable']): boolean {
  if (error instanceof UnreachableError) return error.code === 'network' || error.code === 'attest.truncated';
  if (!(error instanceof ConnectionBrokenError) || error.progress === 'partial') return false;
  if (error.progress === 'unsent') return true;
  const { method = 'GET', body } = init;
  return method !== 'POST' || (typeof body === 'string' && isRepeatable(messageIn(body), repeatable));
}

function isRepeatable(message: Kind | undefined, repeatable: RetryOptions['repeatable']): boolean {
  switch (message?.kind) {
    case 'batch':
      return message.messages.every((one) => isRepeatable(one, repeatable));
    // The id of a response that came twice is known no longer.
    case 'response':
      return true;
    case 'notification':
      return message.method.startsWith('notifications/');
    case 'request': {
      const { name, requestState } = message.params;
      // A state that was handed out for one continuation may be good for one only.
      if (requestState !== undefined) return false;
      return message.method === 'tools/call'
        ? typeof name === 'string' && repeatable(name)
        : REPEATABLE.has(message.method);
    }
    case undefined:
      return false;
  }
}

function messageIn(body: string): Kind | undefined {
  const value: unknown = JSON.parse(body);
  return isRecord(value) || Array.isArray(value) ? classify(value) : undefined;
}
