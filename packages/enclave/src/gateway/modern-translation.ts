/**
 * What differs between a 2026-07-28 request and the 2025-11-25 request that a legacy server understands,
 * and between their results. Pure functions; everything not named here passes as it is.
 *
 * Specification: MCP 2026-07-28, changes since 2025-11-25 (envelope, `resultType`, caching hints, errors,
 * removed methods).
 *
 * @module
 */
import {
  type ClientCapabilities,
  type InitializeResult,
  type Result,
  SERVER_INFO_META_KEY,
  type ServerCapabilities,
} from '@modelcontextprotocol/server';
import { type Params, type RpcError, rpcCode } from './message.ts';
import { envelopeKeys, metaOf, modernRevision } from './meta-keys.ts';

/** Results that must carry `ttlMs` and `cacheScope`. */
const CACHEABLE: readonly string[] = [
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
];

/** A legacy server says nothing about caching, so nothing is promised: stale at once, and for the asker alone. */
const NO_CACHING = { ttlMs: 0, cacheScope: 'private' } as const;

/** Legacy methods that the stateless revision removed: they speak of a session, and clients here share one process. */
const REMOVED: readonly string[] = [
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
];

/** 2025-11-25 "resource not found"; in 2026-07-28 it is invalid params. */
const LEGACY_RESOURCE_NOT_FOUND = -32002;

/** Whether a stateless client may not reach `method` of a legacy server; `tasks/` there would show one client's tasks to all. */
export function isRemoved(method: string): boolean {
  return REMOVED.includes(method) || method.startsWith('tasks/');
}

/** The declared capabilities without those that need requests from server to client. */
export function capabilitiesForLegacy(declared: ClientCapabilities): ClientCapabilities {
  const { roots: _roots, sampling: _sampling, elicitation: _elicitation, tasks: _tasks, ...rest } = declared;
  return rest;
}

/** Parameters without the envelope; `_meta` is left out when nothing else was in it. */
export function paramsForLegacy(params: Params | undefined): Params | undefined {
  if (params === undefined) return undefined;
  const { _meta: _envelope, ...rest } = params;
  const kept = Object.entries(metaOf(params)).filter(([key]) => !envelopeKeys.includes(key));
  return kept.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(kept) };
}

/** A legacy server's capabilities as stateless clients may use them. */
export function capabilitiesForModern(server: InitializeResult): ServerCapabilities {
  const { tasks: _tasks, ...rest } = server.capabilities;
  return rest;
}

/** The answer to `server/discover`, from what the server said of itself in the handshake. */
export function discoverResult(server: InitializeResult): Result {
  return {
    ...withServerInfo({}, server),
    resultType: 'complete',
    supportedVersions: [modernRevision],
    capabilities: capabilitiesForModern(server),
    ...(server.instructions === undefined ? {} : { instructions: server.instructions }),
    ...NO_CACHING,
  };
}

/** A legacy result with what the stateless revision requires of results; the server's own members win. */
export function resultForModern(method: string, result: Result, server: InitializeResult): Result {
  return {
    resultType: 'complete',
    ...(CACHEABLE.includes(method) ? NO_CACHING : {}),
    ...withServerInfo(result, server),
  };
}

/** An error of a legacy server with the code that the stateless revision gives it. */
export function errorForModern(method: string, error: RpcError): RpcError {
  const notFound = method === 'resources/read' && error.code === LEGACY_RESOURCE_NOT_FOUND;
  return notFound ? { ...error, code: rpcCode.invalidParams } : error;
}

function withServerInfo(result: Result, server: InitializeResult): Result {
  return { ...result, _meta: { [SERVER_INFO_META_KEY]: server.serverInfo, ...result._meta } };
}
