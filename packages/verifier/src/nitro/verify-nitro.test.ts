import { basicConstraints, type CertificateFields, ECDSA_WITH_SHA256, keyUsage } from '@vitrine/attester';
import { toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Check, CheckStatus } from '../result.ts';
import type { HardwareOutcome } from '../technology.ts';
import { cborBytes, cborInteger, cborText } from '../testing/cbor-encode.ts';
import {
  containDstack,
  forgeCertificates,
  forgeNitro,
  goodPcrs,
  MODULE_ID,
  NITRO_ANCHOR,
  NITRO_NOW,
  NITRO_POLICY,
  type NitroChanges,
  OTHER_KEY,
  type Place,
  pcr,
  verifyForgedNitro,
} from '../testing/forged-nitro.ts';
import { AWS_NITRO_ANCHORS } from './anchors.ts';
import { NITRO_CHECKS } from './checks.ts';
import type { NitroPolicy } from './policy.ts';
import { verifyNitro } from './verify-nitro.ts';

type Changes = Parameters<typeof verifyForgedNitro>[0];

function deciding({ checks }: HardwareOutcome): Check | undefined {
  return checks.find(({ status }) => status === 'failed') ?? checks.find(({ status }) => status === 'unavailable');
}

function idsOf({ checks }: HardwareOutcome, status: CheckStatus): readonly string[] {
  return checks.filter((check) => check.status === status).map(({ id }) => id);
}

/** Changes one certificate. */
function at(place: Place, change: (fields: CertificateFields) => CertificateFields): NitroChanges {
  return { certificate: (fields, here) => (here === place ? change(fields) : fields) };
}

const later = (seconds: number): Date => new Date(NITRO_NOW.getTime() + seconds * 1000);
const flip = (bytes: Uint8Array, index: number): Uint8Array<ArrayBuffer> => {
  const changed = Uint8Array.from(bytes);
  changed[index] = (changed[index] ?? 0) ^ 1;
  return changed;
};

describe('a good document', () => {
  test('passes every check that the policy does not waive, in the documented order', async () => {
    const outcome = await verifyForgedNitro();
    expect(outcome.checks.map(({ id }) => id)).toEqual(NITRO_CHECKS.map(({ id }) => id));
    expect(idsOf(outcome, 'waived')).toEqual(['nitro.pcrs', 'nitro.platform']);
    expect(idsOf(outcome, 'passed')).toHaveLength(5);
    expect(outcome.anchor).toEqual({ name: 'test-nitro-root', simulator: true });
    expect(outcome.unverified).toEqual({});
  });

  test('its claims are the registers, the user data as report data, and the module', async () => {
    const { claims } = await verifyForgedNitro({
      fields: { nonce: cborBytes(Uint8Array.of(1, 2)), public_key: cborBytes(Uint8Array.of(3)) },
    });
    expect(claims?.technology).toBe('nitro');
    expect(claims?.reportData).toBe('07'.repeat(64));
    expect(claims?.platform).toEqual({ moduleId: MODULE_ID });
    expect(claims?.registers).toMatchObject({
      pcr0: toHex(pcr(0xa0)),
      pcr15: toHex(pcr(0)),
      nonce: '0102',
      publickey: '03',
    });
  });

  test('without user data it binds nothing', async () => {
    const { claims } = await verifyForgedNitro({ fields: { user_data: null } });
    expect(claims?.reportData).toBe('');
  });

  test('passes every check where the policy demands all of it', async () => {
    const outcome = await verifyForgedNitro({
      policy: { pcrs: { pcr0: [toHex(pcr(1)), toHex(pcr(0xa0))], pcr8: [toHex(pcr(0xa8))] }, platforms: [MODULE_ID] },
    });
    expect(idsOf(outcome, 'passed')).toHaveLength(NITRO_CHECKS.length);
  });

  test('an instance may be listed instead of its enclave', async () => {
    const outcome = await verifyForgedNitro({ policy: { platforms: ['i-0123456789abcdef0'] } });
    expect(deciding(outcome)).toBeUndefined();
  });
});

describe('each check fails on its own fault', () => {
  const pin = (name: string, value: number): { readonly policy: Partial<NitroPolicy> } => ({
    policy: { pcrs: { [name]: [toHex(pcr(value))] } },
  });
  const zeroed = (...indexes: readonly number[]): NitroChanges => ({
    pcrs: new Map([...goodPcrs(), ...indexes.map((index) => [index, pcr(0)] as const)]),
  });
  const faults: readonly [check: string, fault: string, changes: Changes][] = [
    ['nitro.chain', 'another root', { anchors: AWS_NITRO_ANCHORS }],
    [
      'nitro.chain',
      'a root with the name of the anchor and another key',
      {
        ...at(4, (fields) => ({ ...fields, spki: OTHER_KEY.spki })),
        issuerKey: (place) => (place >= 3 ? OTHER_KEY : undefined),
      },
    ],
    ['nitro.chain', 'no anchor at all', { anchors: [] }],
    [
      'nitro.chain',
      'a leaf that its issuer did not sign',
      { issuerKey: (place) => (place === 0 ? OTHER_KEY : undefined) },
    ],
    [
      'nitro.chain',
      'an authority that its issuer did not sign',
      { issuerKey: (place) => (place === 2 ? OTHER_KEY : undefined) },
    ],
    ['nitro.chain', 'a root that did not sign itself', { issuerKey: (place) => (place === 4 ? OTHER_KEY : undefined) }],
    [
      'nitro.chain',
      'one bit of a signature',
      { certificates: (ders) => ders.map((der, index) => (index === 1 ? flip(der, der.length - 1) : der)) },
    ],
    [
      'nitro.chain',
      'the bundle in the wrong order',
      { certificates: ([leaf, ...issuers]) => [leaf ?? new Uint8Array(), ...issuers.toReversed()] },
    ],
    [
      'nitro.chain',
      'two authorities exchanged',
      { certificates: ([a, b, c, d, e]) => [a, c, b, d, e].map((der) => der ?? new Uint8Array()) },
    ],
    ['nitro.chain', 'an authority left out', { certificates: (ders) => ders.filter((_, index) => index !== 2) }],
    ['nitro.chain', 'an authority twice', { certificates: (ders) => [...ders.slice(0, 3), ...ders.slice(2)] }],
    ['nitro.chain', 'no root', { certificates: (ders) => ders.slice(0, -1) }],
    [
      'nitro.chain',
      'the root as its own leaf',
      { certificates: (ders) => [ders[4] ?? new Uint8Array(), ders[4] ?? new Uint8Array()] },
    ],
    [
      'nitro.chain',
      'bytes after a certificate',
      { certificates: (ders) => ders.map((der, index) => (index === 1 ? Uint8Array.from([...der, 0]) : der)) },
    ],
    [
      'nitro.chain',
      'a certificate that is none',
      { certificates: (ders) => [Uint8Array.of(0x30, 0x00), ...ders.slice(1)] },
    ],
    ['nitro.chain', 'a leaf that ended before the document', at(0, (fields) => ({ ...fields, notAfter: later(-1) }))],
    ['nitro.chain', 'a leaf that began after the document', at(0, (fields) => ({ ...fields, notBefore: later(1) }))],
    ['nitro.chain', 'an authority that ended', at(2, (fields) => ({ ...fields, notAfter: later(-1) }))],
    ['nitro.chain', 'a root that ended', at(4, (fields) => ({ ...fields, notAfter: later(-1) }))],
    [
      'nitro.chain',
      'a document from before its leaf',
      { fields: { timestamp: cborInteger(NITRO_NOW.getTime() - 4000) } },
    ],
    [
      'nitro.chain',
      'a leaf that is an authority',
      at(0, (fields) => ({
        ...fields,
        extensions: [basicConstraints({ pathLength: 0 }), keyUsage('digitalSignature')],
      })),
    ],
    [
      'nitro.chain',
      'a leaf that may sign certificates',
      at(0, (fields) => ({
        ...fields,
        extensions: [basicConstraints('leaf'), keyUsage('digitalSignature', 'keyCertSign')],
      })),
    ],
    [
      'nitro.chain',
      'a leaf that may not sign',
      at(0, (fields) => ({ ...fields, extensions: [basicConstraints('leaf'), keyUsage('nonRepudiation')] })),
    ],
    [
      'nitro.chain',
      'an issuer that is no authority',
      at(1, (fields) => ({ ...fields, extensions: [basicConstraints('leaf'), keyUsage('keyCertSign')] })),
    ],
    [
      'nitro.chain',
      'an issuer that may not sign certificates',
      at(1, (fields) => ({
        ...fields,
        extensions: [basicConstraints({ pathLength: 0 }), keyUsage('digitalSignature')],
      })),
    ],
    [
      'nitro.chain',
      'a path longer than its authority allows',
      at(3, (fields) => ({ ...fields, extensions: [basicConstraints({ pathLength: 1 }), keyUsage('keyCertSign')] })),
    ],
    ['nitro.chain', 'no basic constraints', at(1, (fields) => ({ ...fields, extensions: [keyUsage('keyCertSign')] }))],
    ['nitro.chain', 'no key usage', at(0, (fields) => ({ ...fields, extensions: [basicConstraints('leaf')] }))],
    [
      'nitro.chain',
      'an unknown critical extension',
      at(1, (fields) => ({
        ...fields,
        extensions: [...fields.extensions, { oid: '1.2.3', critical: true, value: Uint8Array.of(5, 0) }],
      })),
    ],
    ['nitro.chain', 'another name of the issuer', at(0, (fields) => ({ ...fields, issuer: [['CN', 'another']] }))],
    [
      'nitro.chain',
      'SHA-256 in a signature',
      at(0, (fields) => ({ ...fields, signatureAlgorithm: ECDSA_WITH_SHA256 })),
    ],
    ['nitro.chain', 'a certificate of version 1', at(0, (fields) => ({ ...fields, version: 1, extensions: [] }))],
    ['nitro.chain', 'a serial number of zero', at(0, (fields) => ({ ...fields, serial: Uint8Array.of(0) }))],
    ['nitro.signature', 'another key', { documentKey: OTHER_KEY }],
    ['nitro.signature', 'one bit of r', { signature: (bytes) => flip(bytes, 0) }],
    ['nitro.signature', 'one bit of s', { signature: (bytes) => flip(bytes, 95) }],
    [
      'nitro.signature',
      'r and s exchanged',
      { signature: (bytes) => Uint8Array.from([...bytes.slice(48), ...bytes.slice(0, 48)]) },
    ],
    ['nitro.signature', 'zeros', { signature: () => new Uint8Array(96) }],
    ['nitro.debug', 'PCR0 to PCR2 all zero', zeroed(0, 1, 2)],
    ['nitro.debug', 'every register zero', zeroed(0, 1, 2, 3, 4, 8)],
    ['nitro.pcrs', 'another value', pin('pcr0', 0xa1)],
    [
      'nitro.pcrs',
      'one of two registers with another value',
      { policy: { pcrs: { pcr0: [toHex(pcr(0xa0))], pcr8: [toHex(pcr(0))] } } },
    ],
    ['nitro.pcrs', 'a register that the document does not have', pin('pcr16', 0)],
    ['nitro.platform', 'another instance', { policy: { platforms: ['i-0123456789abcdef1'] } }],
    [
      'nitro.platform',
      'another enclave of the instance',
      { policy: { platforms: ['i-0123456789abcdef0-enc0123456789abcdee'] } },
    ],
    [
      'nitro.platform',
      'an instance whose name is a beginning of this one',
      { policy: { platforms: ['i-0123456789abcdef'] } },
    ],
    [
      'nitro.platform',
      'a module id of another form',
      { fields: { module_id: cborText('i-0123456789abcdef0x') }, policy: { platforms: ['i-0123456789abcdef0'] } },
    ],
    ['nitro.freshness', 'a second too old', { now: later(301) }],
    ['nitro.freshness', 'a second too far ahead', { now: later(-301) }],
    ['nitro.freshness', 'years', { now: later(100_000_000) }],
  ];
  for (const [check, fault, changes] of faults) {
    promise('P7', `${check}: ${fault}`, async () => {
      const outcome = await verifyForgedNitro(changes);
      expect(deciding(outcome)).toMatchObject({ id: check, status: 'failed' });
      expect(idsOf(outcome, 'failed')).toEqual([check]);
      const authenticated = check !== 'nitro.chain' && check !== 'nitro.signature';
      expect(outcome.claims !== undefined).toBe(authenticated);
      expect(Object.keys(outcome.unverified).length > 0).toBe(!authenticated);
    });
  }

  promise('P7', 'nitro.platform: a policy that demands a list and has none decides nothing', async () => {
    const outcome = await verifyForgedNitro({ policy: { platforms: 'listed' } });
    expect(deciding(outcome)).toMatchObject({ id: 'nitro.platform', status: 'unavailable' });
  });

  promise('P7', 'what a failed chain leaves open is unavailable, not passed', async () => {
    const outcome = await verifyForgedNitro({ anchors: [] });
    expect(idsOf(outcome, 'passed')).toEqual(['nitro.format']);
    expect(idsOf(outcome, 'waived')).toEqual([]);
    expect(outcome.anchor).toBeUndefined();
  });

  promise('P7', "a root that says it is a simulator's explains the refusal and grants nothing", async () => {
    const marked = { rootName: 'Vitrine Simulator Root', anchors: [] };
    expect(await verifyForgedNitro(marked)).toMatchObject({ simulatorMarker: true });
    expect((await verifyForgedNitro(marked)).claims).toBeUndefined();
    const broken = { ...marked, issuerKey: (place: Place) => (place === 0 ? OTHER_KEY : undefined) };
    expect(await verifyForgedNitro(broken)).toMatchObject({ simulatorMarker: false });
  });

  promise('P7', 'everything that a policy may waive is waived by `any` and named', async () => {
    const outcome = await verifyForgedNitro({
      pcrs: new Map([...goodPcrs(), [0, pcr(0)], [1, pcr(0)], [2, pcr(0)]]),
      policy: { debug: 'any', maximumAgeSeconds: 'any' },
      now: later(10 ** 8),
    });
    expect(idsOf(outcome, 'waived')).toEqual(['nitro.debug', 'nitro.pcrs', 'nitro.platform', 'nitro.freshness']);
    expect(deciding(outcome)).toBeUndefined();
  });

  test('the limit of age itself is near enough, on both sides', async () => {
    for (const seconds of [300, -300]) {
      expect(deciding(await verifyForgedNitro({ now: later(seconds) }))).toBeUndefined();
    }
  });

  test('single zero registers are not debug mode', async () => {
    const outcome = await verifyForgedNitro({ pcrs: new Map([...goodPcrs(), [1, pcr(0)], [2, pcr(0)]]) });
    expect(deciding(outcome)).toBeUndefined();
  });
});

describe("dstack's container", () => {
  const judge = (bytes: Uint8Array<ArrayBuffer>) =>
    verifyNitro(bytes, { policy: NITRO_POLICY, now: NITRO_NOW, anchors: [NITRO_ANCHOR] });
  const withConfiguration = (text: string) => containDstack(forgeNitro(), new Uint8Array(64).fill(7), text);

  test('verifies like the document inside, with or without a configuration', async () => {
    const { claims } = await verifyForgedNitro();
    for (const bytes of [containDstack(forgeNitro()), withConfiguration('')]) {
      expect(await judge(bytes)).toMatchObject({ claims: { registers: claims?.registers } });
    }
  });

  for (const [name, text] of [
    ['another image', `{"os_image_hash":"${'00'.repeat(32)}"}`],
    ['an image of half the length', `{"os_image_hash":"${'00'.repeat(16)}"}`],
    ['no image', '{}'],
    ['the image twice', `{"os_image_hash":"${'00'.repeat(32)}","os_image_hash":"${'00'.repeat(32)}"}`],
    ['text that is no JSON', 'os_image_hash'],
  ] as const) {
    promise('P7', `nitro.format: a configuration with ${name}`, async () => {
      await expect(judge(withConfiguration(text))).rejects.toMatchObject({ check: 'nitro.format' });
    });
  }
});

promise('P7', 'a sample of single-bit changes of a document never verifies', async () => {
  const good = forgeNitro();
  for (let position = 0; position < good.length; position += 11) {
    const changed = Uint8Array.from(good);
    changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8));
    const accepted = await verifyNitro(changed, { policy: NITRO_POLICY, now: NITRO_NOW, anchors: [NITRO_ANCHOR] }).then(
      (outcome) => deciding(outcome) === undefined,
      () => false,
    );
    expect(accepted ? position : undefined).toBeUndefined();
  }
});

test('the certificates of the tests have the shape of real ones', () => {
  expect(forgeCertificates().map((der) => der.length)).toSatisfy((sizes: number[]) =>
    sizes.every((size) => size < 1024),
  );
});
