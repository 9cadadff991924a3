/**
 * The sessions of the 2025-11-25 era: opened by `initialize`, found by their `Mcp-Session-Id`, ended by
 * DELETE, by the death of their server process, or by long disuse; at most so many at a time.
 *
 * @module
 */
import { isInitializeRequest } from '@modelcontextprotocol/server';
import { GatewayBusyError } from './failure.ts';
import { errorAnswer, failureAnswer } from './http-answer.ts';
import type { Launcher } from './launcher.ts';
import { withLegacyFace } from './legacy-face.ts';
import { createLegacySession, type LegacySession } from './legacy-session.ts';
import type { GatewayLimits } from './limits.ts';
import { idOf, isObject, rpcCode } from './message.ts';

export interface LegacySessions {
  /** @param body - The parsed JSON body; `undefined` for GET and DELETE. */
  handle(request: Request, body: unknown, principal: string): Promise<Response>;
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
): LegacySessions {
  const sessions = new Map<LegacySession, { lastUsed: number; readonly principal: string }>();
  let opening = 0;

  /** A session of somebody else is as absent as one that never was. */
  function find(id: string, principal: string): LegacySession | undefined {
    for (const [session, entry] of sessions) if (session.id() === id && entry.principal === principal) return session;
    return undefined;
  }

  async function start(principal: string): Promise<LegacySession> {
    // Those still waiting for a process count too, or a burst would exceed the limit.
    if (sessions.size + opening >= limits.sessions) {
      throw new GatewayBusyError(`all ${limits.sessions} sessions are taken; try again later`);
    }
    opening += 1;
    try {
      const process = await launcher.pristine(principal);
      const isTranslated = (await launcher.era) === 'modern';
      const session = createLegacySession(isTranslated ? withLegacyFace(process, limits) : process, limits);
      sessions.set(session, { lastUsed: now(), principal });
      void session.ended.then(() => sessions.delete(session));
      return session;
    } finally {
      opening -= 1;
    }
  }

  async function open(request: Request, body: unknown, principal: string): Promise<Response> {
    let session: LegacySession;
    try {
      session = await start(principal);
    } catch (failure) {
      onFailure(failure);
      return failureAnswer(failure, idOf(body));
    }
    const response = await session.handle(request, body);
    // Refused by the transport, for example for its Accept header: there is no session to keep a process for.
    if (session.id() === undefined) session.end('the session was not opened');
    return response;
  }

  return {
    async handle(request, body, principal) {
      const id = request.headers.get('mcp-session-id');
      if (id !== null) {
        const session = find(id, principal);
        if (session === undefined) {
          const error = { code: -32001, message: 'Session not found: initialize again' };
          return errorAnswer(404, error, idOf(body));
        }
        const entry = sessions.get(session);
        if (entry !== undefined) entry.lastUsed = now();
        return session.handle(request, body);
      }
      if (isInitializeRequest(body)) return open(request, body, principal);
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
