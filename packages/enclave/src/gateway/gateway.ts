/**
 * The MCP gateway: one Streamable HTTP endpoint for both protocol eras (2025-11-25 with sessions,
 * 2026-07-28 stateless) in front of a hosted server that speaks stdio.
 *
 * Stands behind the front door, which has already checked path, Host and Origin and terminated TLS.
 * Translates between the eras where client and server speak different ones. Does not say who a client is,
 * and does not check `Mcp-Param-*` headers.
 *
 * Specification: MCP 2025-11-25 and 2026-07-28, Streamable HTTP and stdio transports.
 *
 * @module
 */

import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { isJsonContentType } from '@modelcontextprotocol/server';
import type { KeyService } from '@vitrine/keys/client';
import { challenge } from '../guard/bearer-header.ts';
import { ANYBODY, type AuthRefusal, type Principal } from '../guard/principal.ts';
import { metadataUrl } from '../guard/resource-metadata.ts';
import type { Housing } from '../housing/housing.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type EraWord, type MethodClass, methodClassOf } from '../telemetry/words.ts';
import type { AskingCall } from './asking-call.ts';
import { createClassifier } from './classify.ts';
import type { Answer, EndpointRequest } from './endpoint.ts';
import { GatewayBusyError } from './failure.ts';
import { errorAnswer, failureAnswer } from './http-answer.ts';
import { bridge } from './http-bridge.ts';
import { createInstancePool } from './instance-pool.ts';
import { createLauncher } from './launcher.ts';
import { createLegacySessions } from './legacy-sessions.ts';
import { defaultGatewayLimits, type GatewayLimits } from './limits.ts';
import { idOf, isObject, rpcCode } from './message.ts';
import { modernRevision } from './meta-keys.ts';
import { createModernCalls } from './modern-calls.ts';
import { createModernEndpoint } from './modern-endpoint.ts';
import { nestsTooDeep } from './nesting.ts';
import { createOutbox } from './outbox.ts';
import { createStateSeal } from './request-state.ts';
import { createRunningCalls } from './running-calls.ts';
import { createWaitingCalls } from './waiting-calls.ts';
import { createWork } from './work.ts';

export interface GatewayOptions {
  /** Where server processes live. Closed with the gateway. */
  readonly housing: Housing;
  /** One server for all principals, where the manifest says so. */
  readonly shared?: boolean;
  /** Why a principal may not call a tool; absent: every principal may call all. */
  readonly toolRefusal?: (principal: Principal, tool: string) => AuthRefusal | undefined;
  /** Digest of the tool catalogue that the manifest pins; other tools are neither listed nor callable. */
  readonly catalogue?: string;
  /** Gets what the server writes to standard error, and the gateway's own notes about the server. */
  readonly onServerLog: (line: string) => void;
  readonly limits?: Partial<GatewayLimits>;
  readonly telemetry?: Telemetry;
  /** Gets the sockets of server processes, and asks about their calls. */
  readonly keys?: Pick<KeyService, 'admit' | 'attend' | 'dismiss'>;
}

/** What a request turned out to be, as far as it may be told. */
interface Seen {
  era: EraWord;
  method: MethodClass;
}

export interface Gateway {
  /**
   * Resolves once a server process has answered `server/discover` or `initialize`. Rejects with
   * a `ServerFailedError`, whose message has the exit code or signal and the server's last lines.
   */
  readonly ready: Promise<void>;
  /** Serves one request to the MCP endpoint. Never rejects; resolves when the answer is written or the client is gone. */
  handle(request: IncomingMessage, response: ServerResponse, principal: Principal): Promise<void>;
  /**
   * Refuses new requests, lets running ones finish within `graceMs`, ends streams, stops every server
   * process with its process group. Idempotent.
   */
  close(graceMs: number): Promise<void>;
}

const METHODS: readonly string[] = ['POST', 'GET', 'DELETE'];

/** Starts the hosted server at once, so that `ready` tells whether it works at all. */
export function createGateway(options: GatewayOptions): Gateway {
  const limits: GatewayLimits = { ...defaultGatewayLimits, ...options.limits };
  const now = (): number => performance.now();
  const calls = createRunningCalls();
  // Before the first process, whose socket it gets.
  options.keys?.attend(calls.answers);
  const launcher = createLauncher({
    housing: options.housing,
    shared: options.shared === true,
    limits,
    onServerLog: options.onServerLog,
    now,
    ...(options.catalogue === undefined ? {} : { catalogue: options.catalogue }),
    ...(options.telemetry === undefined ? {} : { telemetry: options.telemetry }),
    ...(options.keys === undefined ? {} : { keys: options.keys }),
  });
  const pool = createInstancePool(launcher, limits, options.shared === true, now);
  const seal = createStateSeal(randomBytes(32), randomBytes);
  const waiting = createWaitingCalls<AskingCall>(seal, limits, randomBytes, now);
  const sessions = createLegacySessions(launcher, limits, now, noteFailure, calls);
  const modern = createModernEndpoint(createModernCalls(launcher, pool, waiting, calls), limits, noteFailure);
  const outbox = createOutbox(limits);
  const work = createWork();
  const classify = createClassifier();
  let closing: Promise<void> | undefined;
  options.telemetry?.read('vitrine_requests_running', () => work.size());

  function noteFailure(failure: unknown): void {
    options.onServerLog(`gateway: ${failure instanceof Error ? failure.message : String(failure)}`);
  }

  const sweeper = setInterval(
    () => {
      sessions.sweep(now());
      waiting.sweep(now());
      pool.sweep(now());
    },
    Math.min(limits.sessionIdleMs, limits.instanceIdleMs, limits.inputMs) / 2,
  );
  sweeper.unref();

  /** Whose sessions and instances a principal uses. */
  function housedAs(principal: Principal): string {
    return options.shared === true ? ANYBODY.id : principal.id;
  }

  async function post(request: EndpointRequest, text: string, principal: Principal, seen: Seen): Promise<Answer> {
    if (!isJsonContentType(request.headers.get('content-type'))) {
      return errorAnswer(415, { code: rpcCode.invalidRequest, message: 'Content-Type must be application/json' });
    }
    let body: unknown;
    if (nestsTooDeep(text)) {
      return errorAnswer(400, { code: rpcCode.invalidRequest, message: 'The request body nests too deep' });
    }
    try {
      body = JSON.parse(text);
    } catch {
      return errorAnswer(400, { code: rpcCode.parseError, message: 'The request body is not JSON' });
    }
    seen.method = methodClassOf(body);
    const refusal = toolsIn(body)
      .map((tool) => options.toolRefusal?.(principal, tool))
      .find((one) => one !== undefined);
    if (refusal !== undefined) {
      const error = { code: rpcCode.invalidRequest, message: refusal.message };
      const how = challenge(refusal, metadataUrl(request.headers.get('host') ?? ''));
      return errorAnswer(403, error, idOf(body), { 'WWW-Authenticate': how });
    }
    const house = housedAs(principal);
    const route = classify(request.headers, body);
    if (route.kind === 'legacy') seen.era = '2025-11-25';
    if (route.kind === 'modern') seen.era = modernRevision;
    if (route.kind === 'legacy') return sessions.handle(request, body, { principal: principal.id, house });
    if (route.kind === 'modern') return modern.handle(route, request, { principal: principal.id, house });
    const error = { code: route.code, message: route.message };
    const withData = route.data === undefined ? error : { ...error, data: route.data };
    return errorAnswer(route.httpStatus, withData, idOf(body));
  }

  async function answer(request: EndpointRequest, text: string, principal: Principal, seen: Seen): Promise<Answer> {
    if (!METHODS.includes(request.method)) {
      const error = { code: rpcCode.invalidRequest, message: `Method not allowed: ${request.method}` };
      return errorAnswer(405, error, null, { Allow: METHODS.join(', ') });
    }
    if (closing !== undefined) return failureAnswer(new GatewayBusyError('the gateway is stopping'), null);
    try {
      return request.method === 'POST'
        ? await post(request, text, principal, seen)
        : await sessions.handle(request, undefined, { principal: principal.id, house: housedAs(principal) });
    } catch (failure) {
      noteFailure(failure);
      return failureAnswer(failure, null);
    }
  }

  async function close(graceMs: number): Promise<void> {
    clearInterval(sweeper);
    // Nobody is let in any more who could answer.
    waiting.giveUpAll();
    pool.endSubscriptions();
    await work.settled(() => pool.running() + sessions.running() === 0, graceMs);
    sessions.endAll('the gateway is stopping');
    await launcher.close();
    await options.housing.close();
    // The last answers are on their way to the sockets.
    await work.settled(() => work.size() === 0, limits.stopMs);
  }

  const ready = launcher.era.then(() => undefined);
  // A caller that never asks is told by its first request.
  ready.catch(() => undefined);

  return {
    ready,
    async handle(request, response, principal) {
      const finished = work.begin();
      const seen: Seen = { era: 'unknown', method: 'other' };
      const since = now();
      try {
        await bridge(request, response, { requestBytes: limits.requestBytes, outbox }, (one, text) =>
          answer(one, text, principal, seen),
        );
      } catch (failure) {
        noteFailure(failure);
        response.destroy();
      } finally {
        finished();
        const { statusCode: status } = response;
        options.telemetry?.request({ ...seen, status, ms: now() - since, principal: principal.id });
      }
    },
    close(graceMs) {
      closing ??= close(graceMs);
      return closing;
    },
  };
}

/** The tools that a message calls; a 2025-03-26 batch may call several. */
function toolsIn(body: unknown): readonly string[] {
  return (Array.isArray(body) ? body : [body]).flatMap((message: unknown) => {
    if (!isObject(message) || message['method'] !== 'tools/call' || !isObject(message['params'])) return [];
    const { name } = message['params'];
    return typeof name === 'string' ? [name] : [];
  });
}
