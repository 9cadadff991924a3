/**
 * Authentication of a TPM quote: the attestation key, its signature, and from the signed digest the
 * values of the registers.
 *
 * It is the only place that makes `Authenticated<TpmClaims>`. The key comes from the caller, and
 * nothing says that it is in a TPM: its anchor counts as a simulator's. A key whose certificate a
 * vendor's root stands behind gets an anchor of that root, in {@link trustKey} and nowhere else.
 *
 * Trusted Platform Module Library, part 3, "TPM2_Quote"; part 1, "Attesting to PCR".
 *
 * @module
 */
import { concatBytes, fromHex, toHex } from '@vitrine/documents/evidence';
import { sha256, verifyEcdsaP256, verifyRsaPkcs1Sha256 } from '#crypto';
import type { Authenticated } from '../authenticated.ts';
import { sentence } from '../dcap/findings.ts';
import { type Attempt, attempt, refuse } from '../refusal.ts';
import type { Check } from '../result.ts';
import type { Anchor } from '../technology.ts';
import type { TpmAttest } from './attest.ts';
import { sameKey, type TpmAttestationKey } from './attestation-key.ts';
import type { TpmQuote } from './forms.ts';
import { TpmAlgorithm } from './reader.ts';

/** What an authenticated quote says. */
export interface TpmClaims {
  readonly attest: TpmAttest;
  /** Registers of the SHA-256 bank whose values the signed digest confirms; none where the evidence has no values. */
  readonly pcrs: ReadonlyMap<number, string>;
  readonly anchor: Anchor;
}

export interface TpmAuthentication {
  /** Always {@link AUTHENTICATION_CHECKS}, in this order. */
  readonly checks: readonly Check[];
  /** Only when no check failed and the signature is good. */
  readonly claims?: Authenticated<TpmClaims>;
  readonly anchor?: Anchor;
}

const AUTHENTICATION_CHECKS = ['tpm.ak', 'tpm.signature', 'tpm.pcr-digest'] as const;

type CheckId = (typeof AUTHENTICATION_CHECKS)[number];

/** A key on the caller's word alone. */
const CALLER_KEY: Anchor = { name: 'tpm-ak', simulator: true };

interface TrustedKey {
  readonly key: TpmAttestationKey;
  readonly anchor: Anchor;
}

/**
 * Follows the signature of `quote` to `key`.
 *
 * @param valuesNeeded - Whether values of registers are asked for: without them, missing values are no fault.
 */
export async function authenticateTpm(
  quote: TpmQuote,
  key: TpmAttestationKey | undefined,
  valuesNeeded: boolean,
): Promise<TpmAuthentication> {
  if (key === undefined) {
    const message =
      'No attestation key is given: pass the one that you trust (--tpm-ak FILE). A key in the evidence proves nothing.';
    return { checks: [{ id: 'tpm.ak', status: 'unavailable', message }, ...notEvaluated(1, 'no key is given')] };
  }
  const trusted = await attempt(() => trustKey(quote, key));
  if (!trusted.ok) return { checks: [failed('tpm.ak', trusted), ...notEvaluated(1, 'the key is not trusted')] };
  const { anchor } = trusted.value;
  const akCheck = passed('tpm.ak', 'The caller vouches for the attestation key; no vendor does.', anchor);
  const signature = await attempt(() => authenticateSignature(quote, trusted.value));
  if (!signature.ok) {
    const checks = [
      akCheck,
      failed('tpm.signature', signature, anchor),
      ...notEvaluated(2, 'the signature is not good'),
    ];
    return { checks, anchor };
  }
  const signed = [akCheck, passed('tpm.signature', 'The quote is signed by the attestation key.', anchor)];
  const pcrs = await attempt(() => authenticatePcrs(quote));
  if (!pcrs.ok) return { checks: [...signed, failed('tpm.pcr-digest', pcrs, anchor)], anchor };
  const claims: TpmClaims = { attest: quote.attest, pcrs: pcrs.value.values, anchor };
  return {
    checks: [...signed, digestCheck(pcrs.value, valuesNeeded, anchor)],
    claims: claims as Authenticated<TpmClaims>,
    anchor,
  };
}

/**
 * Whose word there is for the key. A certificate of the key, with a chain to a TPM vendor's or a
 * cloud's root, is to be verified here and would give that root as the anchor.
 */
function trustKey({ statedKey }: TpmQuote, key: TpmAttestationKey): TrustedKey {
  if (statedKey !== undefined && !sameKey(statedKey, key)) {
    refuse('the evidence names another attestation key than the one that is trusted', {
      expected: toHex(key.publicKey),
      actual: toHex(statedKey.publicKey),
    });
  }
  return { key, anchor: CALLER_KEY };
}

async function authenticateSignature({ attest, signature }: TpmQuote, { key }: TrustedKey): Promise<void> {
  const scheme = key.keyAlgorithm === 'rsa' ? 'rsassa' : 'ecdsa';
  if (signature.scheme !== scheme) {
    refuse('the signature is of another kind than the attestation key', { expected: scheme, actual: signature.scheme });
  }
  const verify = scheme === 'rsassa' ? verifyRsaPkcs1Sha256 : verifyEcdsaP256;
  if (await verify(key.publicKey, attest.bytes, signature.bytes)) return;
  refuse('the quote is not signed by the attestation key');
}

interface Pcrs {
  readonly values: ReadonlyMap<number, string>;
  /** Why there are none, where there are none. */
  readonly missing?: string;
}

/** Values that the signed digest confirms. Values of registers that were not selected are nobody's claim. */
async function authenticatePcrs({ attest, pcrValues }: TpmQuote): Promise<Pcrs> {
  if (pcrValues === undefined) return none('The evidence has no values of registers.');
  if (attest.selections.some(({ bank, indexes }) => bank !== TpmAlgorithm.sha256 && indexes.length > 0)) {
    return none('The quote covers banks whose values the evidence does not have.');
  }
  const indexes = attest.selections.flatMap((selection) => selection.indexes);
  const values = new Map(
    indexes.map((index) => [index, pcrValues[index] ?? refuse(`no value of PCR${index}, which the quote covers`)]),
  );
  const parts = [...values.values()].map((value) => fromHex(value) ?? refuse('malformed value of a register'));
  const actual = toHex(await sha256(concatBytes(...parts)));
  if (actual === attest.pcrDigest) return { values };
  return refuse('the values of the registers are not the ones that were signed', {
    expected: attest.pcrDigest,
    actual,
  });
}

function none(missing: string): Pcrs {
  return { values: new Map(), missing };
}

function digestCheck({ missing }: Pcrs, valuesNeeded: boolean, anchor: Anchor): Check {
  const id: CheckId = 'tpm.pcr-digest';
  if (missing === undefined) return passed(id, 'The values of the registers are the ones that were signed.', anchor);
  return valuesNeeded
    ? { id, status: 'unavailable', anchor: anchor.name, message: `${missing} The policy asks for them.` }
    : { id, status: 'waived', anchor: anchor.name, message: `${missing} The policy does not ask for them.` };
}

function passed(id: CheckId, message: string, anchor: Anchor): Check {
  return { id, status: 'passed', anchor: anchor.name, message };
}

function failed(id: CheckId, { refusal }: Attempt<never> & { readonly ok: false }, anchor?: Anchor): Check {
  const rooted = anchor === undefined ? {} : { anchor: anchor.name };
  return { id, status: 'failed', ...refusal.difference, ...rooted, message: sentence(refusal.message) };
}

function notEvaluated(from: number, reason: string): readonly Check[] {
  return AUTHENTICATION_CHECKS.slice(from).map((id) => ({
    id,
    status: 'unavailable',
    message: `Not evaluated: ${reason}.`,
  }));
}
