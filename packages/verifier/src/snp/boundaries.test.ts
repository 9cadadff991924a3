/**
 * Values on both sides of what a policy asks of an SEV-SNP report: the least accepted one passes, the
 * one below it fails, and higher parts of a version count before lower ones.
 *
 * @module
 */
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { CheckStatus } from '../result.ts';
import {
  amdExtension,
  amdName,
  CHIP_ID,
  generateSnpKeys,
  replacing,
  SNP_POLICY,
  type SnpChanges,
  verifyForgedSnp,
} from '../testing/forged-snp.ts';

const keys = await generateSnpKeys();
const set = (offset: number, ...values: readonly number[]): SnpChanges => ({
  report: (bytes) => bytes.set(values, offset),
});
const firmware = (major: number, minor: number, build: number): SnpChanges => ({
  policy: { minimumFirmware: { major, minor, build } },
});
/** A guest that demands interface 1.51. */
const abi = (major: number, minor: number): SnpChanges => ({
  policy: { guestPolicy: { ...SNP_POLICY.guestPolicy, minimumAbi: { major, minor } } },
  ...set(0x08, 51, 1),
});
const version2 = (bytes: Uint8Array): void => {
  bytes.fill(0, 0x188, 0x18b).fill(0, 0x1f8, 0x208).set([2]);
};
const minimum = (
  bootloader: number,
): { readonly bootloader: number; readonly tee: 0; readonly snp: 0; readonly microcode: 0 } => ({
  bootloader,
  tee: 0,
  snp: 0,
  microcode: 0,
});

const CASES: readonly [what: string, check: string, status: CheckStatus, changes: SnpChanges][] = [
  ['the least firmware', 'snp.firmware-version', 'passed', firmware(1, 55, 43)],
  ['one build less than the least firmware', 'snp.firmware-version', 'failed', firmware(1, 55, 44)],
  ['a lower minor version with a higher build', 'snp.firmware-version', 'passed', firmware(1, 54, 99)],
  ['a higher minor version with a lower build', 'snp.firmware-version', 'failed', firmware(1, 56, 0)],
  ['a lower major version with higher others', 'snp.firmware-version', 'passed', firmware(0, 99, 99)],
  ['a higher major version with lower others', 'snp.firmware-version', 'failed', firmware(2, 0, 0)],
  ['the least interface', 'snp.policy', 'passed', abi(1, 51)],
  ['an interface one below', 'snp.policy', 'failed', abi(1, 52)],
  ['a lower major interface with a higher minor one', 'snp.policy', 'passed', abi(0, 99)],
  ['a higher major interface with a lower minor one', 'snp.policy', 'failed', abi(2, 0)],
  ['the least report version', 'snp.report-version', 'passed', { policy: { minimumReportVersion: 5 } }],
  ['the least guest version', 'snp.guest-svn', 'passed', { policy: { minimumGuestSvn: 2 }, ...set(0x04, 2) }],
  ['a guest version one below', 'snp.guest-svn', 'failed', { policy: { minimumGuestSvn: 2 }, ...set(0x04, 1) }],
  [
    'exactly the mitigations that are asked for',
    'snp.mitigations',
    'passed',
    { policy: { mitigations: '0000000000000001' } },
  ],
  [
    'a mitigation that came after launch',
    'snp.mitigations',
    'failed',
    { policy: { mitigations: '0000000000000001' }, ...set(0x1f8, 0) },
  ],
  [
    'a mitigation that went after launch',
    'snp.mitigations',
    'failed',
    { policy: { mitigations: '0000000000000001' }, ...set(0x200, 0) },
  ],
  ['one of several privilege levels', 'snp.vmpl', 'passed', { policy: { vmpl: [0, 2] }, ...set(0x30, 2) }],
  [
    'a privilege level between those of the policy',
    'snp.vmpl',
    'failed',
    { policy: { vmpl: [0, 2] }, ...set(0x30, 1) },
  ],
  [
    'a listed id key, any author key',
    'snp.id-keys',
    'passed',
    { policy: { idKeys: ['11'.repeat(48), '00'.repeat(48)] } },
  ],
  [
    'a listed author key, any id key',
    'snp.id-keys',
    'passed',
    {
      policy: { authorKeys: ['44'.repeat(48)] },
      report: (bytes) => {
        bytes[0x48] = 1;
        bytes.fill(0x44, 0x110, 0x140);
      },
    },
  ],
  [
    'a listed id key without the listed author key',
    'snp.id-keys',
    'failed',
    { policy: { idKeys: ['00'.repeat(48)], authorKeys: ['44'.repeat(48)] } },
  ],
  [
    'a version 2 report below the one of two processors that is judged',
    'snp.tcb',
    'failed',
    { policy: { minimumTcb: { ...SNP_POLICY.minimumTcb, Genoa: minimum(11), Bergamo: 'any' } }, report: version2 },
  ],
  [
    'a version 2 report of Turin where Bergamo is judged more strictly',
    'snp.tcb',
    'passed',
    {
      product: 'Turin',
      policy: {
        minimumTcb: {
          ...SNP_POLICY.minimumTcb,
          Bergamo: minimum(99),
          Turin: { fmc: 1, bootloader: 2, tee: 0, snp: 3, microcode: 75 },
        },
      },
      report: version2,
    },
  ],
];

describe('at the limits of a policy', () => {
  for (const [what, check, status, changes] of CASES) {
    promise('P7', `${check} ${status}: ${what}`, async () => {
      const { checks } = await verifyForgedSnp(keys, changes);
      expect(checks.find(({ id }) => id === check)?.status).toBe(status);
      expect(checks.filter(({ id, status: other }) => id !== check && other === 'failed')).toEqual([]);
    });
  }

  promise('P7', "snp.product: another machine's certificate says only what to refuse", async () => {
    const strange: SnpChanges = {
      report: version2,
      leaf: (leaf) => replacing(leaf, amdExtension('4', CHIP_ID.with(0, 9))),
      after: (report) => report.fill(1, 0x90, 0x91),
    };
    const product = async (changes: SnpChanges): Promise<unknown> =>
      (await verifyForgedSnp(keys, { ...strange, ...changes })).checks.find(({ id }) => id === 'snp.product');
    expect(await product({})).toMatchObject({ status: 'unavailable' });
    expect(await product({ policy: { products: ['Turin'] } })).toMatchObject({ status: 'failed', actual: 'Genoa' });
  });

  promise('P7', 'snp.vcek-chain: no more than four certificates are tried as the authority', async () => {
    const strangers = (count: number): Promise<readonly Uint8Array<ArrayBuffer>[]> =>
      Promise.all(
        Array.from({ length: count }, async (_, index) => {
          const made: Uint8Array<ArrayBuffer>[] = [];
          await verifyForgedSnp(keys, {
            authority: (good, { authority }) => ({ ...good, serial: 100 + index, signer: authority.privateKey }),
            certificates: ({ leaf, authority }) => {
              made.push(authority);
              return [leaf];
            },
          });
          return made[0] ?? new Uint8Array();
        }),
      );
    const first = async (count: number): Promise<CheckStatus | undefined> => {
      const others = await strangers(count);
      const { checks } = await verifyForgedSnp(keys, {
        anchors: (anchor) => [{ ...anchor, authorities: [] }],
        certificates: ({ leaf, authority }) => [leaf, ...others, authority],
      });
      return checks.find(({ id }) => id === 'snp.vcek-chain')?.status;
    };
    expect(await first(3)).toBe('passed');
    expect(await first(4)).toBe('failed');
  });
});

describe("a root that says it is a simulator's", () => {
  const NAME = amdName('Vitrine Simulator ARK');
  const marked: SnpChanges = {
    root: (root) => ({ ...root, subject: NAME, issuer: NAME }),
    authority: (good) => ({ ...good, issuer: NAME }),
    certificates: ({ leaf, authority, root }) => [leaf, authority, root],
    anchors: () => [],
  };
  const cases: readonly [what: string, expected: boolean, changes: SnpChanges][] = [
    ['explains a good chain', true, {}],
    ['does not where the root is named otherwise', false, { root: (root) => root, authority: (good) => good }],
    ['does not where the root is of another issuer', false, { root: (root) => ({ ...root, subject: NAME }) }],
    [
      'does not where the leaf is by another key',
      false,
      { leaf: (leaf, { root }) => ({ ...leaf, signer: root.privateKey }) },
    ],
    [
      'does not where the authority is by another key',
      false,
      {
        authority: (good, { authority }) => ({ ...good, issuer: NAME, signer: authority.privateKey }),
      },
    ],
    [
      'does not where the leaf is past',
      false,
      { leaf: (leaf) => ({ ...leaf, notAfter: new Date('2026-06-15T11:00:00Z') }) },
    ],
    ['does not where the root is not given', false, { certificates: ({ leaf, authority }) => [leaf, authority] }],
    ['does not where there is no leaf', false, { certificates: ({ authority, root }) => [authority, root] }],
  ];
  for (const [what, expected, changes] of cases) {
    promise('P7', what, async () => {
      const outcome = await verifyForgedSnp(keys, { ...marked, ...changes });
      expect(outcome.simulatorMarker).toBe(expected);
      expect(outcome.claims).toBeUndefined();
    });
  }

  promise('P7', 'is not spoken of under a trusted root, whatever fails', async () => {
    expect((await verifyForgedSnp(keys)).simulatorMarker).toBe(false);
    expect((await verifyForgedSnp(keys, { after: (report) => report.fill(1, 0x90, 0x91) })).simulatorMarker).toBe(
      false,
    );
  });
});
