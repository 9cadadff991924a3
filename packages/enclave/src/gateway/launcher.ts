/**
 * Starts server processes for the rest of the gateway, remembers the server's era, keeps the process
 * that was started to find it out for the first client that can use it, and leaves none behind.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { ClientCapabilities } from '@modelcontextprotocol/server';
import type { KeyService } from '@vitrine/keys/client';
import { guardCatalogue } from '../catalogue/guard-catalogue.ts';
import { findPinnedTools, type PinnedTools } from '../catalogue/pinned-tools.ts';
import { ANYBODY } from '../guard/principal.ts';
import type { House, Housing } from '../housing/housing.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { GatewayBusyError, ServerFailedError } from './failure.ts';
import { type Detected, detectEra, type Era, type Opened, openLegacy } from './handshake.ts';
import { startHttpProcess } from './http-process.ts';
import { instanceAt, type KeySocketTaker } from './key-sockets.ts';
import type { GatewayLimits } from './limits.ts';
import { createPeer, type Peer } from './peer.ts';
import { createRestartBackoff } from './restart-backoff.ts';
import type { ServerProcess } from './server-contract.ts';
import { startServerProcess } from './server-process.ts';

/** A process for clients of the 2026-07-28 era. */
export type Started = { readonly era: 'modern'; readonly peer: Peer } | ({ readonly era: 'legacy' } & Opened);

export interface Launcher {
  /** The server's era, once a first process has shown it. Rejects with ServerFailedError. */
  readonly era: Promise<Era>;
  /** A process that has had no handshake, for a client of this principal that brings its own. */
  pristine(principal: string): Promise<ServerProcess>;
  /** A process ready for requests of this principal's clients with these capabilities. */
  ready(principal: string, capabilities: ClientCapabilities): Promise<Started>;
  /** Starts nothing more and stops every process, also one that is just starting. */
  close(): Promise<void>;
}

export interface LauncherOptions {
  readonly housing: Housing;
  readonly limits: GatewayLimits;
  readonly onServerLog: (line: string) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Digest of the catalogue that the manifest pins. */
  readonly catalogue?: string;
  readonly telemetry?: Pick<Telemetry, 'serverEnded' | 'read'>;
  /** Gets the sockets of processes, where the housing gives them any. */
  readonly keys?: Pick<KeyService, 'admit' | 'dismiss'>;
  /** Whether one process may serve several principals. */
  readonly shared: boolean;
}

export function createLauncher(options: LauncherOptions): Launcher {
  const { housing, limits, onServerLog, now, catalogue, telemetry, keys, shared } = options;
  const backoff = createRestartBackoff(now);
  const processes = new Set<ServerProcess>();
  const counted = new Map<ServerProcess, House>();
  let refusedBefore = 0;
  telemetry?.read('vitrine_server_processes', () => processes.size);
  telemetry?.read('vitrine_restart_delays', () => backoff.size());
  telemetry?.read('vitrine_egress_refusals_total', () =>
    [...counted.values()].reduce((sum, house) => sum + refusalsOf(house), refusedBefore),
  );
  let closed = false;
  let detected = false;
  let spare: Detected | undefined;
  let pinned: PinnedTools | undefined;

  function startProcess(house: House, principal: string): ServerProcess {
    if (house.inProcess !== undefined) return house.inProcess();
    const instance = randomUUID();
    const sockets = keySockets(instance, principal);
    const started =
      house.http === undefined
        ? startServerProcess(house, limits, onServerLog, sockets)
        : startHttpProcess({ ...house, http: house.http }, limits, onServerLog, sockets);
    if (sockets === undefined) return started;
    void started.exited.then(() => {
      for (const descriptor of sockets.descriptors) keys?.dismiss(instanceAt(instance, descriptor));
    });
    return { ...started, instance };
  }

  function keySockets(id: string, principal: string): KeySocketTaker | undefined {
    const { keySockets: descriptors } = housing;
    if (descriptors.length === 0) return undefined;
    if (keys === undefined) throw new Error('the server is to have a socket to a key service, and there is none');
    return {
      descriptors,
      take: (descriptor, socket) =>
        keys.admit({ id: instanceAt(id, descriptor), principal, isolated: !shared }, socket),
    };
  }

  async function start(principal: string): Promise<ServerProcess> {
    if (closed) throw new GatewayBusyError('the gateway is stopping');
    let process: ServerProcess;
    let house: House;
    try {
      house = await housing.house(principal);
      // The gateway may have been closed meanwhile, and nothing may start after that.
      if (closed) {
        await house.dispose();
        throw new GatewayBusyError('the gateway is stopping');
      }
      process = startProcess(house, principal);
    } catch (cause) {
      if (cause instanceof GatewayBusyError) throw cause;
      // Such as a zero byte in an argument, which Node refuses before it asks the system.
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new ServerFailedError(`the server could not be started (${detail})`, { cause });
    }
    processes.add(process);
    counted.set(process, house);
    void process.exited.then(() => {
      processes.delete(process);
      counted.delete(process);
      refusedBefore += refusalsOf(house);
    });
    await process.listening;
    const kept = watched(process, principal);
    return catalogue === undefined ? kept : guardCatalogue(kept, () => pinned, onServerLog);
  }

  /** `process`, whose end counts as a failure unless it was wanted. */
  function watched(process: ServerProcess, principal: string): ServerProcess {
    let wanted = false;
    void process.exited.then(({ reason }) => {
      // A server may die of being asked for its era.
      if (wanted || closed || !detected) return;
      backoff.failed(principal);
      telemetry?.serverEnded(reason, principal);
      onServerLog(`gateway: a server process ${reason}`);
    });
    return {
      ...process,
      stop() {
        if (process.isAlive()) wanted = true;
        return process.stop();
      },
    };
  }

  /** Another process after the first one, unless those before it ended too soon. */
  async function startAgain(principal: string): Promise<ServerProcess> {
    backoff.admit(principal);
    try {
      return await start(principal);
    } catch (failure) {
      if (!(failure instanceof GatewayBusyError)) backoff.failed(principal);
      throw failure;
    }
  }

  async function detect(): Promise<Era> {
    try {
      spare = await detectEra(() => start(ANYBODY.id), limits);
      if (catalogue !== undefined) {
        const found = await findPinnedTools(spare, catalogue, limits);
        spare = found.detected;
        pinned = found.tools;
      }
      detected = true;
      return spare.era;
    } catch (failure) {
      await stopAll();
      if (!closed) throw failure;
      throw new ServerFailedError('the gateway was closed before the server had answered', { cause: failure });
    }
  }

  async function stopAll(): Promise<void> {
    await Promise.all([...processes].map((process) => process.stop()));
  }

  /** The spare process, if it is alive and `fits`; it is handed out once, and only to whom its house is for. */
  function takeSpare(principal: string, fits: (one: Detected) => boolean): Detected | undefined {
    const one = spare;
    if (principal !== ANYBODY.id || one === undefined || (one.process.isAlive() && !fits(one))) return undefined;
    spare = undefined;
    return one.process.isAlive() ? one : undefined;
  }

  const era = detect();
  // Whoever asks for it gets the failure; nobody asking is no reason to end the process.
  era.catch(() => undefined);

  return {
    era,
    async pristine(principal) {
      await era;
      return takeSpare(principal, (one) => one.opened === undefined)?.process ?? startAgain(principal);
    },
    async ready(principal, capabilities) {
      const bare = Object.keys(capabilities).length === 0;
      if ((await era) === 'modern') {
        const modern = takeSpare(principal, () => true)?.process ?? (await startAgain(principal));
        return { era: 'modern', peer: createPeer(modern, 'only-asking') };
      }
      const one = takeSpare(principal, (candidate) => candidate.opened === undefined || bare);
      if (one?.opened !== undefined) return { era: 'legacy', ...one.opened };
      const process = one?.process ?? (await startAgain(principal));
      try {
        return { era: 'legacy', ...(await openLegacy(createPeer(process, 'only-running'), capabilities, limits)) };
      } catch (failure) {
        await process.stop();
        throw failure;
      }
    },
    async close() {
      closed = true;
      await stopAll();
    },
  };
}

/** Connections that were refused to a server, wherever to. */
function refusalsOf(house: House): number {
  let sum = 0;
  for (const { refused } of house.egress().values()) sum += refused;
  return sum;
}
