/**
 * Approvers for tests, one of each kind, signing with node:crypto as their programs would.
 *
 * @module
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { concatBytes, type KeyApprover, toBase64Url, toHex } from '@vitrine/documents';
import type { Approval } from '../../wire.ts';
import { approvalBytes } from '../approval-document.ts';

export interface TestApprover {
  readonly approver: KeyApprover;
  /** Signs `document` under `name`. */
  approve(name: string, document: string): Approval;
}

const ORIGIN = 'https://approve.example';
const RP_ID = 'approve.example';

export function ed25519Approver(): TestApprover {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const x = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
  return {
    approver: { kind: 'ed25519', publicKey: toHex(x) },
    approve: (approver, document) => ({
      approver,
      document,
      signature: toBase64Url(sign(null, approvalBytes(document), privateKey)),
    }),
  };
}

export function p256Approver(key: P256Key = p256Key()): TestApprover {
  return {
    approver: { kind: 'p256', publicKey: key.raw },
    approve: (approver, document) => ({
      approver,
      document,
      signature: toBase64Url(
        sign('sha256', approvalBytes(document), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }),
      ),
    }),
  };
}

export interface P256Key {
  readonly privateKey: KeyObject;
  /** x ‖ y, hexadecimal. */
  readonly raw: string;
}

export function p256Key(): P256Key {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  return { privateKey, raw: toHex(concatBytes(Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url'))) };
}

/** What a test may say otherwise than an honest authenticator. */
export interface AssertionChange {
  readonly clientData?: Readonly<Record<string, unknown>>;
  /** In place of the JSON of the client data. */
  readonly clientText?: Uint8Array;
  readonly rpId?: string;
  readonly flags?: number;
  /** After the counter. */
  readonly extra?: Uint8Array;
}

/** User present and verified. */
export const GOOD_FLAGS = 0x05;

export function assertion(key: P256Key, approver: string, document: string, change: AssertionChange = {}): Approval {
  const challenge = createHash('sha256').update(document).digest('base64url');
  const said = { type: 'webauthn.get', challenge, origin: ORIGIN, crossOrigin: false, ...change.clientData };
  const clientData = change.clientText ?? new TextEncoder().encode(JSON.stringify(said));
  const authenticatorData = concatBytes(
    createHash('sha256')
      .update(change.rpId ?? RP_ID)
      .digest(),
    Uint8Array.of(change.flags ?? GOOD_FLAGS, 0, 0, 0, 9),
    change.extra ?? new Uint8Array(0),
  );
  const signed = concatBytes(authenticatorData, createHash('sha256').update(clientData).digest());
  return {
    approver,
    document,
    signature: toBase64Url(sign('sha256', signed, key.privateKey)),
    authenticatorData: toBase64Url(authenticatorData),
    clientData: toBase64Url(clientData),
  };
}

export function webauthnApprover(key: P256Key = p256Key()): TestApprover {
  return {
    approver: { kind: 'webauthn', publicKey: key.raw, rpId: RP_ID, origin: ORIGIN },
    approve: (approver, document) => assertion(key, approver, document),
  };
}
