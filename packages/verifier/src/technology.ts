/**
 * What every technology gives to `verify.ts`: one function from bytes to checks and claims.
 *
 * A technology is a folder with `parse.ts`, `authenticate.ts`, `appraise.ts`, `policy.ts` (its part
 * of the AppraisalPolicy) and `checks.ts` (what each check is for), and one file `verify-<name>.ts`.
 *
 * @module
 */
import type { DcapCollateral } from '@vitrine/documents/evidence';
import type { AppraisalPolicy } from './policy.ts';
import type { Check, Claims, TechnologyName } from './result.ts';
import type { SimulatorAnchor } from './simulator-anchor.ts';
import type { SnpPlatform } from './snp/platform.ts';
import type { TpmAttestationKey } from './tpm/attestation-key.ts';

/** Who stands behind authenticated claims. */
export interface Anchor {
  /** Appears in results, such as `intel-sgx-root` or `amd-ark-genoa`. */
  readonly name: string;
  /** Evidence under such an anchor is never `verified`. */
  readonly simulator: boolean;
}

/** Everything that is at hand, whoever brought it. Nothing of it is trusted yet. */
export interface GivenEndorsements {
  readonly dcap: readonly DcapCollateral[];
  /** DER certificates: VCEK, VLEK and the authorities above them. */
  readonly certificates: readonly Uint8Array<ArrayBuffer>[];
  /** DER certificate revocation lists. */
  readonly revocationLists: readonly Uint8Array<ArrayBuffer>[];
}

/** Claims about the hardware, without what the bindings add. */
export type HardwareClaims = Omit<Claims, 'manifest' | 'manifestDigest' | 'tlsSpki'>;

export interface HardwareOutcome {
  /** Every check of this technology, in a fixed order. */
  readonly checks: readonly Check[];
  /** Only when the whole signature chain to an anchor is good. */
  readonly claims?: HardwareClaims;
  /** The root of a good certificate chain. */
  readonly anchor?: Anchor;
  /** The chain is good except for its root, which is no anchor and says itself that it is a simulator's. */
  readonly simulatorMarker: boolean;
  /** What the evidence says without an anchor behind it; empty once it is authenticated. */
  readonly unverified: Readonly<Record<string, string>>;
}

/** What a check is for, for `vitrine explain` and the page of checks. */
export interface CheckInfo {
  readonly id: string;
  /** One sentence: what is checked. */
  readonly what: string;
  /** One sentence: what an attacker could do without it. */
  readonly attack: string;
  /** Specification and section. */
  readonly specification: string;
}

/** A machine of Intel's, for endorsements. */
export interface DcapPlatformHint {
  readonly technology: 'tdx' | 'sgx';
  /** Family, model, stepping, platform and custom SKU: 6 bytes, hexadecimal. */
  readonly fmspc: string;
  readonly ca: 'platform' | 'processor';
}

/** The machine whose endorsements are wanted. Unauthenticated: it only chooses what to fetch. */
export type PlatformHint = DcapPlatformHint | SnpPlatform;

export interface TechnologyInputs {
  /** Everything that is at hand, fetched or given. */
  readonly endorsements: GivenEndorsements;
  /** Collateral of `endorsements` that the fetcher brought. What is unusable of it decides nothing. */
  readonly fetched: readonly DcapCollateral[];
  /** Roots of simulators that the user allows. */
  readonly simulatorAnchors: readonly SimulatorAnchor[];
  readonly policy: AppraisalPolicy;
  readonly now: Date;
  readonly tpm: TpmTrust;
  /** The 64 bytes that the bindings of a bundle give; only for a TPM, whose nonce follows from them. */
  readonly committed?: Uint8Array<ArrayBuffer>;
}

/** What only the caller can know about a TPM quote. */
export interface TpmTrust {
  /** The attestation key that the caller trusts. */
  readonly ak?: TpmAttestationKey;
  /** Qualifying data that the caller gave for this very quote. */
  readonly expectedNonce?: Uint8Array;
}

export interface Technology {
  readonly name: TechnologyName;
  /** For people: `an Intel TDX quote`. */
  readonly called: string;
  /** Whether `bytes` begin like this technology's evidence. Cheap; says nothing about the rest. */
  readonly recognises: (bytes: Uint8Array<ArrayBuffer>) => boolean | Promise<boolean>;
  /** @throws MalformedEvidenceError when `bytes` cannot be read. */
  readonly verify: (bytes: Uint8Array<ArrayBuffer>, inputs: TechnologyInputs) => Promise<HardwareOutcome>;
  /** What to fetch endorsements for; absent where the evidence brings all that is needed. */
  readonly platform?: (bytes: Uint8Array<ArrayBuffer>) => Promise<PlatformHint>;
  /** Checks that are `unavailable` when there are no endorsements for this machine. */
  readonly needEndorsements: readonly string[];
}
