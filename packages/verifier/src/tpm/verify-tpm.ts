/**
 * Verification of a TPM 2.0 quote: parse, authenticate, appraise. What is common to all
 * technologies (workload, bindings, verdict) stands in `../verify.ts`.
 *
 * A quote carries no chain to anybody, so the caller says which attestation key it trusts, and the
 * evidence is `simulated` at best. It knows no time of day either: nothing here depends on the time
 * to judge for.
 *
 * @module
 */
import { sha256 } from '#crypto';
import type { Check } from '../result.ts';
import type { HardwareClaims, HardwareOutcome } from '../technology.ts';
import { APPRAISAL_CHECKS, appraiseTpm } from './appraise.ts';
import { MAGIC_CHECK, type TpmAttest } from './attest.ts';
import type { TpmAttestationKey } from './attestation-key.ts';
import { authenticateTpm, type TpmClaims } from './authenticate.ts';
import type { TpmQuote } from './forms.ts';
import { FORMAT_CHECK, parseTpmQuote } from './parse.ts';
import type { TpmPolicy } from './policy.ts';

export interface TpmInputs {
  /** The attestation key that the caller trusts; see `parseTpmAttestationKey`. */
  readonly ak?: TpmAttestationKey;
  readonly policy: TpmPolicy;
  /** Qualifying data that the caller gave for this very quote. */
  readonly expectedNonce?: Uint8Array;
  /** Of a bundle: the 64 bytes that its bindings give, whose SHA-256 has to be the qualifying data. */
  readonly committed?: Uint8Array<ArrayBuffer>;
}

/**
 * Verifies a quote.
 *
 * @throws MalformedEvidenceError when `bytes` are no well-formed quote, or no TPM made what is signed; nothing else.
 */
export async function verifyTpm(bytes: Uint8Array<ArrayBuffer>, inputs: TpmInputs): Promise<HardwareOutcome> {
  const { ak, policy, expectedNonce, committed } = inputs;
  const quote = parseTpmQuote(bytes);
  const parsed: readonly Check[] = [
    { id: FORMAT_CHECK, status: 'passed', message: 'A well-formed TPM 2.0 quote.' },
    {
      id: MAGIC_CHECK,
      status: 'passed',
      message: 'The signed bytes say that a TPM made them, and that they are a quote.',
    },
  ];
  const { checks, claims, anchor } = await authenticateTpm(quote, ak, policy.pcrs !== 'any');
  const rooted = anchor === undefined ? {} : { anchor };
  if (claims === undefined) {
    const open = APPRAISAL_CHECKS.map(
      (id): Check => ({ id, status: 'unavailable', message: 'Not evaluated: the quote is not authenticated.' }),
    );
    return {
      checks: [...parsed, ...checks, ...open],
      ...rooted,
      simulatorMarker: false,
      unverified: unverifiedOf(quote),
    };
  }
  const nonce =
    expectedNonce !== undefined
      ? ({ of: 'caller', value: expectedNonce } as const)
      : committed !== undefined
        ? ({ of: 'bindings', value: await sha256(committed) } as const)
        : undefined;
  return {
    checks: [...parsed, ...checks, ...appraiseTpm(claims, policy, nonce)],
    claims: claimsOf(claims),
    ...rooted,
    simulatorMarker: false,
    unverified: {},
  };
}

function claimsOf({ attest, pcrs, anchor }: TpmClaims): HardwareClaims {
  const values = [...pcrs].map(([index, value]) => [`pcr${index}`, value]);
  return {
    technology: 'tpm',
    anchor: anchor.name,
    platform: { qualifiedSigner: attest.qualifiedSigner },
    registers: { ...Object.fromEntries(values), ...fieldsOf(attest) },
    reportData: attest.extraData,
  };
}

/** What a TPM says about itself, as it is written there. */
function fieldsOf(attest: TpmAttest): Readonly<Record<string, string>> {
  return {
    pcrdigest: attest.pcrDigest,
    firmwareversion: attest.firmwareVersion,
    clock: attest.clock,
    resetcount: attest.resetCount,
    restartcount: attest.restartCount,
  };
}

function unverifiedOf({ attest }: TpmQuote): Readonly<Record<string, string>> {
  return { qualifiedsigner: attest.qualifiedSigner, ...fieldsOf(attest), reportdata: attest.extraData };
}
