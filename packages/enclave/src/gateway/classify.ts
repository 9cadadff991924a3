/**
 * Which era a request body belongs to. The SDK's classifier decides; what it has once found good need not
 * be checked again, since a client sends the same envelope with each of its requests.
 *
 * @module
 */
import {
  classifyInboundRequest,
  type InboundClassificationOutcome,
  type InboundHttpRequest,
  type JSONRPCRequest,
  PROTOCOL_VERSION_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import type { HeaderSource } from './endpoint.ts';
import { isPlainRequest } from './message.ts';
import { metaOf, modernRevision } from './meta-keys.ts';

/** @param body - The parsed body of a POST request. */
export type Classifier = (headers: HeaderSource, body: unknown) => InboundClassificationOutcome;

/** Envelopes that are remembered, and how long one may be as JSON. */
const MOST_ENVELOPES = 64;
const MOST_LENGTH = 2048;

const LEGACY: InboundClassificationOutcome = { kind: 'legacy', reason: 'no-claim' };

export function createClassifier(): Classifier {
  /** Good ones, without what differs from request to request. */
  const envelopes = new Set<string>();

  return (headers, body) => {
    if (!isPlainRequest(body)) return classifyInboundRequest(inbound(headers, body));
    const revision = headers.get('mcp-protocol-version');
    const { progressToken: _, ...envelope } = metaOf(body.params);
    if (Object.keys(envelope).length === 0) {
      const isOlder = revision === null || SUPPORTED_PROTOCOL_VERSIONS.includes(revision);
      return isOlder && body.method !== 'initialize' ? LEGACY : classifyInboundRequest(inbound(headers, body));
    }
    const key = JSON.stringify(envelope);
    const isAsBefore =
      envelopes.has(key) &&
      envelope[PROTOCOL_VERSION_META_KEY] === revision &&
      headers.get('mcp-method') === body.method;
    if (isAsBefore) return modern(body);
    const found = classifyInboundRequest(inbound(headers, body));
    const isGood = found.kind === 'modern' && found.classification.revision === modernRevision;
    if (isGood && key.length <= MOST_LENGTH) {
      if (envelopes.size >= MOST_ENVELOPES) envelopes.clear();
      envelopes.add(key);
    }
    return found;
  };
}

function modern(message: JSONRPCRequest): InboundClassificationOutcome {
  const classification = { era: 'modern', revision: modernRevision } as const;
  return { kind: 'modern', messageKind: 'request', message, classification };
}

function inbound(headers: HeaderSource, body: unknown): InboundHttpRequest {
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
