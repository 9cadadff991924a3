import { readFileSync } from 'node:fs';
import { concatBytes, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { decodeSolanaMessage } from '../solana/decode-message.ts';
import { contextBytes, contextIntent, encryptionContext, macBytes } from './context-bytes.ts';

interface Vector {
  readonly action: 'sign' | 'mac' | 'encrypt';
  readonly context: string;
  /** UTF-8; absent for associated data. */
  readonly message?: string;
  /** Hexadecimal. */
  readonly bytes: string;
}
const vectors = JSON.parse(readFileSync(new URL('../../vectors/context.json', import.meta.url), 'utf8')) as Vector[];
const utf8 = new TextEncoder();
const HELLO = utf8.encode('hello');
const context = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
});

for (const vector of vectors) {
  promise('P4', `bytes of the published vector for ${vector.action} under ${vector.context}`, () => {
    const message = utf8.encode(vector.message ?? '');
    const made = {
      sign: () => contextBytes(vector.context, message),
      mac: () => macBytes(vector.context, message),
      encrypt: () => encryptionContext(vector.context),
    }[vector.action]();
    expect(toHex(made)).toBe(vector.bytes);
  });
}

for (const wrong of ['', ' ', 'a b', 'a\n', 'a\u0000', 'ä', '\u007f', 'a'.repeat(129), '😀']) {
  promise('P4', `${JSON.stringify(wrong.slice(0, 12))} is no context`, () => {
    for (const make of [
      () => contextBytes(wrong, HELLO),
      () => macBytes(wrong, HELLO),
      () => encryptionContext(wrong),
      () => contextIntent('decrypt', wrong, HELLO),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: 'context.malformed' }) as Error);
    }
  });
}

promise('P4', 'no two contexts and messages have the same bytes', () => {
  fc.assert(
    fc.property(context, fc.uint8Array(), context, fc.uint8Array(), (one, first, other, second) => {
      const same = one === other && toHex(first) === toHex(second);
      expect(toHex(contextBytes(one, first)) === toHex(contextBytes(other, second))).toBe(same);
    }),
  );
  // A part of the context that moves into the message is another signature.
  expect(contextBytes('ab', utf8.encode('c'))).not.toEqual(contextBytes('a', utf8.encode('bc')));
});

promise('P4', 'no two actions have the same bytes', () => {
  const all = (['sign', 'encrypt', 'decrypt', 'mac'] as const).map((action) =>
    toHex(contextIntent(action, 'a', HELLO).bytes),
  );
  expect(new Set(all).size).toBe(4);
});

promise('P4', 'an intent has the bytes that are signed', () => {
  expect(contextIntent('sign', 'a', HELLO)).toEqual({ action: 'sign', context: 'a', bytes: contextBytes('a', HELLO) });
  expect(contextIntent('mac', 'a', HELLO).bytes).toEqual(macBytes('a', HELLO));
});

promise('P4', 'whatever the message is, the bytes are nothing that other protocols sign', () => {
  // Beginnings of what other protocols sign with Ed25519 or P-256.
  const beginnings: Readonly<Record<string, Uint8Array>> = {
    'TLS 1.3 CertificateVerify': new Uint8Array(64).fill(0x20),
    'SSH signature': utf8.encode('SSHSIG'),
    'SSH authentication, session id of 32 bytes': Uint8Array.of(0, 0, 0, 32),
    'JWS header': utf8.encode('eyJ'),
    'X.509 or any DER': Uint8Array.of(0x30),
    'COSE Sig_structure': Uint8Array.of(0x84),
    'TPM attestation': Uint8Array.of(0xff, 0x54, 0x43, 0x47),
    'EIP-191': Uint8Array.of(0x19),
    'Solana version 0': Uint8Array.of(0x80),
  };
  fc.assert(
    fc.property(context, fc.uint8Array({ maxLength: 1200 }), (name, message) => {
      const bytes = contextBytes(name, message);
      for (const [what, beginning] of Object.entries(beginnings)) {
        expect(toHex(bytes).startsWith(toHex(beginning)), what).toBe(false);
      }
      // No base64url text, so no signing input of any token.
      expect(bytes[7]).toBe('/'.charCodeAt(0));
      expect(() => decodeSolanaMessage(bytes)).toThrow();
    }),
  );
});

promise('P4', 'as a legacy Solana message the tag names more accounts than a message can have', () => {
  // 118 signers and 116 read-only accounts, and the largest number of accounts that a packet holds is 38.
  const bytes = concatBytes(contextBytes('a', new Uint8Array(1100)));
  expect([...bytes.slice(0, 3)]).toEqual([118, 105, 116]);
  expect(118 * 64).toBeGreaterThan(1232);
});
