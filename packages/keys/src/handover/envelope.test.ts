/** An envelope opens for its own two sides, and for nobody else. */
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { canonicalBytes, concatBytes, toBase64Url } from '@vitrine/documents';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Envelope, openEnvelope, sealEnvelope } from './envelope.ts';

const ROOT = Uint8Array.from({ length: 32 }, (_, index) => index);
const SIGNING = new Uint8Array(32).fill(1);
const PRIVATE = new Uint8Array(32).fill(2);
const SIGNER = ed25519.getPublicKey(SIGNING);
const HEADER = { giver: 'a'.repeat(96), receiver: 'b'.repeat(96), appRoot: 'c'.repeat(64) };
const seal = (header = HEADER): Promise<Envelope> =>
  sealEnvelope(ROOT, header, Uint8Array.from(x25519.getPublicKey(PRIVATE)), SIGNING);

test('it opens', async () => {
  expect(await openEnvelope(await seal(), PRIVATE, SIGNER)).toEqual(ROOT);
});

promise('P4', 'every member is signed', async () => {
  const good = await seal();
  const other = await seal({ giver: 'd'.repeat(96), receiver: 'e'.repeat(96), appRoot: 'f'.repeat(64) });
  for (const member of ['giver', 'receiver', 'appRoot', 'enc', 'ciphertext', 'signature'] as const) {
    await expect(openEnvelope({ ...good, [member]: other[member] }, PRIVATE, SIGNER)).rejects.toMatchObject({
      code: 'handover.envelope',
    });
  }
});

for (const member of ['giver', 'receiver', 'appRoot'] as const) {
  promise('P4', `an envelope signed anew for another ${member} does not open`, async () => {
    const good = await seal();
    const other = await seal({ ...HEADER, [member]: HEADER[member].replaceAll(/./g, '0') });
    // What one giver has encrypted, within what it has signed for another.
    const { signature, ...unsigned } = { ...other, enc: good.enc, ciphertext: good.ciphertext };
    const bytes = concatBytes(new TextEncoder().encode(unsigned.type), Uint8Array.of(0), canonicalBytes(unsigned));
    const forged = { ...unsigned, signature: toBase64Url(Uint8Array.from(ed25519.sign(bytes, SIGNING))) };
    await expect(openEnvelope(forged, PRIVATE, SIGNER)).rejects.toMatchObject({ code: 'handover.envelope' });
  });
}

promise('P4', 'any changed byte of ciphertext, key or signature is refused', async () => {
  const good = await seal();
  const member = fc.constantFrom('enc' as const, 'ciphertext' as const, 'signature' as const);
  await fc.assert(
    fc.asyncProperty(member, fc.nat(), fc.integer({ min: 1, max: 255 }), async (name, at, by) => {
      const bytes = Buffer.from(good[name], 'base64url');
      const index = at % bytes.length;
      bytes[index] = (bytes[index] ?? 0) ^ by;
      const changed = { ...good, [name]: bytes.toString('base64url') };
      await expect(openEnvelope(changed, PRIVATE, SIGNER)).rejects.toMatchObject({ code: 'handover.envelope' });
    }),
    { numRuns: 60 },
  );
});

promise('P4', 'another receiver or another signer is none', async () => {
  const good = await seal();
  const other = new Uint8Array(32).fill(3);
  await expect(openEnvelope(good, other, SIGNER)).rejects.toMatchObject({ code: 'handover.envelope' });
  await expect(openEnvelope(good, PRIVATE, ed25519.getPublicKey(other))).rejects.toMatchObject({
    code: 'handover.envelope',
  });
  await expect(openEnvelope(good, PRIVATE, new Uint8Array(32).fill(0xff))).rejects.toMatchObject({
    code: 'handover.envelope',
  });
});

promise('P4', 'nothing is encrypted to a key with which all secrets are equal', async () => {
  for (const weak of [new Uint8Array(32), Uint8Array.from({ length: 32 }, (_, index) => (index === 0 ? 1 : 0))]) {
    await expect(sealEnvelope(ROOT, HEADER, weak, SIGNING)).rejects.toMatchObject({ code: 'handover.binding' });
  }
});
