import { MalformedEvidenceError, sameBytes } from '@vitrine/documents';
import {
  basicConstraints,
  type CertificateChange,
  distinguishedName,
  forgeCollateral,
  forgePki,
  forgeQuote,
  generateKeyPair,
  generateRsaKeyPair,
  keyUsage,
  pointOf,
  unknownCritical,
  withExtension,
  withoutExtension,
  zeroR,
  zeroS,
} from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { INTEL_ANCHORS } from '../dcap/anchors.ts';
import { authenticationChecks } from '../dcap/authenticate.ts';
import { anchorOf, type Changes, checkOf, deciding, idsOf, NOW, POLICY, verifyForged } from '../testing/forged.ts';
import { APPRAISAL_CHECKS } from './appraise.ts';
import { verifyTdx } from './verify-tdx.ts';

const AUTHENTICATION_CHECKS = authenticationChecks('tdx');
const ALL_CHECKS = ['tdx.format', ...AUTHENTICATION_CHECKS, ...APPRAISAL_CHECKS];
const DAY_MS = 86_400_000;
const yesterday = new Date(NOW.getTime() - DAY_MS / 2);
const tomorrow = new Date(NOW.getTime() + DAY_MS);

const extensions =
  (change: (good: Parameters<typeof withExtension>[0]) => Parameters<typeof withExtension>[0]): CertificateChange =>
  (good) => ({ ...good, extensions: change(good.extensions) });

describe('good evidence', () => {
  promise('P7', 'passes every check that the policy does not waive, in the documented order', async () => {
    const outcome = await verifyForged();
    expect(outcome.checks.map((check) => check.id)).toEqual(ALL_CHECKS);
    expect(idsOf(outcome, 'waived')).toEqual(['tdx.mrseam', 'tdx.registers', 'tdx.platform']);
    expect(idsOf(outcome, 'failed')).toEqual([]);
    expect(idsOf(outcome, 'unavailable')).toEqual([]);
    expect(outcome.claims).toMatchObject({ technology: 'tdx', anchor: 'test-root', tcbStatus: 'UpToDate' });
    expect(outcome.unverified).toEqual({});
  });
});

describe('a PCK chain that is wrong in one place', () => {
  const cases: readonly [name: string, changes: Changes, reason: RegExp][] = [
    ['expired leaf', { pki: { pck: (good) => ({ ...good, notAfter: yesterday }) } }, /not valid at this time/],
    ['leaf of the future', { pki: { pck: (good) => ({ ...good, notBefore: tomorrow }) } }, /not valid at this time/],
    ['expired intermediate', { pki: { intermediate: (good) => ({ ...good, notAfter: yesterday }) } }, /not valid/],
    ['expired root', { pki: { root: (good) => ({ ...good, notAfter: yesterday }) } }, /not valid/],
    [
      'leaf signed by a stranger',
      { pki: { pck: (good) => ({ ...good, signer: generateKeyPair() }) } },
      /signature is not of/,
    ],
    [
      'intermediate signed by a stranger',
      { pki: { intermediate: (good) => ({ ...good, signer: generateKeyPair() }) } },
      /signature is not of/,
    ],
    [
      'root that did not sign itself',
      { pki: { root: (good) => ({ ...good, signer: generateKeyPair() }) } },
      /signature is not of/,
    ],
    [
      'leaf that names another issuer',
      { pki: { pck: (good) => ({ ...good, issuer: distinguishedName('Somebody') }) } },
      /names another issuer/,
    ],
    [
      'intermediate of another name',
      { pki: { intermediate: (good) => ({ ...good, subject: distinguishedName('Intel SGX PCK Platform CA 2') }) } },
      /certifies no platforms/,
    ],
    [
      'leaf of another name',
      { pki: { pck: (good) => ({ ...good, subject: distinguishedName('Intel SGX TCB Signing') }) } },
      /no PCK certificate/,
    ],
    [
      'intermediate that is no authority',
      { pki: { intermediate: extensions((good) => withExtension(good, basicConstraints('leaf'))) } },
      /not an authority/,
    ],
    [
      'intermediate without basic constraints',
      { pki: { intermediate: extensions((good) => withoutExtension(good, '2.5.29.19')) } },
      /no basic constraints/,
    ],
    [
      'intermediate that may not sign certificates',
      { pki: { intermediate: extensions((good) => withExtension(good, keyUsage('cRLSign'))) } },
      /may not sign certificates/,
    ],
    [
      'leaf that is an authority',
      { pki: { pck: extensions((good) => withExtension(good, basicConstraints({ pathLength: 0 }))) } },
      /is an authority/,
    ],
    [
      "leaf with an authority's key usage",
      { pki: { pck: extensions((good) => withExtension(good, keyUsage('digitalSignature', 'keyCertSign'))) } },
      /authority's key usage/,
    ],
    [
      'leaf that may not sign data',
      { pki: { pck: extensions((good) => withExtension(good, keyUsage('nonRepudiation'))) } },
      /may not sign data/,
    ],
    ['leaf with an extension twice', { pki: { pck: extensions((good) => [...good, ...good.slice(-1)]) } }, /twice/],
    [
      'leaf without key usage',
      { pki: { pck: extensions((good) => withoutExtension(good, '2.5.29.15')) } },
      /no key usage/,
    ],
    [
      'root whose path length is exceeded',
      { pki: { root: extensions((good) => withExtension(good, basicConstraints({ pathLength: 0 }))) } },
      /path length/,
    ],
    [
      'unknown critical extension',
      { pki: { pck: extensions((good) => withExtension(good, unknownCritical)) } },
      /unknown critical/,
    ],
    ['leaf of version 1', { pki: { pck: (good) => ({ ...good, version: 1, extensions: [] }) } }, /version/],
    [
      'leaf with an RSA key',
      {
        pki: { pck: (good) => ({ ...good, key: generateRsaKeyPair() }) },
        quote: { qeReportSigner: generateKeyPair() },
      },
      /P-256/,
    ],
    [
      'leaf with a P-384 key',
      {
        pki: { pck: (good) => ({ ...good, key: generateKeyPair('P-384') }) },
        quote: { qeReportSigner: generateKeyPair() },
      },
      /P-256/,
    ],
    [
      'leaf with a secp256k1 key',
      { pki: { pck: (good) => ({ ...good, key: generateKeyPair('secp256k1') }) } },
      /P-256/,
    ],
    [
      'another signature algorithm',
      { pki: { pck: (good) => ({ ...good, signatureAlgorithm: '1.2.840.10045.4.3.3' }) } },
      /algorithm is not supported/,
    ],
    [
      'leaf without the SGX extension',
      { pki: { pck: extensions((good) => withoutExtension(good, '1.2.840.113741.1.13.1')) } },
      /no SGX extension/,
    ],
    ['FMSPC of a wrong length', { pki: { platform: { fmspc: new Uint8Array(5) } } }, /wrong length/],
    [
      'component version above 255',
      { pki: { platform: { componentSvns: new Array<number>(16).fill(256) } } },
      /too large/,
    ],
    ['unknown SGX type', { pki: { platform: { sgxType: 3 } } }, /too large/],
  ];
  for (const [name, changes, reason] of cases) {
    promise('P7', `${name}: tdx.pck-chain fails and nothing else is believed`, async () => {
      const outcome = await verifyForged(changes);
      expect(deciding(outcome)).toMatchObject({ id: 'tdx.pck-chain', status: 'failed' });
      expect(checkOf(outcome, 'tdx.pck-chain').message).toMatch(reason);
      expect(idsOf(outcome, 'unavailable')).toEqual(ALL_CHECKS.slice(2));
      expect(outcome.claims).toBeUndefined();
      expect(outcome.anchor).toBeUndefined();
    });
  }

  promise('P7', 'a second PKI with the same names is refused under the first root', async () => {
    const [pki, foreign] = [forgePki({ now: NOW }), forgePki({ now: NOW })];
    const outcome = await verifyForged({
      quote: { chain: [foreign.pck.der, foreign.intermediate.der, foreign.root.der] },
    });
    expect(deciding(outcome)).toMatchObject({ id: 'tdx.pck-chain', status: 'failed', expected: 'test-root' });
    expect(sameBytes(pki.rootPoint, foreign.rootPoint)).toBe(false);
  });

  const chains: readonly [name: string, (pki: ReturnType<typeof forgePki>) => readonly Uint8Array[]][] = [
    ['no root', (pki) => [pki.pck.der, pki.intermediate.der]],
    ['the root twice', (pki) => [pki.pck.der, pki.intermediate.der, pki.root.der, pki.root.der]],
    ['root first', (pki) => [pki.root.der, pki.intermediate.der, pki.pck.der]],
    ['no intermediate', (pki) => [pki.pck.der, pki.root.der, pki.root.der]],
    ['a byte after a certificate', (pki) => [Uint8Array.of(...pki.pck.der, 0), pki.intermediate.der, pki.root.der]],
    ['an empty certificate', (pki) => [pki.pck.der, new Uint8Array(), pki.root.der]],
  ];
  for (const [name, chainOf] of chains) {
    promise('P7', `a chain with ${name} fails tdx.pck-chain`, async () => {
      const pki = forgePki({ now: NOW });
      const outcome = await verifyTdx(forgeQuote(pki, { chain: chainOf(pki) }), {
        collateral: [forgeCollateral(pki)],
        fetched: [],
        anchors: [anchorOf(pki)],
        policy: POLICY,
        now: NOW,
      });
      expect(deciding(outcome)).toMatchObject({ id: 'tdx.pck-chain', status: 'failed' });
    });
  }
});

describe('roots', () => {
  promise('P7', "a simulator's root is no anchor of real hardware, and its marker explains that", async () => {
    const outcome = await verifyForged({ anchors: () => INTEL_ANCHORS });
    expect(outcome).toMatchObject({ simulatorMarker: true });
    expect(outcome.anchor).toBeUndefined();
    expect(outcome.claims).toBeUndefined();
    expect(checkOf(outcome, 'tdx.pck-chain')).toMatchObject({ status: 'failed', expected: 'intel-sgx-root' });
    expect(outcome.unverified).toMatchObject({ fmspc: '53494d544545' });
  });

  promise('P7', "a root that takes Intel's name is not Intel's root", async () => {
    const intel = distinguishedName('Intel SGX Root CA');
    const outcome = await verifyForged({
      pki: { root: (good) => ({ ...good, subject: intel, issuer: intel }) },
      anchors: () => INTEL_ANCHORS,
    });
    expect(deciding(outcome)).toMatchObject({ id: 'tdx.pck-chain', status: 'failed' });
    expect(outcome.simulatorMarker).toBe(false);
  });

  promise('P7', 'the marker says nothing about a chain that is bad in itself', async () => {
    const outcome = await verifyForged({
      pki: { pck: (good) => ({ ...good, notAfter: yesterday }) },
      anchors: () => INTEL_ANCHORS,
    });
    expect(outcome.simulatorMarker).toBe(false);
  });

  promise('P7', 'without any anchor nothing is authenticated', async () => {
    const outcome = await verifyForged({ anchors: () => [] });
    expect(deciding(outcome)).toMatchObject({ id: 'tdx.pck-chain', status: 'failed' });
  });
});

describe('signatures from the certificate to the quote', () => {
  const half = (good: Uint8Array, index: number): Uint8Array => good.with(index, (good[index] ?? 0) ^ 1);
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
  const cases: readonly [name: string, check: string, changes: Changes][] = [
    ['QE report signed by another key', 'tdx.qe-signature', { quote: { qeReportSigner: generateKeyPair() } }],
    ['QE report signature with r = 0', 'tdx.qe-signature', { quote: { qeReportSignature: zeroR } }],
    ['QE report signature with s = 0', 'tdx.qe-signature', { quote: { qeReportSignature: zeroS } }],
    [
      'QE report signature with r = n',
      'tdx.qe-signature',
      { quote: { qeReportSignature: (good) => Uint8Array.of(...order, ...good.subarray(32)) } },
    ],
    [
      'QE report changed after signing',
      'tdx.qe-signature',
      { quote: { after: (good) => flipAt(good, 48 + 584 + 4 + 128 + 6 + 64) } },
    ],
    [
      'QE report data with another first half',
      'tdx.qe-binding',
      { quote: { qeReport: (good) => ({ ...good, reportData: half(good.reportData, 0) }) } },
    ],
    [
      'QE report data whose second half is not zero',
      'tdx.qe-binding',
      { quote: { qeReport: (good) => ({ ...good, reportData: half(good.reportData, 63) }) } },
    ],
    [
      'another attestation key than the QE vouched for',
      'tdx.qe-binding',
      { quote: { after: (good) => replaceAt(good, 48 + 584 + 4 + 64, pointOf(generateKeyPair())) } },
    ],
    ['quote signed by another key', 'tdx.signature', { quote: { quoteSigner: generateKeyPair() } }],
    ['quote signature with r = 0', 'tdx.signature', { quote: { quoteSignature: zeroR } }],
    ['quote signature with s = 0', 'tdx.signature', { quote: { quoteSignature: zeroS } }],
    [
      'quote signature with s = n',
      'tdx.signature',
      { quote: { quoteSignature: (good) => Uint8Array.of(...good.subarray(0, 32), ...order) } },
    ],
    ['attestation key off the curve', 'tdx.signature', { quote: { attestationPoint: (good) => half(good, 63) } }],
    ['attestation key of zeros', 'tdx.signature', { quote: { attestationPoint: () => new Uint8Array(64) } }],
    ['body changed after signing', 'tdx.signature', { quote: { after: (good) => flipAt(good, 48 + 136) } }],
    ['header changed after signing', 'tdx.signature', { quote: { after: (good) => flipAt(good, 30) } }],
  ];
  for (const [name, id, changes] of cases) {
    promise('P7', `${name}: ${id} fails, later checks are not evaluated, nothing is claimed`, async () => {
      const outcome = await verifyForged(changes);
      expect(idsOf(outcome, 'failed')).toEqual([id]);
      expect(idsOf(outcome, 'passed')).toEqual(ALL_CHECKS.slice(0, ALL_CHECKS.indexOf(id)));
      expect(idsOf(outcome, 'unavailable')).toEqual(ALL_CHECKS.slice(ALL_CHECKS.indexOf(id) + 1));
      expect(outcome.claims).toBeUndefined();
    });
  }
});

describe('quotes that are none', () => {
  const cases: readonly [name: string, changes: Changes, reason: RegExp][] = [
    ['version 3', { quote: { header: (good) => ({ ...good, version: 3 }) } }, /version 3/],
    ['version 6', { quote: { header: (good) => ({ ...good, version: 6 }) } }, /version 6 is not supported/],
    ['version 2', { quote: { header: (good) => ({ ...good, version: 2 }) } }, /version 2 is not supported/],
    ['P-384 attestation key', { quote: { header: (good) => ({ ...good, attestationKeyType: 3 }) } }, /key type 3/],
    ['SGX', { quote: { header: (good) => ({ ...good, teeType: 0 }) } }, /TEE type/],
    ['another QE vendor', { quote: { header: (good) => ({ ...good, qeVendorId: new Uint8Array(16) }) } }, /vendor/],
    ['outer certification data of type 5', { quote: { outerCertificationDataType: 5 } }, /type 5/],
    ['inner certification data of type 1', { quote: { certificationDataType: 1 } }, /type 1/],
    ['text at the end', { quote: { after: (good) => Uint8Array.of(...good, 0, 0, 0x41) } }, /other than zero/],
    [
      '70 kB of padding',
      { quote: { after: (good) => Uint8Array.of(...good, ...new Uint8Array(70_000)) } },
      /longer than/,
    ],
    ['the last byte cut off', { quote: { after: (good) => good.slice(0, -1) } }, /wanted/],
  ];
  for (const [name, changes, reason] of cases) {
    promise('P7', `${name}: malformed evidence that names tdx.format`, async () => {
      const error: unknown = await verifyForged(changes).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(MalformedEvidenceError);
      expect(error).toMatchObject({ check: 'tdx.format', message: expect.stringMatching(reason) as string });
    });
  }

  promise('P7', 'zero padding after the declared end is not part of the quote', async () => {
    const outcome = await verifyForged({ quote: { after: (good) => Uint8Array.of(...good, ...new Uint8Array(3065)) } });
    expect(deciding(outcome)).toBeUndefined();
  });
});

function flipAt(bytes: Uint8Array, offset: number): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(bytes);
  changed[offset] = (changed[offset] ?? 0) ^ 1;
  return changed;
}

function replaceAt(bytes: Uint8Array, offset: number, part: Uint8Array): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(bytes);
  changed.set(part, offset);
  return changed;
}
