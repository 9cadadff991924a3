/**
 * The AttestationResult (RFC 9334): what the verifier found, check by check.
 *
 * @module
 */
import type { BootBinding, ChannelBinding, KeyStatement, Manifest } from '@vitrine/documents/evidence';
import type { AuthenticatedEvent } from './eventlog/authenticated-event.ts';

/** In order of precedence: the first that applies is the verdict. */
export type Verdict = 'rejected' | 'undetermined' | 'simulated' | 'verified';

/**
 * `waived`: the policy says `any`, or the input cannot show it and the policy does not ask for it.
 * `unavailable`: it could not be checked, which is never as good as passed.
 */
export type CheckStatus = 'passed' | 'failed' | 'waived' | 'unavailable';

export interface Check {
  /** Stable, `<technology>.<name>`, such as `tdx.tcb-status`. */
  readonly id: string;
  readonly status: CheckStatus;
  /** What the policy, the specification or the caller wants, and what the evidence has. */
  readonly expected?: string;
  readonly actual?: string;
  /** What the finding rests on, such as `intel-sgx-root`, `simulator`, `caller` or `self-asserted`. */
  readonly anchor?: string;
  /** One sentence for people. */
  readonly message: string;
}

/** Authenticated by a trust anchor. Byte strings are lower-case hexadecimal. */
/** The technologies that this release verifies. */
export type TechnologyName = 'tdx' | 'sgx' | 'snp' | 'nitro' | 'tpm';

export interface Claims {
  readonly technology: TechnologyName;
  readonly anchor: string;
  readonly tcbStatus?: string;
  readonly advisoryIds?: readonly string[];
  readonly tcbEvaluationDataNumber?: number;
  /** Names of the machine: FMSPC, PCE id, PPID and platform instance id where the certificate has one. */
  readonly platform: Readonly<Record<string, string>>;
  /** Registers by lower-case name, such as `mrtd`, `rtmr0`, `measurement` or `pcr4`. */
  readonly registers: Readonly<Record<string, string>>;
  readonly reportData: string;
  /** What an event log that replays to the registers says, in order. */
  readonly events?: readonly AuthenticatedEvent[];
  /** Only when hardware evidence commits to it. */
  readonly manifest?: Manifest;
  readonly manifestDigest?: string;
  readonly tlsSpki?: string;
  /** How far the sealed state had got when the evidence was made. */
  readonly state?: NonNullable<ChannelBinding['state']>;
  /** What the platform launched the workload by: `digest` is SHA-256 of the document, `images` are by digest. */
  readonly launch?: { readonly kind: string; readonly digest: string; readonly images: readonly string[] };
  /** What surrounds the server. */
  readonly sandbox?: BootBinding['sandbox'];
  /** What the enclave says of its keys. */
  readonly keys?: readonly KeyStatement[];
  /** What service keys are derived from, and who else can derive them. */
  readonly appRoot?: NonNullable<BootBinding['appRoot']>;
  /** Where secrets for this boot are encrypted to, base64url of 32 bytes. */
  readonly hpkeKey?: string;
}

export interface AttestationResult {
  readonly type: 'vitrine/attestation-result/v1';
  readonly verdict: Verdict;
  /** The first check that gives the verdict; `null` when nothing stands against it. */
  readonly decidedBy: string | null;
  /** `hardware`: the policy waives the workload. `live`: bound to a connection of the caller. `recorded`: from a file. */
  readonly scope: 'live' | 'recorded' | 'hardware';
  /** Every check, in a fixed order. */
  readonly checks: readonly Check[];
  /** Absent where the evidence was not authenticated. */
  readonly claims?: Claims;
  /** What the evidence says without an anchor behind it. */
  readonly unverified: Readonly<Record<string, string>>;
  /** What this verdict does not prove, one sentence each. */
  readonly limits: readonly string[];
  /** SHA-384 of what was judged, lower-case hexadecimal. */
  readonly digests: {
    readonly evidence: string;
    readonly policy: string;
    readonly endorsements: string | null;
    readonly referenceValues: string | null;
    readonly eventLog: string | null;
    /** Of all lists in their order; absent where none was given. */
    readonly denyLists?: string;
  };
  /** The time for which everything was judged, RFC 3339 in UTC. */
  readonly time: string;
}
