/**
 * The MCP gateway: one Streamable HTTP endpoint for both protocol eras (2025-11-25 with sessions,
 * 2026-07-28 stateless) in front of a hosted server that speaks stdio.
 *
 * Stands behind the front door, which has already checked path, Host and Origin and terminated TLS. Does
 * not authenticate clients, does not bridge requests from the server to stateless clients, and does not
 * check `Mcp-Param-*` headers.
 *
 * Specification: MCP 2025-11-25 and 2026-07-28, Streamable HTTP and stdio transports.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { classifyInboundRequest, type InboundHttpRequest, isJsonContentType } from '@modelcontextprotocol/server';
import { GatewayBusyError } from './failure.ts';
import { errorAnswer, failureAnswer } from './http-answer.ts';
import { bridge } from './http-bridge.ts';
import { createInstancePool } from './instance-pool.ts';
import { createLauncher } from './launcher.ts';
import { createLegacySessions } from './legacy-sessions.ts';
import { defaultGatewayLimits, type GatewayLimits } from './limits.ts';
import { idOf, rpcCode } from './message.ts';
import { createModernEndpoint } from './modern-endpoint.ts';
import type { ServerLaunch } from './server-process.ts';
import { createWork } from './work.ts';

export interface GatewayOptions {
  readonly launch: ServerLaunch;
  /** Gets what the server writes to standard error, and the gateway's own notes about the server. */
  readonly onServerLog: (line: string) => void;
  readonly limits?: Partial<GatewayLimits>;
}

export interface Gateway {
  /**
   * Resolves once a server process has answered `server/discover` or `initialize`. Rejects with
   * a `ServerFailedError`, whose message has the exit code or signal and the server's last lines.
   */
  readonly ready: Promise<void>;
  /** Serves one request to the MCP endpoint. Never rejects; resolves when the answer is written or the client is gone. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
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
  const launcher = createLauncher(options.launch, limits, options.onServerLog);
  const pool = createInstancePool(launcher, limits, now);
  const sessions = createLegacySessions(launcher, limits, now, noteFailure);
  const modern = createModernEndpoint(pool, limits, noteFailure);
  const work = createWork();
  let closing: Promise<void> | undefined;

  function noteFailure(failure: unknown): void {
    options.onServerLog(`gateway: ${failure instanceof Error ? failure.message : String(failure)}`);
  }

  const sweeper = setInterval(() => {
    sessions.sweep(now());
    pool.sweep(now());
  }, Math.min(limits.sessionIdleMs, limits.instanceIdleMs) / 2);
  sweeper.unref();

  async function post(request: Request): Promise<Response> {
    if (!isJsonContentType(request.headers.get('content-type'))) {
      return errorAnswer(415, { code: rpcCode.invalidRequest, message: 'Content-Type must be application/json' });
    }
    let body: unknown;
    try {
      body = JSON.parse(await request.text());
    } catch {
      return errorAnswer(400, { code: rpcCode.parseError, message: 'The request body is not JSON' });
    }
    const route = classifyInboundRequest(inbound(request.headers, body));
    if (route.kind === 'legacy') return sessions.handle(request, body);
    if (route.kind === 'modern') return modern.handle(route, request);
    const error = { code: route.code, message: route.message };
    const withData = route.data === undefined ? error : { ...error, data: route.data };
    return errorAnswer(route.httpStatus, withData, idOf(body));
  }

  async function answer(request: Request): Promise<Response> {
    if (!METHODS.includes(request.method)) {
      const error = { code: rpcCode.invalidRequest, message: `Method not allowed: ${request.method}` };
      return errorAnswer(405, error, null, { Allow: METHODS.join(', ') });
    }
    if (closing !== undefined) return failureAnswer(new GatewayBusyError('the gateway is stopping'), null);
    try {
      return request.method === 'POST' ? await post(request) : await sessions.handle(request, undefined);
    } catch (failure) {
      noteFailure(failure);
      return failureAnswer(failure, null);
    }
  }

  async function close(graceMs: number): Promise<void> {
    clearInterval(sweeper);
    pool.endSubscriptions();
    await work.settled(() => pool.running() + sessions.running() === 0, graceMs);
    sessions.endAll('the gateway is stopping');
    await launcher.close();
    // The last answers are on their way to the sockets.
    await work.settled(() => work.size() === 0, limits.stopMs);
  }

  const ready = launcher.era.then(() => undefined);
  // A caller that never asks is told by its first request.
  ready.catch(() => undefined);

  return {
    ready,
    async handle(request, response) {
      const finished = work.begin();
      try {
        await bridge(request, response, limits.requestBytes, answer);
      } catch (failure) {
        noteFailure(failure);
        response.destroy();
      } finally {
        finished();
      }
    },
    close(graceMs) {
      closing ??= close(graceMs);
      return closing;
    },
  };
}

function inbound(headers: Headers, body: unknown): InboundHttpRequest {
  const version = headers.get('mcp-protocol-version');
  const method = headers.get('mcp-method');
  const name = headers.get('mcp-name');
  return {
    httpMethod: 'POST',
    body,
    ...(version === null ? {} : { protocolVersionHeader: version }),
    ...(method === null ? {} : { mcpMethodHeader: method }),
    ...(name === null ? {} : { mcpNameHeader: name }),
  };
}
