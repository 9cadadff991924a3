/**
 * The sessions of the 2025-11-25 era: opened by `initialize`, found by their `Mcp-Session-Id`, ended by
 * DELETE, by the death of their server process, or by long disuse; at most so many at a time.
 *
 * @module
 */
import { isInitializeRequest } from '@modelcontextprotocol/server';
import { ANYBODY } from '../guard/principal.ts';
import type { Answer, EndpointRequest } from './endpoint.ts';
import { GatewayBusyError } from './failure.ts';
import { errorAnswer, failureAnswer } from './http-answer.ts';
import type { Launcher } from './launcher.ts';
import { withLegacyFace } from './legacy-face.ts';
import { createLegacySession, type LegacySession } from './legacy-session.ts';
import type { GatewayLimits } from './limits.ts';
import { idOf, isObject, rpcCode } from './message.ts';
import type { RunningCalls } from './running-calls.ts';

/** Whose session it is, and whose house its server lives in; they differ where one server is shared by all. */
interface Caller {
  readonly principal: string;
  readonly house: string;
}

export interface LegacySessions {
  /** @param body - The parsed JSON body; `undefined` for GET and DELETE. */
  handle(request: EndpointRequest, body: unknown, caller: Caller): Promise<Answer>;
  running(): number;
  sweep(now: number): void;
  endAll(reason: string): void;
}

/**
 * @param now - Monotonic milliseconds.
 * @param onFailure - Hears why a session got no server; the client is told less.
 */
export function createLegacySessions(
  launcher: Launcher,
  limits: GatewayLimits,
  now: () => number,
  onFailure: (failure: unknown) => void,
  calls: RunningCalls,
): LegacySessions {
  const sessions = new Map<LegacySession, { lastUsed: number; readonly principal: string }>();
  let opening = 0;

  /** A session of somebody else is as absent as one that never was. */
  function find(id: string, principal: string): LegacySession | undefined {
    for (const [session, entry] of sessions) if (session.id() === id && entry.principal === principal) return session;
    return undefined;
  }

  /** One principal must leave places to others; its longest unused session goes before it is refused. */
  function makeRoom(principal: string): void {
    const own = [...sessions].filter(([, entry]) => entry.principal === principal);
    if (principal === ANYBODY.id || own.length < Math.ceil(limits.sessions / 2)) return;
    const [oldest] = own.filter(([session]) => session.running() === 0).sort(([, a], [, b]) => a.lastUsed - b.lastUsed);
    if (oldest === undefined) throw new GatewayBusyError(`all ${own.length} sessions of this caller are in use`);
    const [session] = oldest;
    session.end('the same caller opened too many sessions');
    sessions.delete(session);
  }

  async function start({ principal, house }: Caller): Promise<LegacySession> {
    makeRoom(principal);
    // Those still waiting for a process count too, or a burst would exceed the limit.
    if (sessions.size + opening >= limits.sessions) {
      throw new GatewayBusyError(`all ${limits.sessions} sessions are taken; try again later`);
    }
    opening += 1;
    try {
      const process = await launcher.pristine(house);
      const isTranslated = (await launcher.era) === 'modern';
      const session = createLegacySession(isTranslated ? withLegacyFace(process, limits) : process, limits, calls);
      sessions.set(session, { lastUsed: now(), principal });
      void session.ended.then(() => sessions.delete(session));
      return session;
    } finally {
      opening -= 1;
    }
  }

  async function open(request: EndpointRequest, body: unknown, caller: Caller): Promise<Answer> {
    let session: LegacySession;
    try {
      session = await start(caller);
    } catch (failure) {
      onFailure(failure);
      return failureAnswer(failure, idOf(body));
    }
    const answer = await session.handle(request, body);
    // Refused by the transport, for example for its Accept header: there is no session to keep a process for.
    if (session.id() === undefined) session.end('the session was not opened');
    return answer;
  }

  return {
    async handle(request, body, caller) {
      const id = request.headers.get('mcp-session-id');
      if (id !== null) {
        const session = find(id, caller.principal);
        if (session === undefined) {
          const error = { code: -32001, message: 'Session not found: initialize again' };
          return errorAnswer(404, error, idOf(body));
        }
        const entry = sessions.get(session);
        if (entry !== undefined) entry.lastUsed = now();
        return session.handle(request, body);
      }
      if (isInitializeRequest(body)) return open(request, body, caller);
      const isMalformed = isObject(body) && body['method'] === 'initialize';
      const error = isMalformed
        ? { code: rpcCode.invalidParams, message: 'initialize needs protocolVersion, capabilities and clientInfo' }
        : { code: rpcCode.invalidRequest, message: 'The Mcp-Session-Id header is missing: initialize first' };
      return errorAnswer(400, error, idOf(body));
    },
    running() {
      let sum = 0;
      for (const session of sessions.keys()) sum += session.running();
      return sum;
    },
    sweep(time) {
      for (const [session, entry] of sessions) {
        if (session.isBusy()) entry.lastUsed = time;
        else if (time - entry.lastUsed > limits.sessionIdleMs) session.end('the session was not used for too long');
      }
    },
    endAll(reason) {
      for (const session of sessions.keys()) session.end(reason);
    },
  };
}
