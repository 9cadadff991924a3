/**
 * The calls of a 2025-11-25 server that wait until a stateless client has answered the server's
 * questions: found again by the sealed `requestState`, each state once, for a bounded time, and at most
 * so many. What is given up is cancelled in the server.
 *
 * @module
 */
import type { GatewayLimits } from './limits.ts';
import { type RpcError, rpcCode } from './message.ts';
import { CALL_ID_BYTES, type StateBinding, type StateSeal } from './request-state.ts';

const MARK_BYTES = 8;

/** What waits. */
export interface Waiting {
  /** Nobody will come back for it. */
  giveUp(): void;
}

export interface WaitingCalls<Call extends Waiting> {
  /** Keeps `call` and gives the state by which it is found again; when too many wait, the oldest is given up. */
  park(call: Call, binding: StateBinding): string;
  /** The call that this state was made for; it no longer waits and the state is used up. */
  take(state: string, binding: StateBinding): Call | undefined;
  /** Whether this is a state that was given here, used or expired ones included; no server must see these. */
  isOwn(state: unknown): boolean;
  size(): number;
  /** Gives up what has waited for too long. */
  sweep(now: number): void;
  giveUpAll(): void;
}

/**
 * The one answer to every state that finds no call. It does not tell a forged state from an old, a used
 * or somebody else's one, so that nothing can be learnt by trying.
 */
export const STATE_NOT_FOUND: RpcError = {
  code: rpcCode.invalidParams,
  message:
    'No call waits for this requestState: it expired, was used before, or was made for another request; start the call again without requestState and inputResponses',
};

interface Entry<Call> {
  readonly call: Call;
  readonly principal: string;
  readonly expiresAt: number;
}

/**
 * @param random - Gives that many random bytes.
 * @param now - Monotonic milliseconds.
 */
export function createWaitingCalls<Call extends Waiting>(
  seal: StateSeal,
  limits: Pick<GatewayLimits, 'waitingCalls' | 'inputMs'>,
  random: (bytes: number) => Uint8Array,
  now: () => number,
): WaitingCalls<Call> {
  /** In the order of their arrival. */
  const entries = new Map<string, Entry<Call>>();
  /** Before every state. Nobody else can know it, as it differs with each start. */
  const mark = `vitrine-${Buffer.from(random(MARK_BYTES)).toString('hex')}.`;

  function drop(callId: string): void {
    const entry = entries.get(callId);
    entries.delete(callId);
    entry?.call.giveUp();
  }

  /** Whoever leaves many calls waiting loses their own first. */
  function oldest(principal: string): string | undefined {
    let first: string | undefined;
    for (const [callId, entry] of entries) {
      if (entry.principal === principal) return callId;
      first ??= callId;
    }
    return first;
  }

  return {
    park(call, binding) {
      if (entries.size >= limits.waitingCalls) {
        const victim = oldest(binding.principal);
        if (victim !== undefined) drop(victim);
      }
      const callId = Buffer.from(random(CALL_ID_BYTES)).toString('hex');
      const expiresAt = now() + limits.inputMs;
      entries.set(callId, { call, principal: binding.principal, expiresAt });
      return `${mark}${seal.seal({ callId, expiresAt }, binding)}`;
    },
    take(state, binding) {
      const opened = state.startsWith(mark) ? seal.open(state.slice(mark.length), binding) : undefined;
      if (opened === undefined || opened.expiresAt <= now()) return undefined;
      const entry = entries.get(opened.callId);
      entries.delete(opened.callId);
      return entry?.call;
    },
    isOwn: (state) => typeof state === 'string' && state.startsWith(mark),
    size: () => entries.size,
    sweep(time) {
      for (const [callId, entry] of entries) if (entry.expiresAt <= time) drop(callId);
    },
    giveUpAll() {
      for (const callId of entries.keys()) drop(callId);
    },
  };
}
