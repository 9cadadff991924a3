/**
 * Finds out which protocol era a server process speaks, and opens a 2025-11-25 one.
 *
 * The order is the stdio transport's of 2026-07-28: `server/discover` first. A discover result or an
 * error that only that era has means modern; any other error means legacy; so does silence, and so does
 * a server that dies of the unknown request, which is then started once more without it.
 *
 * @module
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type ClientCapabilities,
  type Implementation,
  type InitializeResult,
  PROTOCOL_VERSION_META_KEY,
  SUPPORTED_PROTOCOL_VERSIONS,
} from '@modelcontextprotocol/server';
import { ServerFailedError } from './failure.ts';
import type { GatewayLimits } from './limits.ts';
import { isObject } from './message.ts';
import { modernRevision } from './meta-keys.ts';
import { createPeer, type Peer, PeerError } from './peer.ts';
import { describeExit, type ServerProcess } from './server-contract.ts';

export type Era = 'legacy' | 'modern';

/** An opened 2025-11-25 server. */
export interface Opened {
  readonly peer: Peer;
  readonly server: InitializeResult;
}

/** A server process whose era is known. `opened` is set if finding out took the handshake. */
export interface Detected {
  readonly era: Era;
  readonly process: ServerProcess;
  readonly opened?: Opened;
}

// Self-reported and shared by all clients of a process: naming one client would tell the server about the others' host only.
const gatewayInfo: Implementation = { name: 'vitrine-gateway', version: '0.1.0' };

// UnsupportedProtocolVersion, HeaderMismatch and MissingRequiredClientCapability exist in 2026-07-28 alone.
const MODERN_ERRORS: readonly number[] = [-32022, -32021, -32020];

/**
 * Runs the `initialize` handshake as a client.
 *
 * @throws ServerFailedError if the server ends, stays silent or answers with an error or an unknown revision.
 */
export async function openLegacy(peer: Peer, capabilities: ClientCapabilities, limits: GatewayLimits): Promise<Opened> {
  const answer = peer.call('initialize', {
    protocolVersion: SUPPORTED_PROTOCOL_VERSIONS[0],
    capabilities,
    clientInfo: gatewayInfo,
  });
  const result = await inTime(peer, 'initialize', answer, limits.startMs);
  if (!isInitializeResult(result)) {
    throw new ServerFailedError('the server answered initialize with something that is not an InitializeResult');
  }
  if (!SUPPORTED_PROTOCOL_VERSIONS.includes(result.protocolVersion)) {
    throw new ServerFailedError(
      `the server wants protocol revision ${result.protocolVersion}; supported are ${SUPPORTED_PROTOCOL_VERSIONS.join(', ')} and ${modernRevision}`,
    );
  }
  peer.notify('notifications/initialized', undefined);
  return { peer, server: result };
}

/**
 * Starts a server and finds out its era.
 *
 * @throws ServerFailedError as {@link openLegacy}; the process is then being stopped by its owner.
 */
export async function detectEra(start: () => Promise<ServerProcess>, limits: GatewayLimits): Promise<Detected> {
  const process = await start();
  const peer = createPeer(process, 'only-running');
  const finding = await probe(peer, limits.probeMs);
  if (finding === 'modern' || finding === 'legacy') return { era: finding, process };
  if (finding === 'silent') {
    try {
      return { era: 'legacy', process, opened: await openLegacy(peer, {}, limits) };
    } catch (failure) {
      // A server that starts slowly can die of the probe after one has stopped waiting for its answer.
      if (process.isAlive()) throw failure;
    }
  }
  const second = createPeer(await start(), 'only-running');
  return { era: 'legacy', process: second.process, opened: await openLegacy(second, {}, limits) };
}

type Finding = Era | 'silent' | 'ended';

async function probe(peer: Peer, probeMs: number): Promise<Finding> {
  const { promise: silence, resolve } = Promise.withResolvers<Finding>();
  const timer = setTimeout(resolve, probeMs, 'silent');
  const envelope = {
    [PROTOCOL_VERSION_META_KEY]: modernRevision,
    [CLIENT_CAPABILITIES_META_KEY]: {},
    [CLIENT_INFO_META_KEY]: gatewayInfo,
  };
  const answer = peer.call('server/discover', { _meta: envelope }).then(
    (result): Finding => (Array.isArray(result['supportedVersions']) ? 'modern' : 'legacy'),
    (failure: unknown): Finding => {
      if (!peer.process.isAlive()) return 'ended';
      return failure instanceof PeerError && MODERN_ERRORS.includes(failure.error.code) ? 'modern' : 'legacy';
    },
  );
  const finding = await Promise.race([answer, silence]);
  clearTimeout(timer);
  return finding;
}

async function inTime<T>(peer: Peer, method: string, answer: Promise<T>, ms: number): Promise<T> {
  const { promise: silence, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new ServerFailedError(`the server did not answer ${method} within ${ms} ms`)),
    ms,
  );
  try {
    return await Promise.race([answer, silence]);
  } catch (failure) {
    if (!(failure instanceof PeerError)) throw failure;
    if (peer.process.isAlive()) {
      throw new ServerFailedError(`the server refused ${method}: ${failure.message}`, { cause: failure });
    }
    throw new ServerFailedError(describeExit(await peer.process.exited), { cause: failure });
  } finally {
    clearTimeout(timer);
  }
}

function isInitializeResult(value: Readonly<Record<string, unknown>>): value is InitializeResult {
  return (
    typeof value['protocolVersion'] === 'string' && isObject(value['capabilities']) && isObject(value['serverInfo'])
  );
}
