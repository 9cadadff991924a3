/**
 * Finds a fresh server's whole catalogue and holds it against the digest in the manifest.
 *
 * Nobody is served before. What a server lists may depend on who asks and in which era: what is listed
 * here is what it lists to the gateway, which declares no capabilities, in the era that it was found to
 * speak. Whatever it lists to others beyond that is not passed on.
 *
 * @module
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';
import { ServerFailedError } from '../gateway/failure.ts';
import { type Detected, openLegacy } from '../gateway/handshake.ts';
import type { GatewayLimits } from '../gateway/limits.ts';
import type { Params } from '../gateway/message.ts';
import { modernRevision } from '../gateway/meta-keys.ts';
import { createPeer, type Peer } from '../gateway/peer.ts';
import { catalogueDigest, readTools } from './tools.ts';

/** Digests of the tools by name. */
export type PinnedTools = ReadonlyMap<string, string>;

/** What was found, and the process, which is further on its way if finding out took the handshake. */
export interface FoundCatalogue {
  readonly tools: PinnedTools;
  readonly detected: Detected;
}

const MAX_PAGES = 1_000;

/**
 * @param pinned - Digest in the manifest.
 * @throws ServerFailedError when the tools cannot be listed or are others.
 */
export async function findPinnedTools(
  detected: Detected,
  pinned: string,
  limits: GatewayLimits,
): Promise<FoundCatalogue> {
  const opened = detected.era === 'modern' ? detected : await open(detected, limits);
  const peer = opened.opened?.peer ?? createPeer(opened.process, 'only-asking');
  const hasTools = opened.opened === undefined || opened.opened.server.capabilities.tools !== undefined;
  const tools = hasTools ? await inTime(listAll(peer, opened.era === 'modern'), limits.startMs) : new Map();
  const found = catalogueDigest(tools);
  if (found !== pinned) {
    throw new ServerFailedError(
      `the tools of the server are not those that its manifest pins: expected catalogue ${pinned}, found ${found} (${tools.size} tools). ` +
        'A digest does not say which tool differs; "vitrine diff" shows it where a client has pinned the tools. ' +
        'To accept them as they are, write the found digest into the configuration',
    );
  }
  return { tools, detected: opened };
}

async function open(detected: Detected, limits: GatewayLimits): Promise<Detected> {
  if (detected.opened !== undefined) return detected;
  const opened = await openLegacy(createPeer(detected.process, 'only-running'), {}, limits);
  return { ...detected, opened };
}

async function listAll(peer: Peer, isModern: boolean): Promise<PinnedTools> {
  const tools = new Map<string, string>();
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const result = await peer.call('tools/list', paramsFor(cursor, isModern)).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new ServerFailedError(`the tools of the server could not be listed: ${why}`, { cause });
    });
    const listed = readTools(result);
    if (listed === undefined) throw new ServerFailedError('the server answered tools/list with no list of named tools');
    for (const { name, digest } of listed) {
      if (tools.has(name)) throw new ServerFailedError(`the server lists two tools named ${JSON.stringify(name)}`);
      tools.set(name, digest);
    }
    const next = result['nextCursor'];
    if (typeof next !== 'string') return tools;
    cursor = next;
  }
  throw new ServerFailedError(`the server's list of tools has more than ${MAX_PAGES} pages`);
}

function paramsFor(cursor: string | undefined, isModern: boolean): Params {
  return {
    ...(cursor === undefined ? {} : { cursor }),
    ...(isModern
      ? {
          _meta: {
            [PROTOCOL_VERSION_META_KEY]: modernRevision,
            [CLIENT_CAPABILITIES_META_KEY]: {},
            [CLIENT_INFO_META_KEY]: { name: 'vitrine-gateway', version: '0.1.0' },
          },
        }
      : {}),
  };
}

async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const failure = new ServerFailedError(`the server did not list its tools within ${ms} ms`);
  const timer = setTimeout(reject, ms, failure);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
