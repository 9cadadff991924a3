/**
 * Starts and stops the enclave beside the key service and the hosted server: identity, evidence, front
 * door, gateway, in this order. Evidence and everything about keys is asked of the key service, through its
 * typed interface only. When that ends, so does the enclave.
 *
 * @module
 */
import { performance } from 'node:perf_hooks';
import { createInstanceIdentity, type EvidenceService } from '@vitrine/attester';
import { type Manifest, VitrineError } from '@vitrine/documents';
import type { KeyService } from '@vitrine/keys/client';
import type { ListenSettings } from './config/settings.ts';
import { requireEnforceable } from './enforceable.ts';
import {
  DEFAULT_REQUESTS,
  type FrontDoor,
  type FrontDoorLimits,
  type HealthState,
  openFrontDoor,
} from './front-door/front-door.ts';
import type { HandoverOptions } from './front-door/handover-endpoint.ts';
import { ServerFailedError } from './gateway/failure.ts';
import type { Gateway, GatewayOptions } from './gateway/gateway.ts';
import { type Authenticator, createAuthenticator } from './guard/authenticate.ts';
import type { OauthDependencies } from './guard/oauth-tokens.ts';
import type { RateLimits } from './guard/rates.ts';
import type { Housing } from './housing/housing.ts';
import { createLog, type Log } from './telemetry/log.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { openMetricsServer } from './telemetry/metrics-server.ts';
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts';

const LOG_KEY_BYTES = 32;

export interface EnclaveOptions {
  readonly manifest: Manifest;
  /** Where server processes live; closed with the enclave, and where it does not start. */
  readonly housing: Housing;
  /** Gets the keys of an authorization server; follows no redirect. */
  readonly fetch: OauthDependencies['fetch'];
  /** Gives evidence, and is alone with the keys; closed with the enclave. */
  readonly keys: KeyService;
  readonly listen: ListenSettings;
  /** Normally `createGateway`. */
  readonly gateway: (options: GatewayOptions) => Gateway;
  /**
   * Gets one line at a time of what the server writes to standard error, and what the gateway notes of it,
   * if the manifest lets the operator see that.
   */
  readonly onServerLog: (line: string) => void;
  readonly now: () => Date;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
  readonly limits?: Partial<FrontDoorLimits>;
  /** Brings endorsements for the evidence of another enclave, which the key service cannot fetch. */
  readonly endorsementsFor?: HandoverOptions['endorsementsFor'];
  /** Gets the operator's log, a line of JSON at a time; absent: nothing is logged. */
  readonly onLog?: (line: string) => void;
  /** Port of 127.0.0.1 for metrics, 0 for any free one; absent: there are none. */
  readonly metrics?: number;
}

export interface RunningEnclave {
  /** The MCP endpoint. */
  readonly url: string;
  readonly port: number;
  /** Where the metrics are. */
  readonly metricsUrl?: string;
  readonly evidence: EvidenceService;
  /** Resolves when the server answers; rejects as {@link RunningEnclave.failed} resolves. */
  readonly ready: Promise<void>;
  /**
   * Resolves when server (ServerFailedError) or key service (VitrineError with code `keys.failed`) failed by
   * themselves and everything has been torn down; otherwise it never settles.
   */
  readonly failed: Promise<VitrineError>;
  /**
   * Refuses new connections, lets running requests finish for `graceMs`, then ends everything. Idempotent:
   * a second call waits for the first, whatever its own `graceMs`.
   */
  stop(graceMs: number): Promise<void>;
}

/**
 * Resolves when the door is open; the server may still be starting.
 *
 * @throws UsageError when it cannot listen there, or the manifest demands what was not obtained (`manifest.unenforced`).
 */
export async function startEnclave(options: EnclaveOptions): Promise<RunningEnclave> {
  try {
    return await start(options);
  } catch (cause) {
    await options.housing.close();
    throw cause;
  }
}

async function start(options: EnclaveOptions): Promise<RunningEnclave> {
  const { manifest, keys, housing } = options;
  requireEnforceable(manifest, housing, keys.statements);
  const { auth } = manifest;
  const identity = createInstanceIdentity(options.now());
  const evidence = await keys.bind({ tlsSpki: identity.spkiSha256, sandbox: housing.obtained });

  const authenticator = createAuthenticator(auth, { fetch: options.fetch, now: options.now });
  const metrics = createMetrics();
  const telemetry = createTelemetry(metrics, logFor(options));
  const metricsServer = options.metrics === undefined ? undefined : await openMetricsServer(metrics, options.metrics);
  let state: HealthState = 'starting';
  let gateway: Gateway | undefined;
  const door = await openFrontDoor({
    identity,
    evidence,
    listen: options.listen,
    // Nothing is handed over while the state is `starting`, and it is that until there is a gateway.
    handle: async (request, response, principal) => gateway?.handle(request, response, principal),
    auth: { settings: auth, authenticator },
    ...(wantsSecrets(manifest) ? { acceptSecret: (sealed: unknown) => keys.acceptSecret(sealed) } : {}),
    ...handoverOf(options),
    state: () => state,
    now: () => performance.now(),
    limits: { ...options.limits, requests: requestLimits(options) },
    telemetry,
  }).catch(async (cause: unknown) => {
    await metricsServer?.close();
    throw cause;
  });
  telemetry.state('starting');
  const started = await startGateway(options, authenticator, telemetry, door).catch(async (cause: unknown) => {
    await metricsServer?.close();
    throw cause;
  });
  gateway = started;

  let stopped: Promise<void> | undefined;
  const shutDown = async (graceMs: number): Promise<void> => {
    state = 'draining';
    telemetry.state('draining');
    door.stopAccepting();
    await started.close(graceMs);
    await door.close();
    await metricsServer?.close();
    await keys.close();
    telemetry.state('stopped');
  };
  const stop = (graceMs: number): Promise<void> => {
    stopped ??= shutDown(graceMs);
    return stopped;
  };

  const { promise: failed, resolve: fail } = Promise.withResolvers<VitrineError>();
  let keysFailure: VitrineError | undefined;
  void keys.failed.then(async ({ message }) => {
    if (stopped !== undefined) return;
    keysFailure = new VitrineError(
      'keys.failed',
      `the key service ended by itself (${message}); nothing is served without it, so the enclave has stopped. Start it again`,
    );
    await stop(0);
    fail(keysFailure);
  });
  const ready = started.ready.then(
    () => {
      if (state !== 'starting') return;
      state = 'ready';
      telemetry.state('ready');
    },
    async (cause: unknown) => {
      const wanted = stopped !== undefined;
      await stop(0);
      const failure = asServerFailure(cause);
      if (!wanted) fail(failure);
      throw keysFailure ?? failure;
    },
  );
  // It is also reported through `failed`; a caller that waits for that only must not crash.
  ready.catch(() => undefined);
  return {
    url: door.url,
    port: door.port,
    ...(metricsServer === undefined ? {} : { metricsUrl: metricsServer.url }),
    evidence,
    ready,
    failed,
    stop,
  };
}

async function startGateway(
  options: EnclaveOptions,
  authenticator: Authenticator,
  telemetry: Telemetry,
  door: FrontDoor,
): Promise<Gateway> {
  try {
    return options.gateway({
      housing: options.housing,
      shared: options.manifest.isolation === 'shared',
      toolRefusal: authenticator.toolRefusal,
      ...(options.manifest.catalogue?.kind === 'pinned' ? { catalogue: options.manifest.catalogue.digest } : {}),
      // The server may write what users sent it, so by default nobody gets that.
      onServerLog: options.manifest.logs?.child === 'operator' ? options.onServerLog : () => undefined,
      telemetry,
      keys: options.keys,
    });
  } catch (cause) {
    await door.close();
    throw cause;
  }
}

function handoverOf({ keys: { handover }, endorsementsFor }: EnclaveOptions): { readonly handover?: HandoverOptions } {
  if (handover === undefined) return {};
  const answer = handover.answer.bind(handover);
  return { handover: { answer, ...(endorsementsFor === undefined ? {} : { endorsementsFor }) } };
}

/** Whether something of the manifest is handed in by its owner. */
function wantsSecrets({ credentials, keys }: Manifest): boolean {
  return credentials !== undefined || Object.values(keys ?? {}).some(({ origin }) => origin === 'imported');
}

/** What the manifest says of rates holds, whatever else was asked for. */
function requestLimits({ manifest, limits }: EnclaveOptions): RateLimits {
  const { requestsPerMinute, concurrentRequests } = manifest.limits ?? {};
  return {
    ...(limits?.requests ?? DEFAULT_REQUESTS),
    ...(requestsPerMinute === undefined ? {} : { perMinute: requestsPerMinute }),
    ...(concurrentRequests === undefined ? {} : { concurrent: concurrentRequests }),
  };
}

function logFor({ onLog, now, randomBytes }: EnclaveOptions): Log | undefined {
  return onLog === undefined ? undefined : createLog({ write: onLog, now, key: randomBytes(LOG_KEY_BYTES) });
}

function asServerFailure(cause: unknown): ServerFailedError {
  if (cause instanceof ServerFailedError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ServerFailedError(`the server could not be started: ${why}`, { cause });
}
