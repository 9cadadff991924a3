/**
 * What the checks on SEV-SNP reports show beside their status: what the policy expects and what the
 * evidence has. Users correct policies by these words, so they have to be those of this evidence.
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { showCheck, showChecks } from '../testing/differences.ts';
import {
  amdName,
  CHIP_ID,
  generateSnpKeys,
  SNP_POLICY,
  type SnpChanges,
  verifyForgedSnp,
} from '../testing/forged-snp.ts';
import type { SnpPolicy } from './policy.ts';

const keys = await generateSnpKeys();
const chip = toHex(CHIP_ID);

const DEMANDING: Partial<SnpPolicy> = {
  minimumFirmware: { major: 1, minor: 55, build: 43 },
  mitigations: '0000000000000001',
  idKeys: ['00'.repeat(48)],
  authorKeys: ['44'.repeat(48)],
  ciphertextHiding: 'required',
  minimumGuestSvn: 2,
  minimumReportVersion: 5,
  vmpl: [0, 1],
  platforms: [chip, '22'.repeat(64)],
};
/** A guest of version 2 with an author key, on a host that hides ciphertext. */
const authored = (bytes: Uint8Array): void => {
  bytes[0x04] = 2;
  bytes[0x40] = 0x35;
  bytes[0x48] = 1;
  bytes.fill(0x44, 0x110, 0x140);
};
const ANY: Partial<SnpPolicy> = {
  debug: 'any',
  migration: 'any',
  aliasCheck: 'any',
  ciphertextHiding: 'any',
  provisionalFirmware: 'any',
  minimumTcb: { Milan: 'any', Genoa: 'any', Bergamo: 'any', Turin: 'any' },
};

const set = (offset: number, ...values: readonly number[]): SnpChanges => ({
  report: (bytes) => bytes.set(values, offset),
});

const CASES: readonly [what: string, check: string, changes: SnpChanges, shown: string, says?: string][] = [
  [
    'an unknown processor',
    'snp.product',
    set(0x188, 0x19, 0xcd, 14),
    'failed | expected Genoa or Turin | found family 19h model CDh stepping 14 | by test-ark',
    'The processor is of no known product.',
  ],
  [
    'a product that the policy does not list',
    'snp.product',
    { policy: { products: ['Turin'] } },
    'failed | expected Turin | found Genoa | by test-ark',
    'The policy does not accept Genoa.',
  ],
  [
    'a Milan certificate for a Genoa report',
    'snp.product',
    { product: 'Milan', policy: { products: ['Milan', 'Genoa'] }, ...set(0x188, 0x19, 0x11, 1) },
    'failed | expected Milan or Genoa | found Genoa by CPUID, Milan by its certificate | by test-ark',
  ],
  [
    'a root of another product',
    'snp.vcek-chain',
    { anchors: (anchor) => [{ ...anchor, product: 'Turin' }] },
    'failed | expected issued by SEV-Genoa, under amd-ark-genoa | found issued by C=US, O=Test Micro Devices, CN=SEV-Genoa (SHA-256 …)',
    'VCEK certificate chain does not lead to a root that is trusted here.',
  ],
  [
    'an unknown issuer',
    'snp.vcek-chain',
    { leaf: (leaf) => ({ ...leaf, issuer: amdName('SEV-Turin') }) },
    'failed | expected issued by SEV-Genoa, under amd-ark-genoa or test-ark | found issued by C=US, O=Test Micro Devices, CN=SEV-Turin (SHA-256 …)',
  ],
  [
    'a leaf that is past',
    'snp.vcek-chain',
    { leaf: (leaf) => ({ ...leaf, notAfter: new Date('2026-06-15T11:00:00Z') }) },
    'failed | expected 2026-03-07T12:00:00.000Z to 2026-06-15T11:00:00.000Z | found 2026-06-15T12:00:00.000Z',
    'VCEK certificate chain: SEV-VCEK is not valid at this time.',
  ],
  [
    'an unknown TCB version',
    'snp.tcb-binding',
    set(0x180, 9),
    'failed | expected bootloader 10, tee 0, snp 25, microcode 84 (0a00000000001954) | found bootloader 9, tee 0, snp 25, microcode 84 (0900000000001954) | by test-ark',
    'The VCEK is for another TCB version than the report states.',
  ],
  [
    'another chip',
    'snp.chip-id',
    { report: (bytes) => bytes.fill(0xc1, 0x1a0, 0x1e0) },
    'failed | expected 01020304… (64 bytes) | found c1c1c1c1… (64 bytes) | by test-ark',
    'The VCEK is of another chip than the report states.',
  ],
  [
    'a report that is not signed',
    'snp.signer',
    set(0x48, 7 << 2),
    'failed | expected vcek or vlek | found none',
    'The report says that it is not signed.',
  ],
  [
    'a good report',
    'snp.signer',
    {},
    'passed | expected vcek or vlek | found vcek | by test-ark',
    'The report is signed by a VCEK, which the policy accepts.',
  ],
  [
    'a good report',
    'snp.product',
    {},
    'passed | expected Genoa or Turin | found Genoa | by test-ark',
    'The policy accepts Genoa, which the report names.',
  ],
  [
    'a masked chip key',
    'snp.signer',
    set(0x48, 2),
    'failed | expected vcek or vlek | found vcek, masked chip key | by test-ark',
  ],
  [
    'a kind of key',
    'snp.signer',
    { policy: { signers: ['vlek'] } },
    'failed | expected vlek | found vcek | by test-ark',
    'The report is signed by a VCEK, which the policy does not accept.',
  ],
  [
    'an old report version',
    'snp.report-version',
    { policy: { minimumReportVersion: 6 } },
    'failed | expected at least 6 | found 5 | by test-ark',
  ],
  ['DEBUG', 'snp.debug', set(0x0a, 0x0b), 'failed | expected DEBUG not set | found DEBUG set | by test-ark'],
  [
    'MIGRATE_MA',
    'snp.migration',
    set(0x0a, 0x07),
    'failed | expected MIGRATE_MA not set, no migration agent | found MIGRATE_MA set, no migration agent | by test-ark',
  ],
  [
    'a migration agent',
    'snp.migration',
    set(0x160, 1),
    'failed | expected MIGRATE_MA not set, no migration agent | found MIGRATE_MA not set, a migration agent | by test-ark',
  ],
  ['a reserved bit of the guest policy', 'snp.policy', set(0x0b, 0x04), 'failed | found 0x4030000 | by test-ark'],
  [
    'CXL',
    'snp.policy',
    set(0x0a, 0x23),
    'failed | found 0x230000 | by test-ark',
    'The guest does not demand of its host what the policy wants: CXL_ALLOW is set.',
  ],
  [
    'an unknown bit of the platform',
    'snp.platform-info',
    set(0x40, 0x65),
    'failed | found 0x65 | by test-ark',
    'The platform information has unknown bits: 0x40.',
  ],
  [
    'a host with hyperthreads',
    'snp.platform-info',
    { policy: { platformInfo: { ...SNP_POLICY.platformInfo, smt: 'refused' } } },
    'failed | found 0x25 | by test-ark',
    'The host is not configured as the policy wants: SMT is set.',
  ],
  [
    'memory that was not checked',
    'snp.alias-check',
    set(0x40, 0x05),
    'failed | expected ALIAS_CHECK_COMPLETE set | found ALIAS_CHECK_COMPLETE not set | by test-ark',
  ],
  [
    'readable ciphertext',
    'snp.ciphertext-hiding',
    { policy: { ciphertextHiding: 'required' } },
    'failed | expected CIPHERTEXT_HIDING_DRAM_EN set | found CIPHERTEXT_HIDING_DRAM_EN not set | by test-ark',
  ],
  [
    'a privilege level',
    'snp.vmpl',
    { policy: { vmpl: [0, 1] }, ...set(0x30, 3) },
    'failed | expected 0 or 1 | found 3 | by test-ark',
    'Privilege level 3 asked for this report: what runs above it was not asked.',
  ],
  [
    'a report for the host',
    'snp.vmpl',
    set(0x30, 0xff, 0xff, 0xff, 0xff),
    'failed | expected 0 | found requested by the host | by test-ark',
  ],
  [
    'firmware that can be rolled back',
    'snp.provisional-firmware',
    set(0x1e8, 44),
    'failed | expected all that runs is committed | found running 1.55.44 (0a00000000001954), committed 1.55.43 (0a00000000001954) | by test-ark',
  ],
  [
    'a reserved byte of a TCB version',
    'snp.tcb',
    set(0x1f2, 1),
    'failed | found 0a00010000001954 | by test-ark',
    'The launch TCB version has reserved bytes with unknown values.',
  ],
  [
    'an impossible TCB version',
    'snp.tcb',
    { policy: { provisionalFirmware: 'any' }, ...set(0x1e6, 26) },
    'failed | found reported: bootloader 10, tee 0, snp 25, microcode 84; committed: bootloader 10, tee 0, snp 26, microcode 84; current: bootloader 10, tee 0, snp 25, microcode 84; launch: bootloader 10, tee 0, snp 25, microcode 84 | by test-ark',
    'The committed TCB version is above the current one in its part snp.',
  ],
  [
    'old microcode at launch',
    'snp.tcb',
    set(0x1f7, 83),
    'failed | expected Genoa: at least bootloader 10, tee 0, snp 23, microcode 84 | found reported: bootloader 10, tee 0, snp 25, microcode 84; committed: bootloader 10, tee 0, snp 25, microcode 84; current: bootloader 10, tee 0, snp 25, microcode 84; launch: bootloader 10, tee 0, snp 25, microcode 83 | by test-ark',
    'The launch TCB version is below what the policy accepts of Genoa: microcode 83.',
  ],
  [
    'an impossible firmware version',
    'snp.firmware-version',
    { policy: { provisionalFirmware: 'any' }, ...set(0x1ec, 44) },
    'failed | found current 1.55.43, committed 1.55.44 | by test-ark',
  ],
  [
    'old firmware',
    'snp.firmware-version',
    { policy: { minimumFirmware: { major: 1, minor: 55, build: 44 } } },
    'failed | expected at least 1.55.44 | found current 1.55.43, committed 1.55.43 | by test-ark',
  ],
  [
    'a mitigation',
    'snp.mitigations',
    { policy: { mitigations: '0000000000000003' } },
    'failed | expected all of 0x3 | found launch 0x1, current 0x1 | by test-ark',
  ],
  [
    'mitigations that are not stated',
    'snp.mitigations',
    { policy: { mitigations: '0000000000000001' }, report: (bytes) => bytes.fill(0, 0x1f8, 0x208).set([4]) },
    'failed | expected all of 0x1 | found not stated in report version 4 | by test-ark',
  ],
  [
    'an old guest',
    'snp.guest-svn',
    { policy: { minimumGuestSvn: 1 } },
    'failed | expected at least 1 | found 0 | by test-ark',
  ],
  [
    'another id key',
    'snp.id-keys',
    { policy: { idKeys: ['11'.repeat(48), '12'.repeat(48)] } },
    'failed | expected id key 11111111… (48 bytes) or 12121212… (48 bytes), author key any | found id key 00000000… (48 bytes), author key none | by test-ark',
  ],
  [
    'another author key',
    'snp.id-keys',
    {
      policy: { authorKeys: ['11'.repeat(48), '12'.repeat(48)] },
      report: (bytes) => {
        bytes[0x48] = 1;
        bytes.fill(0x13, 0x110, 0x140);
      },
    },
    'failed | expected id key any, author key 11111111… (48 bytes) or 12121212… (48 bytes) | found id key 00000000… (48 bytes), author key 13131313… (48 bytes) | by test-ark',
  ],
  [
    'another machine',
    'snp.platform',
    { policy: { platforms: ['22'.repeat(64), '23'.repeat(64)] } },
    'failed | expected 22222222… (64 bytes) or 23232323… (64 bytes) | found 01020304… (64 bytes) | by test-ark',
  ],
  [
    'a list of machines that is missing',
    'snp.platform',
    { policy: { platforms: 'listed' } },
    'unavailable | found 01020304… (64 bytes) | by test-ark',
  ],
  [
    'another fleet',
    'snp.platform',
    { kind: 'vlek', policy: { providers: ['CN=other', 'CN=third'] } },
    'failed | expected CN=other or CN=third | found CN=test-fleet | by test-ark',
  ],
  [
    'a product that is refused for its weakness',
    'snp.product',
    { product: 'Milan' },
    'failed | expected Genoa or Turin | found Milan | by test-ark',
    'The policy does not accept Milan: its root seed can be extracted in software, so anybody who did can sign reports of any content.',
  ],
  [
    'a certificate for a report without a processor',
    'snp.product',
    { report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]) },
    'passed | expected Genoa or Turin | found Genoa | by test-ark',
    'The policy accepts Genoa, which the certificate names.',
  ],
  [
    'no certificate',
    'snp.vcek-chain',
    { certificates: () => [] },
    'unavailable',
    'No VCEK certificate was given. It has to be fetched or given.',
  ],
  [
    'no certificate',
    'snp.chip-id',
    { certificates: () => [] },
    'unavailable',
    'Not evaluated: there is no certificate for the key of this report.',
  ],
  [
    'nothing to certify',
    'snp.vcek-chain',
    { certificates: () => [], ...set(0x48, 7 << 2) },
    'unavailable',
    'Not evaluated: the report is not signed.',
  ],
  [
    'what follows a chain that is not trusted',
    'snp.signature',
    { anchors: () => [] },
    'unavailable',
    'Not evaluated: the certificate chain is not trusted.',
  ],
  [
    'what follows another measurement',
    'snp.chip-id',
    { after: (report) => report.fill(1, 0x90, 0x91) },
    'unavailable',
    'Not evaluated: an earlier step failed.',
  ],
  [
    'an old interface',
    'snp.policy',
    { policy: { guestPolicy: { ...SNP_POLICY.guestPolicy, minimumAbi: { major: 1, minor: 51 } } } },
    'failed | found 0x30000 | by test-ark',
    'The guest does not demand of its host what the policy wants: the guest starts on interface 0.0, below 1.51.',
  ],
  [
    'ECC that is missing',
    'snp.platform-info',
    { policy: { platformInfo: { ...SNP_POLICY.platformInfo, ecc: 'required', smt: 'refused' } }, ...set(0x40, 0x21) },
    'failed | found 0x21 | by test-ark',
    'The host is not configured as the policy wants: SMT is set, ECC is not set.',
  ],
  [
    'any machine',
    'snp.platform',
    {},
    'waived | found 01020304… (64 bytes) | by test-ark',
    'Any machine of this vendor is accepted: one that was broken anywhere could stand in for this one.',
  ],
  [
    'any fleet',
    'snp.platform',
    { kind: 'vlek' },
    'waived | found CN=test-fleet | by test-ark',
    'Any fleet of this vendor is accepted: one that was broken anywhere could stand in for this one.',
  ],
  [
    'the chip of a Turin',
    'snp.platform',
    { product: 'Turin', policy: { platforms: [chip.slice(0, 16)] } },
    'passed | expected 0102030405060708 | found 0102030405060708 | by test-ark',
    'This machine or fleet is one that the policy lists.',
  ],
  [
    'a version 2 report of two processors',
    'snp.tcb',
    { report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]) },
    'passed | expected Genoa: at least bootloader 10, tee 0, snp 23, microcode 84; Bergamo: at least bootloader 10, tee 0, snp 23, microcode 0 | found reported: bootloader 10, tee 0, snp 25, microcode 84; committed: bootloader 10, tee 0, snp 25, microcode 84; current: bootloader 10, tee 0, snp 25, microcode 84; launch: bootloader 10, tee 0, snp 25, microcode 84 | by test-ark',
    'The reported, the committed and the launch TCB version are ones that the policy accepts.',
  ],
  [
    'a version 2 report of Turin',
    'snp.tcb',
    { product: 'Turin', report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]) },
    'waived | found reported: fmc 1, bootloader 2, tee 0, snp 3, microcode 75; committed: fmc 1, bootloader 2, tee 0, snp 3, microcode 75; current: fmc 1, bootloader 2, tee 0, snp 3, microcode 75; launch: fmc 1, bootloader 2, tee 0, snp 3, microcode 75 | by test-ark',
    'The policy accepts any TCB version of Turin.',
  ],
  [
    'two processors, of which one is not judged',
    'snp.tcb',
    {
      policy: { minimumTcb: { ...SNP_POLICY.minimumTcb, Bergamo: 'any' } },
      report: (bytes) => bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]),
    },
    'waived | expected Genoa: at least bootloader 10, tee 0, snp 23, microcode 84 | found reported: bootloader 10, tee 0, snp 25, microcode 84; committed: bootloader 10, tee 0, snp 25, microcode 84; current: bootloader 10, tee 0, snp 25, microcode 84; launch: bootloader 10, tee 0, snp 25, microcode 84 | by test-ark',
    'The policy accepts any TCB version of Bergamo.',
  ],
];

describe('what the checks on SEV-SNP show', () => {
  promise('P7', 'where everything is demanded and good', async () => {
    expect(showChecks(await verifyForgedSnp(keys, { policy: DEMANDING, report: authored }))).toEqual({
      'snp.format': 'passed',
      'snp.product': 'passed | expected Genoa or Turin | found Genoa | by test-ark',
      'snp.vcek-chain': 'passed | by test-ark',
      'snp.signature': 'passed | by test-ark',
      'snp.tcb-binding': 'passed | by test-ark',
      'snp.chip-id': 'passed | by test-ark',
      'snp.signer': 'passed | expected vcek or vlek | found vcek | by test-ark',
      'snp.report-version': 'passed | expected at least 5 | found 5 | by test-ark',
      'snp.debug': 'passed | expected DEBUG not set | found DEBUG not set | by test-ark',
      'snp.migration':
        'passed | expected MIGRATE_MA not set, no migration agent | found MIGRATE_MA not set, no migration agent | by test-ark',
      'snp.policy': 'passed | found 0x30000 | by test-ark',
      'snp.platform-info': 'passed | found 0x35 | by test-ark',
      'snp.alias-check': 'passed | expected ALIAS_CHECK_COMPLETE set | found ALIAS_CHECK_COMPLETE set | by test-ark',
      'snp.ciphertext-hiding':
        'passed | expected CIPHERTEXT_HIDING_DRAM_EN set | found CIPHERTEXT_HIDING_DRAM_EN set | by test-ark',
      'snp.vmpl': 'passed | expected 0 or 1 | found 0 | by test-ark',
      'snp.provisional-firmware':
        'passed | expected all that runs is committed | found running 1.55.43 (0a00000000001954), committed 1.55.43 (0a00000000001954) | by test-ark',
      'snp.tcb':
        'passed | expected Genoa: at least bootloader 10, tee 0, snp 23, microcode 84 | found reported: bootloader 10, tee 0, snp 25, microcode 84; committed: bootloader 10, tee 0, snp 25, microcode 84; current: bootloader 10, tee 0, snp 25, microcode 84; launch: bootloader 10, tee 0, snp 25, microcode 84 | by test-ark',
      'snp.firmware-version':
        'passed | expected at least 1.55.43 | found current 1.55.43, committed 1.55.43 | by test-ark',
      'snp.mitigations': 'passed | expected all of 0x1 | found launch 0x1, current 0x1 | by test-ark',
      'snp.guest-svn': 'passed | expected at least 2 | found 2 | by test-ark',
      'snp.id-keys':
        'passed | expected id key 00000000… (48 bytes), author key 44444444… (48 bytes) | found id key 00000000… (48 bytes), author key 44444444… (48 bytes) | by test-ark',
      'snp.platform':
        'passed | expected 01020304… (64 bytes) or 22222222… (64 bytes) | found 01020304… (64 bytes) | by test-ark',
      'snp.revocation': 'passed | found list of ARK-Genoa, in force until 2026-07-05T12:00:00.000Z | by test-ark',
    });
  });

  promise('P7', 'where everything that can be is waived', async () => {
    expect(showChecks(await verifyForgedSnp(keys, { policy: ANY }))).toEqual({
      'snp.format': 'passed',
      'snp.product': 'passed | expected Genoa or Turin | found Genoa | by test-ark',
      'snp.vcek-chain': 'passed | by test-ark',
      'snp.signature': 'passed | by test-ark',
      'snp.tcb-binding': 'passed | by test-ark',
      'snp.chip-id': 'passed | by test-ark',
      'snp.signer': 'passed | expected vcek or vlek | found vcek | by test-ark',
      'snp.report-version': 'passed | expected at least 2 | found 5 | by test-ark',
      'snp.debug': 'waived | expected DEBUG not set | found DEBUG not set | by test-ark',
      'snp.migration':
        'waived | expected MIGRATE_MA not set, no migration agent | found MIGRATE_MA not set, no migration agent | by test-ark',
      'snp.policy': 'passed | found 0x30000 | by test-ark',
      'snp.platform-info': 'passed | found 0x25 | by test-ark',
      'snp.alias-check': 'waived | expected ALIAS_CHECK_COMPLETE set | found ALIAS_CHECK_COMPLETE set | by test-ark',
      'snp.ciphertext-hiding':
        'waived | expected CIPHERTEXT_HIDING_DRAM_EN set | found CIPHERTEXT_HIDING_DRAM_EN not set | by test-ark',
      'snp.vmpl': 'passed | expected 0 | found 0 | by test-ark',
      'snp.provisional-firmware':
        'waived | expected all that runs is committed | found running 1.55.43 (0a00000000001954), committed 1.55.43 (0a00000000001954) | by test-ark',
      'snp.tcb':
        'waived | found reported: bootloader 10, tee 0, snp 25, microcode 84; committed: bootloader 10, tee 0, snp 25, microcode 84; current: bootloader 10, tee 0, snp 25, microcode 84; launch: bootloader 10, tee 0, snp 25, microcode 84 | by test-ark',
      'snp.firmware-version': 'waived | found current 1.55.43, committed 1.55.43 | by test-ark',
      'snp.mitigations': 'waived | found launch 0x1, current 0x1 | by test-ark',
      'snp.guest-svn': 'passed | expected at least 0 | found 0 | by test-ark',
      'snp.id-keys': 'waived | found id key 00000000… (48 bytes), author key none | by test-ark',
      'snp.platform': 'waived | found 01020304… (64 bytes) | by test-ark',
      'snp.revocation': 'passed | found list of ARK-Genoa, in force until 2026-07-05T12:00:00.000Z | by test-ark',
    });
  });

  for (const [what, check, changes, shown, says] of CASES) {
    promise('P7', `${check}: ${what}`, async () => {
      const found = (await verifyForgedSnp(keys, changes)).checks.find(({ id }) => id === check);
      expect(found === undefined ? undefined : showCheck(found)).toBe(shown);
      if (says !== undefined) expect(found?.message).toBe(says);
    });
  }
});
