import { Aes128Gcm, Aes256Gcm, CipherSuite, HkdfSha256 } from '@hpke/core';
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openBase, publicKeyOf, sealBase } from './testing/hpke.ts';

const hex = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, 'hex'));
const suite = (aead: Aes128Gcm | Aes256Gcm): CipherSuite =>
  new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead });

/** RFC 9180, appendix A.1.1, first encryption. Its AEAD is AES-128-GCM; the rest of the suite is ours. */
const RFC = {
  info: hex('4f6465206f6e2061204772656369616e2055726e'),
  ikmE: hex('7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234'),
  skEm: hex('52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736'),
  pkRm: hex('3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d'),
  skRm: hex('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8'),
  enc: hex('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431'),
  pt: hex('4265617574792069732074727574682c20747275746820626561757479'),
  aad: hex('436f756e742d30'),
  ct: hex('f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a'),
};

promise('P1', 'the library seals and opens as RFC 9180 says', async () => {
  const hpke = suite(new Aes128Gcm());
  const recipientPublicKey = await hpke.kem.deserializePublicKey(RFC.pkRm);
  const sealed = await hpke.seal({ recipientPublicKey, info: RFC.info, ekm: RFC.ikmE }, RFC.pt, RFC.aad);
  expect(new Uint8Array(sealed.enc)).toEqual(RFC.enc);
  expect(new Uint8Array(sealed.ct)).toEqual(RFC.ct);
  const recipientKey = await hpke.kem.importKey('raw', RFC.skRm.slice().buffer, false);
  const opened = await hpke.open({ recipientKey, enc: RFC.enc, info: RFC.info }, RFC.ct, RFC.aad);
  expect(new Uint8Array(opened)).toEqual(RFC.pt);
});

promise('P1', 'the second implementation of these tests seals and opens as RFC 9180 says', () => {
  const message = { info: RFC.info, aad: RFC.aad, keyLength: 16 } as const;
  expect(new Uint8Array(sealBase(RFC.pkRm, RFC.skEm, RFC.pt, message))).toEqual(RFC.ct);
  expect(new Uint8Array(openBase(RFC.skRm, RFC.enc, RFC.ct, message))).toEqual(RFC.pt);
});

promise('P1', 'with AES-256-GCM the library and the second implementation read each other', async () => {
  const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
  await fc.assert(
    fc.asyncProperty(
      key,
      key,
      fc.uint8Array({ maxLength: 300 }),
      key,
      key,
      async (mine, ephemeral, text, info, aad) => {
        const hpke = suite(new Aes256Gcm());
        const message = { info, aad, keyLength: 32 } as const;
        const recipientKey = await hpke.kem.importKey('raw', new Uint8Array(mine).buffer, false);
        const theirs = sealBase(publicKeyOf(mine), ephemeral, text, message);
        const opened = await hpke.open({ recipientKey, enc: publicKeyOf(ephemeral), info }, theirs, aad);
        expect(new Uint8Array(opened)).toEqual(new Uint8Array(text));
        const recipientPublicKey = await hpke.kem.deserializePublicKey(publicKeyOf(mine));
        const ours = await hpke.seal({ recipientPublicKey, info }, text, aad);
        expect(openBase(mine, new Uint8Array(ours.enc), new Uint8Array(ours.ct), message)).toEqual(Buffer.from(text));
      },
    ),
    { numRuns: 30 },
  );
});
