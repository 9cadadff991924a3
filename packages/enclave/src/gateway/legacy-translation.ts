/**
 * What differs between a 2025-11-25 request and the 2026-07-28 request that a server of that era alone
 * understands, and between their results: the reverse of modern-translation.ts. Pure functions; everything not named here
 * passes as it is. Members that only the new era has (`ttlMs`, `cacheScope`) stay, as results may carry more than a client knows.
 *
 * Specification: MCP 2026-07-28, changes since 2025-11-25.
 *
 * @module
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  LOG_LEVEL_META_KEY,
  type LoggingLevel,
  PROTOCOL_VERSION_META_KEY,
  type Result,
  SERVER_INFO_META_KEY,
  SUBSCRIPTION_ID_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { isObject, type Params, type RpcError, rpcCode } from './message.ts';
import { metaOf, modernRevision } from './meta-keys.ts';

/** 2025-11-25 "resource not found"; 2026-07-28 has no code of its own for it. */
const LEGACY_RESOURCE_NOT_FOUND = -32002;

/** Who a 2025-11-25 client said it is, in its `initialize`. */
export interface LegacyClient {
  readonly info: Implementation;
  readonly capabilities: ClientCapabilities;
}

/** What `initialize` says of its client; `undefined` if it is malformed. */
export function legacyClientOf(params: Params | undefined): LegacyClient | undefined {
  const info = params?.['clientInfo'];
  const declared = params?.['capabilities'];
  if (!isObject(info) || !isObject(declared)) return undefined;
  const { name, version } = info;
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  // Tasks of the old era are another thing than the extension of the same name.
  const { tasks: _tasks, ...capabilities } = declared;
  return { info: { ...info, name, version }, capabilities };
}

/** Parameters with the envelope that every stateless request carries. */
export function paramsForModern(
  params: Params | undefined,
  client: LegacyClient,
  logLevel: LoggingLevel | undefined,
): Params {
  const envelope = {
    [PROTOCOL_VERSION_META_KEY]: modernRevision,
    [CLIENT_CAPABILITIES_META_KEY]: client.capabilities,
    [CLIENT_INFO_META_KEY]: client.info,
    ...(logLevel === undefined ? {} : { [LOG_LEVEL_META_KEY]: logLevel }),
  };
  return { ...params, _meta: { ...metaOf(params), ...envelope } };
}

/** The answer to `initialize`, from what the server said on `server/discover`; `undefined` if that is no discover result. */
export function initializeResult(discovered: Result, requestedRevision: unknown): Result | undefined {
  const { supportedVersions, capabilities, instructions } = discovered;
  if (!Array.isArray(supportedVersions) || !supportedVersions.includes(modernRevision)) return undefined;
  if (!isObject(capabilities)) return undefined;
  const serverInfo = metaOf(discovered)[SERVER_INFO_META_KEY];
  const { tasks: _tasks, ...offered } = capabilities;
  const known = SUPPORTED_PROTOCOL_VERSIONS.find((revision) => revision === requestedRevision);
  return {
    protocolVersion: known ?? SUPPORTED_PROTOCOL_VERSIONS[0],
    capabilities: offered,
    // The stateless era does not oblige a server to name itself, the old one does.
    serverInfo: isObject(serverInfo) ? serverInfo : { name: 'unnamed', version: '0' },
    ...(typeof instructions === 'string' ? { instructions } : {}),
  };
}

/** A result without the member by which the stateless era tells answers from questions. */
export function resultForLegacy(result: Result): Result {
  const { resultType: _type, ...rest } = result;
  return rest;
}

/** An error with the code that the old era has for it; a missing resource is known by the URI that it names. */
export function errorForLegacy(method: string, params: Params | undefined, error: RpcError): RpcError {
  const isNotFound =
    method === 'resources/read' &&
    error.code === rpcCode.invalidParams &&
    isObject(error.data) &&
    error.data['uri'] === params?.['uri'];
  return isNotFound ? { ...error, code: LEGACY_RESOURCE_NOT_FOUND } : error;
}

/** The parameters of a change notification without the stream that it came on. */
export function changeForLegacy(params: Params | undefined): Params | undefined {
  if (params === undefined) return undefined;
  const { _meta: _stream, ...rest } = params;
  const kept = Object.entries(metaOf(params)).filter(([key]) => key !== SUBSCRIPTION_ID_META_KEY);
  if (kept.length > 0) return { ...rest, _meta: Object.fromEntries(kept) };
  return Object.keys(rest).length === 0 ? undefined : rest;
}
