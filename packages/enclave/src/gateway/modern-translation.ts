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
  type JSONRPCRequest,
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

/** The methods whose answer may be a question (2026-07-28, multi round-trip requests). */
const MAY_ASK: readonly string[] = ['tools/call', 'prompts/get', 'resources/read'];

/** The declared capabilities as a legacy server may use them; a stateless client announces no change of its roots. */
export function capabilitiesForLegacy(declared: ClientCapabilities): ClientCapabilities {
  const { roots, tasks: _tasks, ...rest } = declared;
  return roots === undefined ? rest : { ...rest, roots: {} };
}

/** Whether a request of a client with these capabilities is one in which a legacy server may ask the client. */
export function mayAsk(method: string, { elicitation, sampling, roots }: ClientCapabilities): boolean {
  return MAY_ASK.includes(method) && [elicitation, sampling, roots].some((one) => one !== undefined);
}

/** Whether a request of a client with these capabilities is one in whose course the client can be shown a form. */
export function mayConfirm(method: string, { elicitation }: ClientCapabilities): boolean {
  return MAY_ASK.includes(method) && hasForms(elicitation);
}

/** An elicitation capability without modes is that of forms, as before there were modes. */
function hasForms(elicitation: ClientCapabilities['elicitation']): boolean {
  return elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
}

/** Why a client with these capabilities is not asked this; `undefined` if it is. */
export function questionRefusal(question: JSONRPCRequest, capabilities: ClientCapabilities): RpcError | undefined {
  const { elicitation, sampling, roots } = capabilities;
  const params = question.params ?? {};
  switch (question.method) {
    case 'elicitation/create': {
      if (elicitation === undefined) break;
      if (params['mode'] === 'url') return elicitation.url === undefined ? undeclared('elicitation.url') : undefined;
      return hasForms(elicitation) ? undefined : undeclared('elicitation.form');
    }
    case 'sampling/createMessage': {
      if (sampling === undefined) break;
      const usesTools = params['tools'] !== undefined || params['toolChoice'] !== undefined;
      return usesTools && sampling.tools === undefined ? undeclared('sampling.tools') : undefined;
    }
    case 'roots/list':
      if (roots !== undefined) return undefined;
      break;
    default:
  }
  return { code: rpcCode.methodNotFound, message: `The client does not answer ${question.method}` };
}

function undeclared(capability: string): RpcError {
  return { code: rpcCode.invalidParams, message: `The client has not declared ${capability}` };
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
  const isAnswer = result['resultType'] !== 'input_required';
  return {
    resultType: 'complete',
    ...(isAnswer && CACHEABLE.includes(method) ? NO_CACHING : {}),
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
