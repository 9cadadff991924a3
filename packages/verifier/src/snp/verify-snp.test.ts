/**
 * Every check on SEV-SNP reports, with forged evidence in which one thing is wrong.
 *
 * @module
 */
import { basicConstraints, derInteger, keyUsage } from '@vitrine/attester';
import { fromHex, toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { HardwareOutcome } from '../technology.ts';
import {
  AUTHORITY_SERIAL,
  amdExtension,
  amdName,
  CHIP_ID,
  FLEET,
  generateLeafKey,
  generateSnpKeys,
  pss,
  replacing,
  SNP_NOW,
  SNP_POLICY,
  type SnpChanges,
  setSignature,
  signatureOf,
  verifyForgedSnp,
  without,
} from '../testing/forged-snp.ts';
import { SNP_CHECKS } from './checks.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const keys = await generateSnpKeys();
const verify = (changes: SnpChanges = {}): Promise<HardwareOutcome> => verifyForgedSnp(keys, changes);
const ORDER = BigInt(
  '0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
);
const scalar = (value: bigint): Uint8Array => fromHex(value.toString(16).padStart(96, '0')) ?? new Uint8Array();
const numberOf = (bytes: Uint8Array): bigint => BigInt(`0x${toHex(bytes)}`);
const later = (days: number): Date => new Date(SNP_NOW.getTime() + days * 86_400_000);
const chip = toHex(CHIP_ID);

function idsOf({ checks }: HardwareOutcome, status: string): readonly string[] {
  return checks.filter((check) => check.status === status).map(({ id }) => id);
}

describe('good evidence', () => {
  const good: readonly [name: string, changes: SnpChanges][] = [
    ['of a Genoa chip', {}],
    ['of a Turin chip', { product: 'Turin' }],
    ['of a Genoa fleet', { kind: 'vlek' }],
    ['of a Milan chip, where the policy accepts it', { product: 'Milan', policy: { products: ['Milan'] } }],
    [
      'of Bergamo, whose microcode is counted apart',
      {
        leaf: (leaf) => replacing(leaf, amdExtension('3.8', derInteger(25))),
        report: (bytes) => {
          bytes.set([0x19, 0xa0, 2], 0x188);
          for (const offset of [0x38, 0x180, 0x1e0, 0x1f0]) bytes[offset + 7] = 25;
        },
      },
    ],
    ['of version 2', { report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]) }],
    ['of version 3', { report: (bytes) => bytes.fill(0, 0x1f8, 0x208).set([3]) }],
    ['of version 4', { report: (bytes) => bytes.fill(0, 0x1f8, 0x208).set([4]) }],
    [
      'with authority and root beside the leaf',
      { certificates: ({ leaf, authority, root }) => [root, authority, leaf] },
    ],
    [
      'with an authority that was not known',
      {
        anchors: (anchor) => [{ ...anchor, authorities: [] }],
        certificates: ({ leaf, authority }) => [leaf, authority],
      },
    ],
    [
      'among strange certificates and lists',
      {
        certificates: ({ leaf }) => [new Uint8Array(), leaf.subarray(1), leaf],
        lists: (list) => [new Uint8Array(), list.subarray(1), list],
      },
    ],
    [
      'with the other s of the same signature',
      {
        after: (report) => {
          const [r, s] = signatureOf(report);
          return setSignature(report, r, scalar(ORDER - numberOf(s)));
        },
      },
    ],
  ];
  for (const [name, changes] of good) {
    promise('P7', `${name} passes every check`, async () => {
      const outcome = await verify(changes);
      expect(idsOf(outcome, 'failed')).toEqual([]);
      expect(idsOf(outcome, 'unavailable')).toEqual([]);
      expect(outcome).toMatchObject({ claims: { technology: 'snp' }, anchor: { simulator: true }, unverified: {} });
    });
  }

  promise('P7', 'gives the checks that are documented, in their order', async () => {
    const documented = SNP_CHECKS.map(({ id }) => id);
    expect((await verify()).checks.map(({ id }) => id)).toEqual(documented);
    expect((await verify({ certificates: () => [] })).checks.map(({ id }) => id)).toEqual(documented);
  });

  test('names chip or fleet, firmware and registers', async () => {
    const { claims } = await verify();
    expect(claims).toMatchObject({
      anchor: 'test-ark',
      tcbStatus: 'bootloader 10, tee 0, snp 25, microcode 84',
      platform: { product: 'Genoa', chipId: chip, reportedTcb: '0a00000000001954' },
      registers: { measurement: 'a5'.repeat(48), vmpl: '00000000', policy: '0000030000000000' },
      reportData: '5a'.repeat(64),
    });
    expect((await verify({ kind: 'vlek' })).claims?.platform).toMatchObject({ cspId: FLEET });
    expect((await verify({ product: 'Turin' })).claims).toMatchObject({
      tcbStatus: 'fmc 1, bootloader 2, tee 0, snp 3, microcode 75',
      platform: { chipId: chip.slice(0, 16) },
    });
  });
});

/** The one check that fails, or is unavailable, first in the order of the checks. */
type Case = readonly [name: string, check: string, changes: SnpChanges];
const set = (offset: number, ...values: readonly number[]): SnpChanges => ({
  report: (bytes) => bytes.set(values, offset),
});
const bit = (offset: number): SnpChanges => ({ report: (bytes) => bytes.set([(bytes[offset] ?? 0) ^ 1], offset) });
const policy = (changes: SnpChanges['policy'] & object): SnpChanges => ({ policy: changes });

const failing: readonly Case[] = [
  ['a Milan processor', 'snp.product', { product: 'Milan' }],
  [
    'a Milan processor with a bad signature',
    'snp.product',
    { product: 'Milan', ...{ after: (report) => report.fill(1, 0x90, 0x91) } },
  ],
  [
    'a Milan processor that hides its CPUID',
    'snp.product',
    {
      product: 'Milan',
      report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]),
    },
  ],
  [
    'a Milan certificate for a Genoa report',
    'snp.product',
    { product: 'Milan', policy: { products: ['Milan', 'Genoa'] }, ...set(0x188, 0x19, 0x11, 1) },
  ],
  ['a processor of an unknown model', 'snp.product', set(0x188, 0x19, 0x20, 0)],
  ['a processor of an unknown family', 'snp.product', set(0x188, 0x1b, 0x00, 0)],
  ['a product that the policy does not list', 'snp.product', policy({ products: ['Turin'] })],
  [
    'a foreign root of the same name',
    'snp.vcek-chain',
    {
      root: (root, { authority }) => ({ ...root, key: authority.publicKey, signer: authority.privateKey }),
    },
  ],
  ['a root of another product', 'snp.vcek-chain', { anchors: (anchor) => [{ ...anchor, product: 'Turin' }] }],
  ['no anchor', 'snp.vcek-chain', { anchors: () => [] }],
  ['a leaf by another key', 'snp.vcek-chain', { leaf: (leaf, { root }) => ({ ...leaf, signer: root.privateKey }) }],
  [
    'a leaf by the root itself',
    'snp.vcek-chain',
    {
      leaf: (leaf, { root }) => ({ ...leaf, issuer: amdName('ARK-Genoa'), signer: root.privateKey }),
    },
  ],
  ['a leaf that is past', 'snp.vcek-chain', { leaf: (leaf) => ({ ...leaf, notAfter: later(-1) }) }],
  ['a leaf from the future', 'snp.vcek-chain', { leaf: (leaf) => ({ ...leaf, notBefore: later(1) }) }],
  [
    'a leaf that is an authority',
    'snp.vcek-chain',
    { leaf: (leaf) => replacing(leaf, basicConstraints({ pathLength: 0 })) },
  ],
  ['an authority that is past', 'snp.vcek-chain', { authority: (good) => ({ ...good, notAfter: later(-1) }) }],
  [
    'an authority by another key',
    'snp.vcek-chain',
    { authority: (good, { authority }) => ({ ...good, signer: authority.privateKey }) },
  ],
  ['an authority that is none', 'snp.vcek-chain', { authority: (good) => replacing(good, basicConstraints('leaf')) }],
  [
    'an authority that may not sign certificates',
    'snp.vcek-chain',
    { authority: (good) => replacing(good, keyUsage('cRLSign')) },
  ],
  [
    'an authority of fleets for a chip',
    'snp.vcek-chain',
    {
      authority: (good) => ({ ...good, subject: amdName('SEV-VLEK-Genoa') }),
      leaf: (leaf) => ({ ...leaf, issuer: amdName('SEV-VLEK-Genoa') }),
    },
  ],
  ['a root that is past', 'snp.vcek-chain', { root: (root) => ({ ...root, notAfter: later(-1) }) }],
  ['another measurement', 'snp.signature', { after: (report) => report.fill(1, 0x90, 0x91) }],
  ['other report data', 'snp.signature', { after: (report) => report.fill(1, 0x50, 0x51) }],
  ['r = 0', 'snp.signature', { after: (report) => setSignature(report, new Uint8Array(48), signatureOf(report)[1]) }],
  ['s = 0', 'snp.signature', { after: (report) => setSignature(report, signatureOf(report)[0], new Uint8Array(48)) }],
  ['r = n', 'snp.signature', { after: (report) => setSignature(report, scalar(ORDER), signatureOf(report)[1]) }],
  ['s = n', 'snp.signature', { after: (report) => setSignature(report, signatureOf(report)[0], scalar(ORDER)) }],
  [
    'r and s with their bytes swapped',
    'snp.signature',
    {
      after: (report) => setSignature(report, signatureOf(report)[0].reverse(), signatureOf(report)[1].reverse()),
    },
  ],
  [
    'a certificate for older firmware',
    'snp.tcb-binding',
    { leaf: (leaf) => replacing(leaf, amdExtension('3.3', derInteger(24))) },
  ],
  [
    'a certificate for newer microcode',
    'snp.tcb-binding',
    { leaf: (leaf) => replacing(leaf, amdExtension('3.8', derInteger(85))) },
  ],
  ['a reserved part of the TCB version', 'snp.tcb-binding', bit(0x182)],
  [
    'a certificate of another chip',
    'snp.chip-id',
    { leaf: (leaf) => replacing(leaf, amdExtension('4', CHIP_ID.with(0, 9))) },
  ],
  ['a masked chip id', 'snp.chip-id', { report: (bytes) => bytes.fill(0, 0x1a0, 0x1e0) }],
  ['a Turin chip id with something after it', 'snp.chip-id', { product: 'Turin', ...bit(0x1a8) }],
  ['a fleet where the policy wants a chip', 'snp.signer', { kind: 'vlek', policy: { signers: ['vcek'] } }],
  ['a chip where the policy wants a fleet', 'snp.signer', policy({ signers: ['vlek'] })],
  ['a report that is not signed', 'snp.signer', set(0x48, 7 << 2)],
  ['a masked chip key', 'snp.signer', set(0x48, 2)],
  [
    'an old report version',
    'snp.report-version',
    {
      policy: { minimumReportVersion: 3 },
      report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]),
    },
  ],
  ['DEBUG', 'snp.debug', set(0x0a, 0x0b)],
  ['MIGRATE_MA', 'snp.migration', set(0x0a, 0x07)],
  ['a migration agent', 'snp.migration', set(0x160, 1)],
  ['guest policy bit 17 clear', 'snp.policy', set(0x0a, 0x01)],
  ['guest policy bit 26', 'snp.policy', set(0x0b, 0x04)],
  ['guest policy bit 63', 'snp.policy', set(0x0f, 0x80)],
  ['CXL allowed', 'snp.policy', set(0x0a, 0x23)],
  ['SMT allowed', 'snp.policy', policy({ guestPolicy: { ...SNP_POLICY.guestPolicy, smt: 'refused' } })],
  ['not one socket', 'snp.policy', policy({ guestPolicy: { ...SNP_POLICY.guestPolicy, singleSocket: 'required' } })],
  ['no AES-256-XTS', 'snp.policy', policy({ guestPolicy: { ...SNP_POLICY.guestPolicy, memAes256Xts: 'required' } })],
  ['RAPL allowed', 'snp.policy', policy({ guestPolicy: { ...SNP_POLICY.guestPolicy, raplDisabled: 'required' } })],
  [
    'ciphertext hiding not demanded',
    'snp.policy',
    policy({ guestPolicy: { ...SNP_POLICY.guestPolicy, ciphertextHiding: 'required' } }),
  ],
  [
    'page swap allowed',
    'snp.policy',
    policy({ guestPolicy: { ...SNP_POLICY.guestPolicy, pageSwapDisabled: 'required' } }),
  ],
  [
    'an old firmware interface',
    'snp.policy',
    policy({ guestPolicy: { ...SNP_POLICY.guestPolicy, minimumAbi: { major: 1, minor: 51 } } }),
  ],
  ['platform information bit 6', 'snp.platform-info', set(0x40, 0x65)],
  ['platform information bit 8', 'snp.platform-info', set(0x41, 0x01)],
  ['SMT on', 'snp.platform-info', policy({ platformInfo: { ...SNP_POLICY.platformInfo, smt: 'refused' } })],
  ['no TSME', 'snp.platform-info', policy({ platformInfo: { ...SNP_POLICY.platformInfo, tsme: 'required' } })],
  [
    'no ECC',
    'snp.platform-info',
    { policy: { platformInfo: { ...SNP_POLICY.platformInfo, ecc: 'required' } }, ...set(0x40, 0x21) },
  ],
  ['RAPL on', 'snp.platform-info', policy({ platformInfo: { ...SNP_POLICY.platformInfo, raplDisabled: 'required' } })],
  [
    'SEV-TIO on',
    'snp.platform-info',
    { policy: { platformInfo: { ...SNP_POLICY.platformInfo, tio: 'refused' } }, ...set(0x40, 0xa5) },
  ],
  ['no alias check', 'snp.alias-check', set(0x40, 0x05)],
  ['no ciphertext hiding', 'snp.ciphertext-hiding', policy({ ciphertextHiding: 'required' })],
  ['privilege level 1', 'snp.vmpl', set(0x30, 1)],
  ['privilege level 3', 'snp.vmpl', set(0x30, 3)],
  ['a report for the host', 'snp.vmpl', set(0x30, 0xff, 0xff, 0xff, 0xff)],
  ['a running TCB version that is not committed', 'snp.provisional-firmware', set(0x3f, 85)],
  ['a running firmware that is not committed', 'snp.provisional-firmware', set(0x1e8, 44)],
  [
    'a committed TCB version above the current one',
    'snp.tcb',
    { policy: { provisionalFirmware: 'any' }, ...set(0x1e6, 26) },
  ],
  [
    'a reported TCB version above the committed one',
    'snp.tcb',
    { policy: { provisionalFirmware: 'any' }, ...set(0x1e6, 24) },
  ],
  ['old microcode at launch', 'snp.tcb', set(0x1f7, 83)],
  ['an old bootloader at launch', 'snp.tcb', set(0x1f0, 9)],
  ['a reserved byte in the launch TCB version', 'snp.tcb', set(0x1f2, 1)],
  [
    'a TCB version below the policy',
    'snp.tcb',
    policy({ minimumTcb: { ...SNP_POLICY.minimumTcb, Genoa: { bootloader: 10, tee: 0, snp: 26, microcode: 0 } } }),
  ],
  [
    'a version 2 report that may be of Bergamo',
    'snp.tcb',
    {
      policy: { minimumTcb: { ...SNP_POLICY.minimumTcb, Bergamo: { bootloader: 11, tee: 0, snp: 0, microcode: 0 } } },
      report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]),
    },
  ],
  [
    'Turin below its FMC',
    'snp.tcb',
    {
      product: 'Turin',
      policy: {
        minimumTcb: { ...SNP_POLICY.minimumTcb, Turin: { fmc: 2, bootloader: 0, tee: 0, snp: 0, microcode: 0 } },
      },
    },
  ],
  ['old firmware', 'snp.firmware-version', policy({ minimumFirmware: { major: 1, minor: 55, build: 44 } })],
  [
    'committed firmware above the running one',
    'snp.firmware-version',
    { policy: { provisionalFirmware: 'any' }, ...set(0x1ec, 44) },
  ],
  ['a mitigation that is missing', 'snp.mitigations', policy({ mitigations: '0000000000000003' })],
  [
    'a mitigation that was missing at launch',
    'snp.mitigations',
    { policy: { mitigations: '0000000000000001' }, ...set(0x1f8, 0) },
  ],
  [
    'mitigations that the report does not state',
    'snp.mitigations',
    {
      policy: { mitigations: '0000000000000001' },
      report: (bytes) => bytes.fill(0, 0x1f8, 0x208).set([4]),
    },
  ],
  ['an old guest', 'snp.guest-svn', policy({ minimumGuestSvn: 1 })],
  ['another id key', 'snp.id-keys', policy({ idKeys: ['11'.repeat(48)] })],
  [
    'an author key that is not in effect',
    'snp.id-keys',
    { policy: { authorKeys: ['11'.repeat(48)] }, report: (bytes) => bytes.fill(0x11, 0x110, 0x140) },
  ],
  ['another machine', 'snp.platform', policy({ platforms: ['22'.repeat(64)] })],
  ['another fleet', 'snp.platform', { kind: 'vlek', policy: { providers: ['CN=other'] } }],
  ['a revoked authority', 'snp.revocation', { list: (list) => ({ ...list, revoked: [AUTHORITY_SERIAL] }) }],
  [
    'a revoked authority where the policy does not ask',
    'snp.revocation',
    { policy: { revocation: 'any' }, list: (list) => ({ ...list, revoked: [AUTHORITY_SERIAL] }) },
  ],
  ['a revoked root', 'snp.revocation', { list: (list) => ({ ...list, revoked: [0x20] }) }],
  [
    'a revoked fleet',
    'snp.revocation',
    { kind: 'vlek', leaf: (leaf) => ({ ...leaf, serial: 0x55 }), list: (list) => ({ ...list, revoked: [0x55] }) },
  ],
];

describe('one thing is wrong', () => {
  for (const [name, check, changes] of failing) {
    promise('P7', `${name} fails ${check}`, async () => {
      const outcome = await verify(changes);
      expect(idsOf(outcome, 'failed')[0]).toBe(check);
      if (!name.startsWith('a Milan')) expect(idsOf(outcome, 'failed')).toEqual([check]);
    });
  }

  test('every check has such a test', () => {
    const tested = new Set(failing.map(([, check]) => check));
    // Malformed bytes are no outcome: see parse.test.ts.
    expect(SNP_CHECKS.map(({ id }) => id).filter((id) => !tested.has(id))).toEqual(['snp.format']);
  });

  promise('P7', 'Milan is refused with its own reason', async () => {
    const { checks } = await verify({ product: 'Milan' });
    expect(checks.find(({ id }) => id === 'snp.product')?.message).toMatch(
      /its root seed can be extracted in software/,
    );
  });
});

describe('something is missing', () => {
  const open: readonly Case[] = [
    ['no certificate', 'snp.vcek-chain', { certificates: () => [] }],
    ['only an authority', 'snp.vcek-chain', { certificates: ({ authority }) => [authority] }],
    ['only a certificate of a fleet', 'snp.vcek-chain', { kind: 'vlek', ...set(0x48, 0) }],
    [
      "only another machine's certificate",
      'snp.vcek-chain',
      {
        leaf: (leaf, { authority }) => ({
          ...replacing(leaf, amdExtension('4', CHIP_ID.with(0, 9))),
          key: leaf.key,
          signer: authority.privateKey,
        }),
        after: (report) => report.fill(1, 0x90, 0x91),
      },
    ],
    [
      'a certificate with a TCB part that nobody knows',
      'snp.vcek-chain',
      { leaf: (leaf) => replacing(leaf, amdExtension('3.9', derInteger(1))) },
    ],
    ['a certificate without a TCB part', 'snp.vcek-chain', { leaf: (leaf) => without(leaf, '1.3.6.1.4.1.3704.1.3.8') }],
    ['a certificate without its chip', 'snp.vcek-chain', { leaf: (leaf) => without(leaf, '1.3.6.1.4.1.3704.1.4') }],
    [
      'a certificate of an unknown product',
      'snp.vcek-chain',
      { leaf: (leaf) => replacing(leaf, amdExtension('2', 'Venice')) },
    ],
    [
      'a certificate of an unknown structure',
      'snp.vcek-chain',
      { leaf: (leaf) => replacing(leaf, amdExtension('1', derInteger(2))) },
    ],
    ['a certificate with another salt', 'snp.vcek-chain', { leaf: (leaf) => ({ ...leaf, algorithm: pss(32) }) }],
    [
      'a certificate with an unknown critical extension',
      'snp.vcek-chain',
      {
        leaf: (leaf) => replacing(leaf, { ...amdExtension('6', derInteger(1)), critical: true }),
      },
    ],
    [
      'a version 2 report without a certificate',
      'snp.product',
      {
        certificates: () => [],
        report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]),
      },
    ],
    ['a list of machines', 'snp.platform', policy({ platforms: 'listed' })],
    ['a list of fleets', 'snp.platform', { kind: 'vlek', policy: { providers: 'listed' } }],
    ['no revocation list', 'snp.revocation', { lists: () => [] }],
    ['a revocation list that is past', 'snp.revocation', { list: (list) => ({ ...list, nextUpdate: later(-1) }) }],
    ['a revocation list from the future', 'snp.revocation', { list: (list) => ({ ...list, thisUpdate: later(1) }) }],
    [
      'a revocation list by another key',
      'snp.revocation',
      { list: (list, { authority }) => ({ ...list, signer: authority.privateKey }) },
    ],
    [
      'a revocation list of another product',
      'snp.revocation',
      { list: (list) => ({ ...list, issuer: amdName('ARK-Turin') }) },
    ],
    ['a revocation list of one zero byte', 'snp.revocation', { lists: () => [new Uint8Array(1)] }],
    ['a revocation list with a byte too many', 'snp.revocation', { lists: (list) => [Uint8Array.of(...list, 0)] }],
    ['a root that may not sign lists', 'snp.revocation', { root: (root) => replacing(root, keyUsage('keyCertSign')) }],
  ];
  for (const [name, check, changes] of open) {
    promise('P7', `${name} leaves ${check} open`, async () => {
      const outcome = await verify(changes);
      expect(idsOf(outcome, 'failed')).toEqual([]);
      expect(idsOf(outcome, 'unavailable')[0]).toBe(check);
    });
  }
});

/** What `changes` make of the leaf and of the revocation list. */
async function made(changes: SnpChanges): Promise<{ readonly leaf: Bytes; readonly list: Bytes }> {
  const found: { leaf?: Bytes; list?: Bytes } = {};
  await verify({
    ...changes,
    certificates: ({ leaf }) => {
      found.leaf = leaf;
      return [leaf];
    },
    lists: (list) => {
      found.list = list;
      return [list];
    },
  });
  const { leaf = new Uint8Array(), list = new Uint8Array() } = found;
  return { leaf, list };
}

describe('choice among what is given', () => {
  promise('P7', 'a good certificate is found among those of other machines, firmware and fleets', async () => {
    const others = await Promise.all([
      made({ leaf: (leaf) => replacing(leaf, amdExtension('4', CHIP_ID.with(0, 9))) }),
      made({ leaf: (leaf) => replacing(leaf, amdExtension('3.3', derInteger(24))) }),
      made({ kind: 'vlek' }),
    ]);
    const outcome = await verify({ certificates: ({ leaf }) => [...others.map((one) => one.leaf), leaf] });
    expect(idsOf(outcome, 'failed')).toEqual([]);
    expect(idsOf(outcome, 'unavailable')).toEqual([]);
  });

  promise('P7', 'among fleets with one TCB version, the signature tells which it is', async () => {
    const stranger = await generateLeafKey();
    const other = await made({ kind: 'vlek', leaf: (leaf) => ({ ...leaf, key: stranger }) });
    const outcome = await verify({ kind: 'vlek', certificates: ({ leaf }) => [other.leaf, leaf] });
    expect(idsOf(outcome, 'failed')).toEqual([]);
  });

  promise('P7', 'a revocation list that is past does not stand in the way of one in force', async () => {
    const past = await made({ list: (list) => ({ ...list, nextUpdate: later(-1) }) });
    const outcome = await verify({ lists: (list) => [past.list, list] });
    expect(idsOf(outcome, 'unavailable')).toEqual([]);
  });

  promise('P7', 'of two lists in force, the one that revokes counts', async () => {
    const revoking = await made({ list: (list) => ({ ...list, revoked: [AUTHORITY_SERIAL] }) });
    const outcome = await verify({ lists: (list) => [list, revoking.list] });
    expect(idsOf(outcome, 'failed')).toEqual(['snp.revocation']);
  });

  promise('P7', 'a root that calls itself a simulator is known as one, and trusted no more', async () => {
    const name = amdName('Vitrine Simulator ARK');
    const outcome = await verify({
      root: (root) => ({ ...root, subject: name, issuer: name }),
      authority: (good) => ({ ...good, issuer: name }),
      certificates: ({ leaf, authority, root }) => [leaf, authority, root],
      anchors: () => [],
    });
    expect(outcome.simulatorMarker).toBe(true);
    expect(outcome.claims).toBeUndefined();
    expect(idsOf(outcome, 'failed')).toEqual(['snp.vcek-chain']);
  });

  promise('P7', 'an anchor of the caller always counts as a simulator', async () => {
    const outcome = await verify({ anchors: (anchor) => [{ ...anchor, simulator: false }] });
    expect(outcome.anchor?.simulator).toBe(true);
  });
});
