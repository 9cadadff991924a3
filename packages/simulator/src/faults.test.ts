import { createHash, type VerifyKeyObjectInput, verify, X509Certificate } from 'node:crypto';
import { type DcapCollateral, toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import {
  basicConstraints,
  type CollateralChanges,
  distinguishedName,
  forgeCollateral,
  forgePki,
  forgeQuote,
  forgeSource,
  generateKeyPair,
  generateRsaKeyPair,
  type PkiChanges,
  type QuoteChanges,
  revoking,
  unknownCritical,
  withBit,
  withExtension,
  withModuleIdentities,
  withoutExtension,
  withTcbStatus,
  zeroR,
  zeroS,
} from './faults.ts';
import { independentStatus, openssl, withoutOpenssl } from './testing/independent.ts';

const now = new Date('2026-11-20T10:00:00Z');
const past = new Date('2026-11-19T12:00:00Z');
const future = new Date('2026-12-01T00:00:00Z');
const good = forgePki({ now });

interface Fault {
  readonly pki?: PkiChanges;
  readonly quote?: QuoteChanges;
  readonly collateral?: CollateralChanges;
}

function statusOf(fault: Fault): string {
  const pki = fault.pki === undefined ? good : forgePki({ now, ...fault.pki });
  return independentStatus(
    forgeQuote(pki, fault.quote),
    forgeCollateral(pki, fault.collateral ?? {}),
    now,
    pki.root.der,
  );
}

function signatureIsGood(text: string, signature: string, key: VerifyKeyObjectInput): boolean {
  return verify('sha256', Buffer.from(text), key, Buffer.from(signature, 'hex'));
}

describe('without a fault', () => {
  promise('P7', 'an independent verifier accepts everything under the forged root, and nothing under Intel’s', () => {
    expect(statusOf({})).toBe('UpToDate');
    expect(() => independentStatus(forgeQuote(good), forgeCollateral(good), now, undefined)).toThrow();
  });

  test.skipIf(withoutOpenssl !== false)('OpenSSL accepts chains and lists, strictly', () => {
    const collateral = forgeCollateral(good);
    const pem = (which: 'root' | 'intermediate' | 'pck' | 'tcbSigning'): string =>
      new X509Certificate(good[which].der).toString();
    const files = {
      root: good.rootPem,
      ca: pem('intermediate'),
      pck: pem('pck'),
      tcb: pem('tcbSigning'),
      'root.crl': Buffer.from(collateral.root_ca_crl, 'hex'),
      'pck.crl': Buffer.from(collateral.pck_crl, 'hex'),
    };
    const strict = ['verify', '-x509_strict', '-attime', String(now.getTime() / 1000), '-CAfile', 'root'];
    expect(openssl(files, ...strict, '-untrusted', 'ca', 'pck')).toEqual({ ok: true, text: 'pck: OK\n' });
    expect(openssl(files, ...strict, 'tcb')).toEqual({ ok: true, text: 'tcb: OK\n' });
    for (const [list, issuer] of [
      ['root.crl', 'root'],
      ['pck.crl', 'ca'],
    ] as const) {
      const shown = openssl(files, 'crl', '-inform', 'DER', '-in', list, '-noout', '-text', '-CAfile', issuer);
      expect(shown.text).toContain('verify OK');
      expect(shown.text).toContain('Version 2 (0x1)');
      expect(shown.text).toContain('X509v3 CRL Number');
      expect(shown.text).toContain('X509v3 Authority Key Identifier');
    }
  });
});

describe('faults that an independent verifier sees', () => {
  const refused: readonly (readonly [string, Fault])[] = [
    ['expired PCK certificate', { pki: { pck: (it) => ({ ...it, notAfter: past }) } }],
    ['PCK certificate from the future', { pki: { pck: (it) => ({ ...it, notBefore: future }) } }],
    ['expired TCB signing certificate', { pki: { tcbSigning: (it) => ({ ...it, notAfter: past }) } }],
    ['PCK certificate signed by somebody else', { pki: { pck: (it) => ({ ...it, signer: generateKeyPair() }) } }],
    ['revoked PCK certificate', { collateral: { pckCrl: revoking('pck') } }],
    ['revoked platform CA', { collateral: { rootCrl: revoking('intermediate') } }],
    ['revoked TCB signer', { collateral: { rootCrl: revoking('tcbSigning') } }],
    ['TCB info from the future', { collateral: { tcbInfo: (it) => ({ ...it, issueDate: '2026-12-01T00:00:00Z' }) } }],
    ['expired TCB info', { collateral: { tcbInfo: (it) => ({ ...it, nextUpdate: '2026-11-19T00:00:00Z' }) } }],
    ['TCB info of another machine', { collateral: { tcbInfo: (it) => ({ ...it, fmspc: '00806F050000' }) } }],
    ['TCB info without levels', { collateral: { tcbInfo: (it) => ({ ...it, tcbLevels: [] }) } }],
    [
      'TCB info changed after signing',
      { collateral: { after: (it) => ({ ...it, tcb_info: it.tcb_info.replace('UpToDate', 'UpToDatE') }) } },
    ],
    ['TCB info signature with r = 0', { collateral: { tcbInfoSignature: zeroR } }],
    ['QE identity signature with s = 0', { collateral: { qeIdentitySignature: zeroS } }],
    ['QE identity for SGX', { collateral: { qeIdentity: (it) => ({ ...it, id: 'QE' }) } }],
    ['QE identity of another product', { collateral: { qeIdentity: (it) => ({ ...it, isvprodid: 1 }) } }],
    ['QE of another signer', { quote: { qeReport: (it) => ({ ...it, mrSigner: new Uint8Array(32) }) } }],
    ['debug QE', { quote: { qeReport: (it) => ({ ...it, attributes: withBit(it.attributes, 1, true) }) } }],
    ['QE report of another key', { quote: { qeReport: (it) => ({ ...it, reportData: new Uint8Array(64) }) } }],
    ['QE report signed by another key', { quote: { qeReportSigner: generateKeyPair() } }],
    ['quote signed by another key', { quote: { quoteSigner: generateKeyPair() } }],
    ['quote signature with r = 0', { quote: { quoteSignature: zeroR } }],
    ['QE report signature with s = 0', { quote: { qeReportSignature: zeroS } }],
    ['quote version 3', { quote: { header: (it) => ({ ...it, version: 3 }) } }],
    ['quote with a P-384 key type', { quote: { header: (it) => ({ ...it, attestationKeyType: 3 }) } }],
    ['debug TD', { quote: { body: (it) => ({ ...it, tdAttributes: withBit(it.tdAttributes, 0, true) }) } }],
    ['cut quote', { quote: { after: (it) => it.subarray(0, -1) } }],
    ['no PCK chain', { quote: { certificationData: new Uint8Array() } }],
    ['PCK chain of one certificate', { quote: { chain: [good.pck.der] } }],
  ];
  test.each(refused)('%s', (_name, fault) => {
    expect(() => statusOf(fault)).toThrow();
  });

  test.each(['OutOfDate', 'SWHardeningNeeded', 'ConfigurationNeeded', 'ConfigurationAndSWHardeningNeeded'])(
    'TCB status %s',
    (status) => {
      expect(statusOf({ collateral: { tcbInfo: withTcbStatus(status, ['INTEL-SA-00009']) } })).toBe(status);
    },
  );

  test('an older machine matches an older level', () => {
    const older = (index: number, svn: number): Fault => ({
      quote: { body: (it) => ({ ...it, teeTcbSvn: it.teeTcbSvn.map((old, at) => (at === index ? svn : old)) }) },
    });
    expect(statusOf({ ...older(2, 9) })).toBe('UpToDate');
    // One TCB component below the best level, which then asks for older microcode of the machine, too.
    expect(statusOf({ ...older(2, 7) })).toBe('OutOfDate');
    expect(() => statusOf({ ...older(2, 4) })).toThrow();
  });

  test('a root of another PKI with the same subject', () => {
    const other = forgePki({ now });
    expect(new X509Certificate(other.root.der).subject).toBe(new X509Certificate(good.root.der).subject);
    expect(() => independentStatus(forgeQuote(good), forgeCollateral(good), now, other.root.der)).toThrow();
    expect(() => independentStatus(forgeQuote(good), forgeCollateral(other), now, good.root.der)).toThrow();
  });
});

describe('certificates', () => {
  const certificate = (which: 'root' | 'intermediate' | 'pck' | 'tcbSigning', changes: PkiChanges): X509Certificate =>
    new X509Certificate(forgePki({ now, ...changes })[which].der);

  test('only what is changed changes, and signatures stay good', () => {
    const pki = forgePki({
      now,
      intermediate: (it) => ({ ...it, extensions: withExtension(it.extensions, basicConstraints('leaf')) }),
    });
    const [root, intermediate, pck] = [pki.root, pki.intermediate, pki.pck].map(({ der }) => new X509Certificate(der));
    expect(intermediate?.ca).toBe(false);
    expect(root?.ca).toBe(true);
    expect(root !== undefined && intermediate?.verify(root.publicKey)).toBe(true);
    expect(intermediate !== undefined && pck?.verify(intermediate.publicKey)).toBe(true);
  });

  test('names, versions and keys', () => {
    const subject = distinguishedName('Somebody');
    expect(certificate('intermediate', { intermediate: (it) => ({ ...it, subject }) }).subject).toMatch(
      /^CN=Somebody\n/,
    );
    expect(certificate('pck', { intermediate: (it) => ({ ...it, subject }) }).issuer).toMatch(/^CN=Somebody\n/);
    const onP384 = certificate('pck', { pck: (it) => ({ ...it, key: generateKeyPair('P-384') }) });
    expect(onP384.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'secp384r1' });
    const rsa = certificate('tcbSigning', { tcbSigning: (it) => ({ ...it, key: generateRsaKeyPair() }) });
    expect(rsa.publicKey.asymmetricKeyType).toBe('rsa');
    const v1 = forgePki({ now, pck: (it) => ({ ...it, version: 1, extensions: [] }) });
    expect(toHex(v1.pck.der.subarray(4, 10))).not.toContain('a003020102');
  });

  test('an RSA root is made, but is no anchor', () => {
    const key = generateRsaKeyPair();
    expect(forgePki({ now, root: (it) => ({ ...it, key, signer: key }) }).rootPoint.length).toBe(0);
    expect(good.rootPoint.length).toBe(64);
  });

  test('extensions are replaced in place, added at the end, and taken away', () => {
    const list = [basicConstraints({ pathLength: 0 }), unknownCritical];
    expect(withExtension(list, basicConstraints('leaf')).map(({ oid }) => oid)).toEqual(list.map(({ oid }) => oid));
    expect(withExtension([], unknownCritical)).toEqual([unknownCritical]);
    expect(withoutExtension(list, unknownCritical.oid)).toEqual(list.slice(0, 1));
  });

  test('the machine in the PCK certificate can be chosen', () => {
    const ppid = new Uint8Array(16).fill(0xaa);
    const { pck } = forgePki({ now, platform: { ppid } });
    expect(toHex(pck.der)).toContain(`0410${'aa'.repeat(16)}`);
  });
});

describe.skipIf(withoutOpenssl !== false)('revocation lists, read by OpenSSL', () => {
  const shown = (which: 'root_ca_crl' | 'pck_crl', collateral: DcapCollateral): string =>
    openssl({ list: Buffer.from(collateral[which], 'hex') }, 'crl', '-inform', 'DER', '-in', 'list', '-noout', '-text')
      .text;

  test('version 1', () => {
    const collateral = forgeCollateral(good, { rootCrl: (it) => ({ ...it, version: 1, extensions: [] }) });
    expect(shown('root_ca_crl', collateral)).toContain('Version 1 (0x0)');
  });

  test('another issuer', () => {
    const collateral = forgeCollateral(good, {
      pckCrl: (it, pki) => ({ ...it, issuer: pki.root.subject, signer: pki.root.key }),
    });
    expect(shown('pck_crl', collateral)).toMatch(/Issuer: CN ?= ?Vitrine Simulator Root CA \(not a TEE\)/);
  });

  test('dates', () => {
    const collateral = forgeCollateral(good, {
      pckCrl: (it) => ({ ...it, nextUpdate: past }),
      rootCrl: (it) => ({ ...it, nextUpdate: undefined }),
    });
    expect(shown('pck_crl', collateral)).toContain('Next Update: Nov 19 12:00:00 2026 GMT');
    expect(shown('root_ca_crl', collateral)).toContain('Next Update: NONE');
  });

  test('an unknown critical extension, in the list or in an entry', () => {
    const inList = forgeCollateral(good, {
      pckCrl: (it) => ({ ...it, extensions: withExtension(it.extensions, unknownCritical) }),
    });
    const inEntry = forgeCollateral(good, {
      pckCrl: (it) => ({ ...it, revoked: it.revoked.map((entry) => ({ ...entry, extensions: [unknownCritical] })) }),
    });
    for (const collateral of [inList, inEntry]) {
      expect(shown('pck_crl', collateral)).toContain('1.3.6.1.4.1.32473.1: critical');
    }
  });
});

describe('quotes', () => {
  test('the layout is that of version 4, to the last byte', () => {
    const quote = forgeQuote(good, { reportData: new Uint8Array(64).fill(1) });
    const view = new DataView(quote.buffer);
    expect([view.getUint16(0, true), view.getUint16(2, true), view.getUint32(4, true)]).toEqual([4, 2, 0x81]);
    expect(636 + view.getUint32(632, true)).toBe(quote.length);
    expect(view.getUint16(764, true)).toBe(6);
    expect(770 + view.getUint32(766, true)).toBe(quote.length);
    const authLength = view.getUint16(770 + 448, true);
    const inner = 770 + 450 + authLength;
    expect(view.getUint16(inner, true)).toBe(5);
    expect(inner + 6 + view.getUint32(inner + 2, true)).toBe(quote.length);
    // The QE report binds the attestation key and the authentication data, and nothing else.
    const bound = createHash('sha256').update(quote.subarray(700, 764)).update(quote.subarray(1220, inner)).digest();
    expect(Buffer.from(quote.subarray(770 + 320, 770 + 352))).toEqual(bound);
    expect(quote.subarray(770 + 352, 770 + 384).every((byte) => byte === 0)).toBe(true);
  });

  test('a change of the body shows in the body alone, under a good signature', () => {
    const attestationKey = generateKeyPair();
    const body = (changes?: QuoteChanges): Uint8Array =>
      forgeQuote(good, { attestationKey, ...changes }).subarray(0, 632);
    const changed = body({ body: (it) => ({ ...it, seamAttributes: Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0) }) });
    const differing = [...body()].flatMap((byte, index) => (byte === changed[index] ? [] : [index]));
    expect(differing).toEqual([48 + 112]);
    expect(statusOf({ quote: { body: (it) => ({ ...it, mrOwner: new Uint8Array(48).fill(1) }) } })).toBe('UpToDate');
  });

  test('a non-zero second half of the QE report data', () => {
    const quote = forgeQuote(good, {
      qeReport: (it) => ({ ...it, reportData: withBit(it.reportData, 511, true) }),
    });
    expect(quote[770 + 383]).toBe(0x80);
  });

  test('trailing garbage, other certification data types, other authentication data', () => {
    expect(forgeQuote(good, { after: (it) => Uint8Array.from([...it, 1]) }).at(-1)).toBe(1);
    expect(forgeQuote(good, { outerCertificationDataType: 7 })[764]).toBe(7);
    expect(forgeQuote(good, { certificationDataType: 3 })[770 + 450 + 32]).toBe(3);
    expect(statusOf({ quote: { authData: new Uint8Array(32) } })).toBe('UpToDate');
    expect(forgeQuote(good).length - forgeQuote(good, { authData: new Uint8Array() }).length).toBe(32);
  });

  test('a source with a fault quotes like any other', async () => {
    const source = forgeSource(good, { manifestDigest: 'ab'.repeat(48), quote: { quoteSignature: zeroR } });
    const quote = await source.quote(new Uint8Array(64).fill(9));
    expect(toHex(quote.subarray(568, 632))).toBe('09'.repeat(64));
    expect(quote.subarray(636, 668).every((byte) => byte === 0)).toBe(true);
    expect((await source.endorsements())?.dcap).toHaveLength(1);
    const silent = forgeSource(good, { manifestDigest: 'ab'.repeat(48), collateral: 'none' });
    expect(await silent.endorsements()).toBeUndefined();
  });
});

describe('TCB info and QE identity', () => {
  test('are signed as the texts that they are, whoever signs', () => {
    const tcbInfoSigner = { key: good.pck.key, chain: [good.pck.der, good.intermediate.der, good.root.der] };
    const collateral = forgeCollateral(good, {
      tcbInfoSigner,
      tcbInfoText: (it) => it.replace('{', '{ '),
      qeIdentityText: () => 'not JSON',
    });
    expect(collateral.tcb_info.startsWith('{ "id"')).toBe(true);
    expect(collateral.tcb_info_issuer_chain.match(/BEGIN/g)).toHaveLength(3);
    const signature = { key: new X509Certificate(good.pck.der).publicKey, dsaEncoding: 'ieee-p1363' as const };
    expect(signatureIsGood(collateral.tcb_info, collateral.tcb_info_signature, signature)).toBe(true);
    expect(collateral.qe_identity).toBe('not JSON');
  });

  test('evaluation numbers can differ, module identities can go', () => {
    const collateral = forgeCollateral(good, {
      tcbInfo: withModuleIdentities((identities) => identities.filter(({ id }) => id !== 'TDX_01')),
      qeIdentity: (it) => ({ ...it, tcbEvaluationDataNumber: it.tcbEvaluationDataNumber - 1 }),
    });
    expect(collateral.tcb_info).not.toContain('TDX_01');
    expect(collateral.tcb_info).toContain('"tcbEvaluationDataNumber":999');
    expect(collateral.qe_identity).toContain('"tcbEvaluationDataNumber":998');
  });
});
