/**
 * Starts server processes for the rest of the gateway, remembers the server's era, keeps the process
 * that was started to find it out for the first client that can use it, and leaves none behind.
 *
 * @module
 */
import type { ClientCapabilities } from '@modelcontextprotocol/server';
import { GatewayBusyError, ServerFailedError } from './failure.ts';
import { type Detected, detectEra, type Era, type Opened, openLegacy } from './handshake.ts';
import type { GatewayLimits } from './limits.ts';
import { createPeer, type Peer } from './peer.ts';
import { type ServerLaunch, type ServerProcess, startServerProcess } from './server-process.ts';

/** A process for clients of the 2026-07-28 era. */
export type Started = { readonly era: 'modern'; readonly peer: Peer } | ({ readonly era: 'legacy' } & Opened);

export interface Launcher {
  /** The server's era, once a first process has shown it. Rejects with ServerFailedError. */
  readonly era: Promise<Era>;
  /** A process that has had no handshake, for a client that brings its own. */
  pristine(): Promise<ServerProcess>;
  /** A process ready for requests of clients with these capabilities. */
  ready(capabilities: ClientCapabilities): Promise<Started>;
  /** Starts nothing more and stops every process, also one that is just starting. */
  close(): Promise<void>;
}

export function createLauncher(
  launch: ServerLaunch,
  limits: GatewayLimits,
  onServerLog: (line: string) => void,
): Launcher {
  const processes = new Set<ServerProcess>();
  let closed = false;
  let spare: Detected | undefined;

  function start(): ServerProcess {
    if (closed) throw new GatewayBusyError('the gateway is stopping');
    let process: ServerProcess;
    try {
      process = startServerProcess(launch, limits, onServerLog);
    } catch (cause) {
      // Such as a zero byte in an argument, which Node refuses before it asks the system.
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new ServerFailedError(`the server could not be started (${detail})`, { cause });
    }
    processes.add(process);
    void process.exited.then(() => processes.delete(process));
    return process;
  }

  async function detect(): Promise<Era> {
    try {
      spare = await detectEra(start, limits);
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

  /** The spare process, if it is alive and `fits`; it is handed out once. */
  function takeSpare(fits: (one: Detected) => boolean): Detected | undefined {
    const one = spare;
    if (one === undefined || (one.process.isAlive() && !fits(one))) return undefined;
    spare = undefined;
    return one.process.isAlive() ? one : undefined;
  }

  const era = detect();
  // Whoever asks for it gets the failure; nobody asking is no reason to end the process.
  era.catch(() => undefined);

  return {
    era,
    async pristine() {
      await era;
      return takeSpare((one) => one.opened === undefined)?.process ?? start();
    },
    async ready(capabilities) {
      const bare = Object.keys(capabilities).length === 0;
      if ((await era) === 'modern') {
        return { era: 'modern', peer: createPeer(takeSpare(() => true)?.process ?? start(), 'only-asking') };
      }
      const one = takeSpare((candidate) => candidate.opened === undefined || bare);
      if (one?.opened !== undefined) return { era: 'legacy', ...one.opened };
      const process = one?.process ?? start();
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
