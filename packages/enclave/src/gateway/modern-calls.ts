/**
 * From a checked request of the 2026-07-28 era to the server process that works on it: a fresh one is
 * given to the instance pool, a retry with answers to the call that waits for them.
 *
 * A retry is recognised where the gateway itself has asked: for a 2025-11-25 server, or for the key
 * service. A server of the new era gets its own `requestState` and `inputResponses` unchanged, and never
 * one that the gateway gave.
 *
 * @module
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type JSONRPCNotification,
  type JSONRPCRequest,
} from '@modelcontextprotocol/server';
import { type AskingCall, malformedAnswers } from './asking-call.ts';
import type { Departure } from './endpoint.ts';
import type { InstancePool, Taken } from './instance-pool.ts';
import type { Launcher } from './launcher.ts';
import { isObject } from './message.ts';
import { metaOf } from './meta-keys.ts';
import { attemptOf, type Held } from './modern-instance.ts';
import { mayAsk, mayConfirm } from './modern-translation.ts';
import type { Reply } from './peer.ts';
import type { StateBinding } from './request-state.ts';
import { clientOf, type RunningCalls } from './running-calls.ts';
import { STATE_NOT_FOUND, type WaitingCalls } from './waiting-calls.ts';

/** Who sent a request. */
export interface Caller {
  /** Who may come back for a waiting call. */
  readonly principal: string;
  /** Whose processes serve the request; the same for everybody where one server is shared. */
  readonly house: string;
}

/** A request for which everything is ready. Exactly one of the two has to be called. */
interface Prepared {
  /** Serves it; the returned function is for a client that has left before the answer. */
  begin(reply: Reply): () => void;
  /** It will not be served after all. */
  abandon(): void;
}

export interface ModernCalls {
  /**
   * Finds who serves this request.
   *
   * @throws GatewayBusyError, ServerFailedError as `InstancePool.take`.
   */
  prepare(request: JSONRPCRequest, caller: Caller, departure: Departure): Promise<Prepared>;
  /** Gives a notification to the caller's process. Throws as {@link ModernCalls.prepare}. */
  notify(notification: JSONRPCNotification, caller: Caller, departure: Departure): Promise<void>;
}

export function createModernCalls(
  launcher: Launcher,
  pool: InstancePool,
  waiting: WaitingCalls<AskingCall>,
  calls: RunningCalls,
): ModernCalls {
  function resumed(request: JSONRPCRequest, state: unknown, binding: StateBinding): Prepared {
    const answers = request.params?.['inputResponses'];
    function begin(reply: Reply): () => void {
      const malformed = malformedAnswers(answers);
      const call =
        malformed === undefined && typeof state === 'string' && mayAsk(request.method, binding.capabilities)
          ? waiting.take(state, binding)
          : undefined;
      if (call !== undefined) return call.resume(isObject(answers) ? answers : {}, attemptOf(request, reply));
      reply.fail(malformed ?? STATE_NOT_FOUND);
      return () => undefined;
    }
    return { begin, abandon: () => undefined };
  }

  function fresh(request: JSONRPCRequest, taken: Taken, binding: StateBinding): Prepared {
    const { instance, release } = taken;
    const { method, params } = request;
    const { capabilities, principal } = binding;
    const canConfirm = mayConfirm(method, capabilities);
    const { instance: id } = instance.peer.process;
    function begin(reply: Reply): () => void {
      let held: Held | undefined;
      const forget = calls.begin(id, {
        client: clientOf(principal),
        method,
        params,
        ...(canConfirm ? { ask: () => held?.askClient } : {}),
      });
      const ended = (): void => {
        forget();
        release();
      };
      const park = (call: AskingCall): string => waiting.park(call, binding);
      if (taken.exclusive && instance.serveAsking !== undefined) {
        held = instance.serveAsking(request, reply, park, ended);
      } else if (id !== undefined && canConfirm && instance.serveHolding !== undefined) {
        held = instance.serveHolding(request, reply, park, ended);
      }
      if (held !== undefined) return held.leave;
      const leave = instance.serve(request, releasing(reply, ended));
      return () => {
        leave();
        ended();
      };
    }
    return { begin, abandon: release };
  }

  return {
    async prepare(request, caller, departure) {
      const capabilities = capabilitiesOf(request);
      const { method } = request;
      const binding: StateBinding = { principal: caller.principal, capabilities, method, params: request.params };
      const state = request.params?.['requestState'];
      if (state !== undefined && ((await launcher.era) === 'legacy' || waiting.isOwn(state))) {
        return resumed(request, state, binding);
      }
      const taken = await pool.take({ principal: caller.house, capabilities, method, departure });
      return fresh(request, taken, binding);
    },
    async notify(notification, caller, departure) {
      const capabilities = capabilitiesOf(notification);
      const { method, params } = notification;
      const taken = await pool.take({ principal: caller.house, capabilities, method, departure });
      taken.instance.peer.notify(method, params);
      taken.release();
    },
  };
}

function releasing(reply: Reply, release: () => void): Reply {
  return {
    notify: reply.notify,
    succeed(result) {
      reply.succeed(result);
      release();
    },
    fail(error) {
      reply.fail(error);
      release();
    },
  };
}

function capabilitiesOf(message: JSONRPCRequest | JSONRPCNotification): ClientCapabilities {
  const declared = metaOf(message.params)[CLIENT_CAPABILITIES_META_KEY];
  return isObject(declared) ? declared : {};
}
