/**
 * An approval given with an authenticator: a WebAuthn assertion whose challenge is the digest of the
 * approval document.
 *
 * The signature counter is not judged: the document is good once, so there is nothing to replay. Extensions
 * and attested credential data are never asked for, so an assertion with them is refused.
 *
 * Specification: Web Authentication Level 3, sections 5.8.1 (client data), 6.1 (authenticator data) and 7.2
 * (verification of an assertion).
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import {
  concatBytes,
  fromBase64Url,
  fromHex,
  JsonSyntaxError,
  type JsonValue,
  type KeyApprover,
  parseStrictJson,
  sameBytes,
} from '@vitrine/documents';
import type { Approval } from '../wire.ts';

const MAX_CLIENT_DATA_BYTES = 4_096;
const AUTHENTICATOR_DATA_BYTES = 37;
/** A DER signature with two integers of 33 bytes. */
const MAX_SIGNATURE_BYTES = 72;
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const BACKUP_ELIGIBLE = 0x08;
const BACKED_UP = 0x10;

/** Why `approval` is no approval of `document` by the authenticator; `undefined` if it is. */
export function problemOfAssertion(
  approver: Extract<KeyApprover, { kind: 'webauthn' }>,
  approval: Approval,
  document: string,
): string | undefined {
  const clientData = fromBase64Url(approval.clientData ?? '');
  const authenticatorData = fromBase64Url(approval.authenticatorData ?? '');
  const signature = fromBase64Url(approval.signature);
  if (!clientData?.length || !authenticatorData?.length || !signature?.length) {
    return 'signature, client data or authenticator data is missing or no base64url';
  }
  return (
    problemOfClientData(
      clientData,
      approver.origin,
      sha256(new TextEncoder().encode(document)).toString('base64url'),
    ) ??
    problemOfAuthenticatorData(authenticatorData, approver.rpId) ??
    problemOfSignature(approver.publicKey, signature, concatBytes(authenticatorData, sha256(clientData)))
  );
}

function problemOfClientData(bytes: Uint8Array, origin: string, challenge: string): string | undefined {
  const said = readClientData(bytes);
  if (said === undefined) return 'the client data is no JSON object';
  if (said.get('type') !== 'webauthn.get') return 'the client data is not of type webauthn.get';
  if (said.get('challenge') !== challenge) return 'the challenge is not the digest of the approval document';
  if (said.get('origin') !== origin) return `the origin is not ${origin}`;
  const elsewhere = said.has('topOrigin') || (said.has('crossOrigin') && said.get('crossOrigin') !== false);
  if (elsewhere) return 'it was given within another page';
  return undefined;
}

function readClientData(bytes: Uint8Array): ReadonlyMap<string, JsonValue> | undefined {
  if (bytes.length > MAX_CLIENT_DATA_BYTES) return undefined;
  try {
    const value = parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return new Map(Object.entries(value));
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

function problemOfAuthenticatorData(bytes: Uint8Array, rpId: string): string | undefined {
  if (bytes.length !== AUTHENTICATOR_DATA_BYTES) {
    return `the authenticator data has ${bytes.length} bytes; without extensions it has ${AUTHENTICATOR_DATA_BYTES}`;
  }
  if (!sameBytes(bytes.slice(0, 32), sha256(new TextEncoder().encode(rpId)))) return `it is not for ${rpId}`;
  const flags = bytes[32] ?? 0;
  if ((flags & ~(USER_PRESENT | USER_VERIFIED | BACKUP_ELIGIBLE | BACKED_UP)) !== 0)
    return 'a flag is set that may not be';
  if ((flags & USER_PRESENT) === 0) return 'the authenticator did not see its user';
  if ((flags & USER_VERIFIED) === 0) return 'the authenticator did not verify its user';
  if ((flags & BACKED_UP) !== 0 && (flags & BACKUP_ELIGIBLE) === 0) return 'its flags contradict each other';
  return undefined;
}

function problemOfSignature(publicKey: string, signature: Uint8Array, signed: Uint8Array): string | undefined {
  const key = fromHex(publicKey);
  if (key === undefined || signature.length > MAX_SIGNATURE_BYTES) return 'the signature is malformed';
  const point = concatBytes(Uint8Array.of(4), key);
  return p256.verify(signature, signed, point, { format: 'der', lowS: false, prehash: true })
    ? undefined
    : 'the signature does not verify';
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
