/**
 * One look at a live server, by the flags that say what is demanded of it. For commands that show what a
 * server proves and send it nothing.
 *
 * @module
 */
import type { TrustOptions } from '@vitrine/client';
import { proxyFromEnvironment } from '@vitrine/client/proxy-environment';
import { type EvidenceBundle, MalformedEvidenceError } from '@vitrine/documents';
import {
  type AppraisalPolicy,
  type AttestationResult,
  type EndorsementFetcher,
  malformedResult,
  parseTpmAttestationKey,
} from '@vitrine/verifier';
import { userHome } from './home.ts';
import { type NamedPolicy, readEndorsements, readInput, readReferenceValues, readText } from './inputs.ts';

/** For the handshake and the attestation of a live server. */
const ATTEST_TIMEOUT_MS = 15_000;

const NO_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array();

export interface Judged {
  readonly result: AttestationResult;
  /** Whether the user accepts a simulator here: by a flag, or by having pinned one. */
  readonly allowSimulated: boolean;
  /** How to call the policy that was used. */
  readonly policyName: string;
  /** For --save; only a live server's. */
  readonly bundle: EvidenceBundle | undefined;
  /** How a live server differs from its pin, in clean lines. */
  readonly differences?: readonly string[];
}

/** The flags that matter to a look, as they were given. */
export interface LookFlags {
  readonly policy?: string;
  readonly preset?: string;
  readonly reference?: string;
  readonly endorsements?: readonly string[];
  readonly 'allow-simulator'?: boolean;
  readonly 'simulator-root'?: string;
  readonly 'deny-list'?: readonly string[];
  readonly 'tpm-ak'?: string;
}

/** What naming a TPM's key and deny-lists gives, for whatever resolves trust. */
export async function furtherTrust(
  values: Pick<LookFlags, 'deny-list' | 'tpm-ak'>,
): Promise<Pick<TrustOptions, 'denyLists' | 'tpmAk'>> {
  const { 'deny-list': lists = [], 'tpm-ak': ak } = values;
  const { readDenyList } = await import('@vitrine/client/deny-lists');
  return {
    denyLists: await Promise.all(lists.map(readDenyList)),
    ...(ak === undefined ? {} : { tpmAk: parseTpmAttestationKey(readInput(ak), ak) }),
  };
}

/** @throws UsageError for flags; UnreachableError or RefusedError where there is nothing to judge. */
export async function verifyLive(
  url: string,
  policy: NamedPolicy,
  values: LookFlags,
  fetcher: EndorsementFetcher | undefined,
): Promise<Judged> {
  // The client brings TLS and HTTP code that a file does not need.
  const { describePinMismatch, resolveTrust, verifyUrl } = await import('@vitrine/client');
  const trust = await resolveTrust(url, {
    home: userHome(),
    purpose: 'look',
    endorsements: readEndorsements(values.endorsements ?? []),
    ...(values.policy === undefined && values.preset === undefined ? {} : { policy: policy.policy }),
    ...(values.reference === undefined ? {} : { referenceValues: readReferenceValues(values.reference) }),
    ...(values['allow-simulator'] === true ? { allowSimulator: true } : {}),
    ...(values['simulator-root'] === undefined ? {} : { simulatorRootPem: readText(values['simulator-root']) }),
    ...(await furtherTrust(values)),
    ...(fetcher === undefined ? {} : { fetchEndorsements: fetcher }),
  });
  const { allowSimulated } = trust;
  const policyName = trust.policyName ?? (values.policy === undefined ? 'of your pin' : policy.name);
  const now = (): Date => new Date();
  try {
    const look = await verifyUrl(trust, {
      now,
      timeLimitMs: ATTEST_TIMEOUT_MS,
      proxyFor: proxyFromEnvironment(process.env),
    });
    const differences = trust.pin === undefined ? [] : describePinMismatch(trust.pin, look.result);
    return { ...look, allowSimulated, policyName, differences };
  } catch (error) {
    return {
      result: await rejection(error, NO_BYTES, trust.policy, now()),
      bundle: undefined,
      allowSimulated,
      policyName,
    };
  }
}

/** What cannot be read is a verdict, too: rejected, by the check that could not read it. */
export async function rejection(
  error: unknown,
  input: Uint8Array<ArrayBuffer>,
  policy: AppraisalPolicy,
  now: Date,
): Promise<AttestationResult> {
  if (!(error instanceof MalformedEvidenceError)) throw error;
  return malformedResult(error, input, policy, now);
}
