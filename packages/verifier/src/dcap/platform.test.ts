/**
 * Roots that are an anchor's certificate byte by byte, whose signature over themselves is not
 * computed: nothing but these very bytes is excused from it, and from nothing else.
 *
 * @module
 */
import { type ForgedPki, forgeCollateral, forgePki, forgeQuote, generateKeyPair } from '@vitrine/simulator/faults';
import { describe, expect, test } from 'vitest';
import { sha256 } from '#crypto';
import { promise } from '../../../../test/promises.ts';
import { verifyEndorsedSignature } from '../platform/endorsed-signature.ts';
import { simulatorAnchor } from '../simulator-anchor.ts';
import { verifyTdx } from '../tdx/verify-tdx.ts';
import { anchorOf, deciding, NOW, POLICY } from '../testing/forged.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { INTEL_ANCHORS, INTEL_SGX_ROOT_FINGERPRINT, type TrustAnchor } from './anchors.ts';

const DAY_MS = 86_400_000;
const NOT_SIGNED = /root.* its signature is not of/i;

/** A root that another key signed, and what is good below it. */
function unsigned(): ForgedPki {
  return forgePki({ now: NOW, root: (good) => ({ ...good, signer: generateKeyPair() }) });
}

/** The anchor `pki.root` as a whole, with a changed bit in its certificate where `bit` says one. */
function wholeAnchor(pki: ForgedPki, bit?: number): TrustAnchor {
  const der = Uint8Array.from(pki.root.der);
  if (bit !== undefined) der[bit >> 3] = (der[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  const certificate = { ...parseCertificate(Uint8Array.from(pki.root.der), 'root'), der };
  return { ...anchorOf(pki), certificate };
}

function judge(pki: ForgedPki, anchors: readonly TrustAnchor[], quote = forgeQuote(pki)) {
  const collateral = [forgeCollateral(pki)];
  return verifyTdx(quote, { collateral, fetched: [], anchors, policy: POLICY, now: NOW });
}

describe('a root that did not sign itself', () => {
  promise('P7', 'is refused under its key alone', async () => {
    const pki = unsigned();
    const check = deciding(await judge(pki, [anchorOf(pki)]));
    expect(check).toMatchObject({ id: 'tdx.pck-chain', status: 'failed', message: expect.stringMatching(NOT_SIGNED) });
  });

  promise('P7', 'is refused under a certificate that differs in any one bit', async () => {
    const pki = unsigned();
    const quote = forgeQuote(pki);
    for (let bit = 0; bit < pki.root.der.length * 8; bit += 37) {
      const check = deciding(await judge(pki, [wholeAnchor(pki, bit)], quote));
      expect(check).toMatchObject({ id: 'tdx.pck-chain', message: expect.stringMatching(NOT_SIGNED) });
    }
  });

  promise('P7', 'is refused under its key alone also after it was accepted as a certificate', async () => {
    const pki = unsigned();
    for (let round = 0; round < 2; round++) {
      expect(deciding(await judge(pki, [wholeAnchor(pki)]))).toBeUndefined();
      const check = deciding(await judge(pki, [anchorOf(pki)]));
      expect(check).toMatchObject({ id: 'tdx.pck-chain', message: expect.stringMatching(NOT_SIGNED) });
    }
  });

  promise('P7', 'is refused where its certificate is an anchor but its key is none', async () => {
    const pki = unsigned();
    const anchors = [{ ...wholeAnchor(pki), publicKey: forgePki({ now: NOW }).rootPoint }];
    expect(deciding(await judge(pki, anchors))).toMatchObject({ id: 'tdx.pck-chain', expected: 'test-root' });
  });
});

describe('below a root that is an anchor byte by byte', () => {
  promise('P7', 'an intermediate that it did not sign is refused', async () => {
    const pki = forgePki({ now: NOW, intermediate: (good) => ({ ...good, signer: generateKeyPair() }) });
    const check = deciding(await judge(pki, [wholeAnchor(pki)]));
    expect(check).toMatchObject({ id: 'tdx.pck-chain', message: expect.stringMatching(/its signature is not of/) });
  });

  promise('P7', 'a leaf that the intermediate did not sign is refused', async () => {
    const pki = forgePki({ now: NOW, pck: (good) => ({ ...good, signer: generateKeyPair() }) });
    const check = deciding(await judge(pki, [wholeAnchor(pki)]));
    expect(check).toMatchObject({ id: 'tdx.pck-chain', message: expect.stringMatching(/its signature is not of/) });
  });

  promise('P7', 'nothing is accepted after the root has expired', async () => {
    const pki = forgePki({ now: NOW, root: (good) => ({ ...good, notAfter: new Date(NOW.getTime() - DAY_MS) }) });
    const check = deciding(await judge(pki, [wholeAnchor(pki)]));
    expect(check).toMatchObject({ id: 'tdx.pck-chain', message: expect.stringMatching(/not valid at this time/) });
  });

  promise('P7', 'a chain under another root is refused', async () => {
    const [pki, other] = [forgePki({ now: NOW }), forgePki({ now: NOW })];
    expect(deciding(await judge(other, [wholeAnchor(pki)]))).toMatchObject({ id: 'tdx.pck-chain', status: 'failed' });
    const crossed = forgeQuote(other, { chain: [other.pck.der, other.intermediate.der, pki.root.der] });
    const check = deciding(await judge(other, [wholeAnchor(pki)], crossed));
    expect(check).toMatchObject({ id: 'tdx.pck-chain', message: expect.stringMatching(/its signature is not of/) });
  });

  test('good evidence is accepted', async () => {
    const pki = forgePki({ now: NOW });
    const simulated = simulatorAnchor(pki.rootPem);
    if ('product' in simulated) throw new Error('a root in the form of AMD');
    const anchors = [wholeAnchor(pki), simulated];
    for (const anchor of anchors) expect(deciding(await judge(pki, [anchor]))).toBeUndefined();
  });
});

promise('P7', "Intel's root, as it is compiled in, is the published one and signed itself", async () => {
  const [{ certificate, publicKey } = { certificate: undefined, publicKey: undefined }] = INTEL_ANCHORS;
  if (certificate === undefined) throw new Error('no certificate is compiled in');
  expect(Buffer.from(await sha256(certificate.der)).toString('hex')).toBe(INTEL_SGX_ROOT_FINGERPRINT);
  expect(certificate.publicKey).toEqual(publicKey);
  const { signed, signature, signatureAlgorithm } = certificate;
  expect(await verifyEndorsedSignature(certificate.publicKey, signed, signature, signatureAlgorithm)).toBe(true);
});
