/**
 * The relying party's library face: an SDK transport that verifies, then speaks.
 *
 * @module
 */
import { dirname } from 'node:path';
import { StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import { type DenyList, type ReferenceValues, UsageError } from '@vitrine/documents';
import type {
  AppraisalPolicy,
  AttestationResult,
  Endorsement,
  EndorsementFetcher,
  PresetName,
  TpmAttestationKey,
} from '@vitrine/verifier';
import { catalogueGuard } from './connect/catalogue-guard.ts';
import { type Channel, openChannel } from './connect/open-channel.ts';
import { stateWitness } from './connect/state-witness.ts';
import { resolveTrust } from './connect/trust.ts';
import type { FetchLike } from './net/outside-fetch.ts';
import { normaliseUrl } from './server-url.ts';

/** From the first packet to the last byte of evidence. */
export const ATTEST_TIME_LIMIT_MS: number = 30_000;

export interface AttestedTransportOptions {
  /** What is accepted: a preset's name, or a complete policy from `parsePolicy`. */
  readonly policy?: PresetName | AppraisalPolicy;
  /** Path of the user's pins.json. At least one of `policy` and `pins` is needed. */
  readonly pins?: string;
  /** Measurements to compare with, in place of a pin's. */
  readonly referenceValues?: ReferenceValues;
  /** Accept this user's own simulator (beside the pins file) at loopback addresses. It never reads as verified. */
  readonly allowSimulator?: boolean;
  /** PEM of the root of a simulator to accept. */
  readonly simulatorRootPem?: string;
  /** The attestation key of a TPM to accept, from `parseTpmAttestationKey`. It never reads as verified. */
  readonly tpmAk?: TpmAttestationKey;
  /** Deny-lists in addition to those that are kept beside the pins file. */
  readonly denyLists?: readonly DenyList[];
  /** What you have of a machine's endorsements. */
  readonly endorsements?: readonly Endorsement[];
  /** Brings endorsements that neither bundle nor caller has. */
  readonly fetchEndorsements?: EndorsementFetcher;
  /** Told the verdict on each new connection, before it is acted on. */
  readonly onResult?: (result: AttestationResult) => void;
  /** Sent with every request, and only to the server once it is verified; such as `Authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The clock to judge by; the machine's by default. */
  readonly now?: () => Date;
  /** For the attestation of one connection, in milliseconds; 30 000 by default. */
  readonly timeLimitMs?: number;
}

/**
 * An MCP transport that sends nothing before it has verified fresh evidence, bound to the very
 * connection in use, against your policy or pin. Every further connection is verified the same way.
 *
 * @example
 * ```ts
 * import { Client } from '@modelcontextprotocol/client';
 * import { attestedTransport } from '@vitrine/client';
 *
 * const client = new Client({ name: 'example', version: '1.0.0' });
 * await client.connect(attestedTransport('https://bank.example/mcp', { pins: '/home/me/.config/vitrine/pins.json' }));
 * ```
 *
 * @throws UsageError at once for a bad URL or when neither policy nor pins are given. What the
 *   server shows is judged on connecting: `VerificationError`, `EndorsementUnavailableError`,
 *   `RefusedError`, `UnreachableError` or `MalformedEvidenceError` then come out of `connect`.
 */
export function attestedTransport(url: string, options: AttestedTransportOptions): Transport {
  const server = normaliseUrl(url);
  if (options.policy === undefined && options.pins === undefined) {
    throw new UsageError(
      'transport.policy',
      'attestedTransport needs a policy or a pins file: without one nothing is checked',
    );
  }
  let opened: Promise<Channel> | undefined;
  let fetch: Promise<FetchLike> | undefined;
  const open = (): Promise<FetchLike> => {
    opened ??= channelFor(server, options);
    fetch ??= opened.then((channel) => channel.client());
    return fetch;
  };
  const transport = new StreamableHTTPClientTransport(new URL(server), {
    fetch: async (target, init) => (await open())(String(target), init),
    ...(options.headers === undefined ? {} : { requestInit: { headers: { ...options.headers } } }),
  });
  const close = transport.close.bind(transport);
  transport.close = async () => {
    await close();
    await opened?.then(
      (channel) => channel.close(),
      () => undefined,
    );
  };
  return transport;
}

async function channelFor(url: string, options: AttestedTransportOptions): Promise<Channel> {
  const {
    pins,
    policy,
    referenceValues,
    allowSimulator,
    simulatorRootPem,
    tpmAk,
    denyLists,
    endorsements,
    fetchEndorsements,
  } = options;
  const trust = await resolveTrust(url, {
    purpose: 'connect',
    ...(pins === undefined ? {} : { home: dirname(pins), pinsFile: pins }),
    ...(policy === undefined ? {} : { policy }),
    ...(referenceValues === undefined ? {} : { referenceValues }),
    ...(allowSimulator === undefined ? {} : { allowSimulator }),
    ...(simulatorRootPem === undefined ? {} : { simulatorRootPem }),
    ...(tpmAk === undefined ? {} : { tpmAk }),
    ...(denyLists === undefined ? {} : { denyLists }),
    ...(endorsements === undefined ? {} : { endorsements }),
    ...(fetchEndorsements === undefined ? {} : { fetchEndorsements }),
  });
  return openChannel({
    trust,
    now: options.now ?? (() => new Date()),
    timeLimitMs: options.timeLimitMs ?? ATTEST_TIME_LIMIT_MS,
    guard: catalogueGuard(trust, pins),
    witness: stateWitness(trust, pins),
    ...(options.onResult === undefined ? {} : { onResult: options.onResult }),
  });
}
