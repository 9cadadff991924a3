/**
 * Policies that objects are sealed under: the values of registers, or what the holder of a key admits.
 *
 * `PolicyPCR` binds to values, so it dies with the first change of one. `PolicyAuthorize` binds to a key, and each
 * policy that this key signs is as good as the first: whoever holds the key decides which code gets the secret.
 * Policies are computed here as the TPM computes them (Trusted Platform Module Library, part 3, "TPM2_PolicyPCR",
 * "TPM2_PolicyAuthorize").
 *
 * @module
 */
import { concatBytes, sameBytes, toHex, UsageError } from '@vitrine/documents';
import { parseBuffer, parseLoad, parseVerifySignature } from './answers.ts';
import { flushedAfter } from './flush.ts';
import { p256Point } from './primary-keys.ts';
import { plainHandle, runCommand } from './run-command.ts';
import type { TpmSession } from './session.ts';
import {
  type EccTemplate,
  eccPublicArea,
  ecdsaSignature,
  nameOf,
  ObjectAttribute,
  pcrSelection,
  sha256,
  TpmAlg,
  TpmRh,
} from './structures.ts';
import type { TpmTransport } from './transport.ts';
import { type Bytes, sized, u16, u32 } from './wire.ts';

/** A policy and the signature over it, by the holder of the policy key. */
export interface SignedTpmPolicy {
  /** 32 bytes, as {@link pcrPolicy} gives. */
  readonly policy: Bytes;
  /** ECDSA with SHA-256 over {@link tpmPolicySigned}, 64 bytes r ‖ s. */
  readonly signature: Bytes;
}

/** The public part of the policy key, as the TPM is told of it. */
export interface PolicyAuthority {
  /** TPMT_PUBLIC. */
  readonly area: Bytes;
  readonly name: Bytes;
  /** SHA-256 of its SubjectPublicKeyInfo, hexadecimal. */
  readonly fingerprint: string;
}

const CODE = { policyPcr: 0x017f, policyAuthorize: 0x016a } as const;
/** Keeps signatures that were made for something else from being policies. */
const POLICY_REF = new TextEncoder().encode('vitrine/tpm-policy/v1');

const AUTHORITY_TEMPLATE: EccTemplate = {
  attributes: ObjectAttribute.userWithAuth | ObjectAttribute.sign,
  symmetric: u16(TpmAlg.null),
  scheme: concatBytes(u16(TpmAlg.ecdsa), u16(TpmAlg.sha256)),
};

/** The policy that registers of the SHA-256 bank have these values. */
export function pcrPolicy(values: ReadonlyMap<number, Uint8Array>): Bytes {
  const indexes = [...values.keys()].sort((left, right) => left - right);
  const digest = sha256(...indexes.map((index) => values.get(index) ?? new Uint8Array(0)));
  return sha256(new Uint8Array(32), u32(CODE.policyPcr), pcrSelection(TpmAlg.sha256, indexes), digest);
}

/** The policy that another policy holds which the authority signed. */
export function authorizedPolicy(authority: PolicyAuthority): Bytes {
  const named = sha256(new Uint8Array(32), u32(CODE.policyAuthorize), authority.name);
  return sha256(named, POLICY_REF);
}

/** What the holder of the policy key signs, with ECDSA on P-256 and SHA-256, to admit a policy. */
export function tpmPolicySigned(policy: Uint8Array): Bytes {
  return concatBytes(policy, POLICY_REF);
}

/**
 * Reads the policy key.
 *
 * @param spki - DER SubjectPublicKeyInfo, P-256.
 * @throws UsageError
 */
export function policyAuthority(spki: Uint8Array): PolicyAuthority {
  const xy = p256Point(spki);
  if (xy === undefined) {
    throw new UsageError(
      'attester.policy-key',
      'the policy key must be a P-256 public key, as SubjectPublicKeyInfo in DER',
    );
  }
  const area = eccPublicArea(AUTHORITY_TEMPLATE, xy);
  return { area, name: nameOf(area), fingerprint: toHex(sha256(spki)) };
}

/** Has the session hold what the registers are now. */
export async function policyPcr(transport: TpmTransport, session: TpmSession, pcrs: readonly number[]): Promise<void> {
  await runCommand(transport, {
    what: 'TPM2_PolicyPCR',
    code: CODE.policyPcr,
    handles: [plainHandle(session.handle)],
    // An empty digest: the TPM takes the registers as they are.
    parameters: concatBytes(sized(), pcrSelection(TpmAlg.sha256, pcrs)),
  });
}

/** What the session holds so far. */
export async function policyDigest(transport: TpmTransport, session: TpmSession): Promise<Bytes> {
  const what = 'TPM2_PolicyGetDigest';
  const { parameters } = await runCommand(transport, {
    what,
    code: 0x0189,
    handles: [plainHandle(session.handle)],
    parameters: new Uint8Array(0),
  });
  return parseBuffer(what, parameters, 32);
}

/**
 * Has the session hold that the authority signed what it holds so far.
 *
 * @returns false where none of `signed` is of that policy.
 */
export async function policyAuthorize(
  transport: TpmTransport,
  session: TpmSession,
  authority: PolicyAuthority,
  signed: readonly SignedTpmPolicy[],
): Promise<boolean> {
  const current = await policyDigest(transport, session);
  const admitted = signed.find(({ policy }) => sameBytes(policy, current));
  if (admitted === undefined) return false;
  const ticket = await ticketFor(transport, authority, admitted);
  await runCommand(transport, {
    what: 'TPM2_PolicyAuthorize',
    code: CODE.policyAuthorize,
    handles: [plainHandle(session.handle)],
    parameters: concatBytes(sized(current), sized(POLICY_REF), sized(authority.name), ticket),
  });
  return true;
}

/** The TPM's own word that the signature is good. */
async function ticketFor(
  transport: TpmTransport,
  { area }: PolicyAuthority,
  { policy, signature }: SignedTpmPolicy,
): Promise<Bytes> {
  const { handle, parameters } = await runCommand(transport, {
    what: 'TPM2_LoadExternal',
    code: 0x0167,
    handles: [],
    // Tickets of the null hierarchy are worth nothing.
    parameters: concatBytes(sized(), sized(area), u32(TpmRh.owner)),
    answersHandle: true,
  });
  return flushedAfter(transport, handle, async () => {
    const verified = await runCommand(transport, {
      what: 'TPM2_VerifySignature',
      code: 0x0177,
      handles: [{ value: handle, name: parseLoad(parameters, area) }],
      parameters: concatBytes(sized(sha256(tpmPolicySigned(policy))), ecdsaSignature(signature)),
    });
    return parseVerifySignature(verified.parameters);
  });
}
