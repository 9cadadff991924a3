/**
 * Starts and stops the enclave, all of it in one process beside the hosted server: identity, evidence,
 * front door, gateway, in this order. Evidence is asked for through its typed interface only, so that a
 * process of its own can give it later.
 *
 * @module
 */
import { performance } from 'node:perf_hooks';
import {
  createEvidenceService,
  createInstanceIdentity,
  type EvidenceService,
  type QuoteSource,
} from '@vitrine/attester';
import type { Manifest } from '@vitrine/documents';
import type { ListenSettings } from './config/settings.ts';
import { type FrontDoor, type FrontDoorLimits, type HealthState, openFrontDoor } from './front-door/front-door.ts';
import { ServerFailedError } from './gateway/failure.ts';
import type { Gateway, GatewayOptions } from './gateway/gateway.ts';
import type { ServerLaunch } from './gateway/server-process.ts';

export interface EnclaveOptions {
  readonly manifest: Manifest;
  readonly launch: ServerLaunch;
  /** Signs report data. Handed to the evidence service and to nothing else. */
  readonly source: QuoteSource;
  readonly listen: ListenSettings;
  /** Normally `createGateway`. */
  readonly gateway: (options: GatewayOptions) => Gateway;
  /** Gets one line at a time of what the server writes to standard error. */
  readonly onServerLog: (line: string) => void;
  readonly now: () => Date;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly limits?: Partial<FrontDoorLimits>;
}

export interface RunningEnclave {
  /** The MCP endpoint. */
  readonly url: string;
  readonly port: number;
  readonly evidence: EvidenceService;
  /** Resolves when the server answers; rejects with ServerFailedError, after everything has been torn down. */
  readonly ready: Promise<void>;
  /** Resolves when the server failed by itself and everything has been torn down; otherwise it never settles. */
  readonly failed: Promise<ServerFailedError>;
  /**
   * Refuses new connections, lets running requests finish for `graceMs`, then ends everything. Idempotent:
   * a second call waits for the first, whatever its own `graceMs`.
   */
  stop(graceMs: number): Promise<void>;
}

/**
 * Resolves when the door is open; the server may still be starting.
 *
 * @throws UsageError when it cannot listen there.
 */
export async function startEnclave(options: EnclaveOptions): Promise<RunningEnclave> {
  const identity = createInstanceIdentity(options.now());
  const evidence = await createEvidenceService({
    source: options.source,
    manifest: options.manifest,
    tlsSpki: identity.spkiSha256,
    sandbox: 'none',
    randomBytes: options.randomBytes,
  });

  let state: HealthState = 'starting';
  let gateway: Gateway | undefined;
  const door = await openFrontDoor({
    identity,
    evidence,
    listen: options.listen,
    // Nothing is handed over while the state is `starting`, and it is that until there is a gateway.
    handle: async (request, response) => gateway?.handle(request, response),
    state: () => state,
    now: () => performance.now(),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  const started = await startGateway(options, door);
  gateway = started;

  let stopped: Promise<void> | undefined;
  const shutDown = async (graceMs: number): Promise<void> => {
    state = 'draining';
    door.stopAccepting();
    await started.close(graceMs);
    await door.close();
  };
  const stop = (graceMs: number): Promise<void> => {
    stopped ??= shutDown(graceMs);
    return stopped;
  };

  const { promise: failed, resolve: fail } = Promise.withResolvers<ServerFailedError>();
  const ready = started.ready.then(
    () => {
      if (state === 'starting') state = 'ready';
    },
    async (cause: unknown) => {
      const wanted = stopped !== undefined;
      await stop(0);
      const failure = asServerFailure(cause);
      if (!wanted) fail(failure);
      throw failure;
    },
  );
  // It is also reported through `failed`; a caller that waits for that only must not crash.
  ready.catch(() => undefined);
  return { url: door.url, port: door.port, evidence, ready, failed, stop };
}

async function startGateway(options: EnclaveOptions, door: FrontDoor): Promise<Gateway> {
  try {
    return options.gateway({ launch: options.launch, onServerLog: options.onServerLog });
  } catch (cause) {
    await door.close();
    throw cause;
  }
}

function asServerFailure(cause: unknown): ServerFailedError {
  if (cause instanceof ServerFailedError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ServerFailedError(`the server could not be started: ${why}`, { cause });
}
