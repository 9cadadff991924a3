/**
 * Appraisal of what the guest demanded at launch and how its host is configured.
 *
 * Bits: SEV-SNP Firmware ABI Specification (AMD 56860), "Guest Policy" and "PLATFORM_INFO".
 *
 * @module
 */
import { failed, passed, showBits, waived } from '../dcap/findings.ts';
import type { Check } from '../result.ts';
import type { SnpReport } from './parse.ts';
import type { SnpPolicy } from './policy.ts';

/** Bits 0 to 15 of the guest policy are the least firmware interface. */
const GuestPolicy = {
  smt: 16n,
  reservedOne: 17n,
  migrateMa: 18n,
  debug: 19n,
  singleSocket: 20n,
  cxl: 21n,
  memAes256Xts: 22n,
  raplDisabled: 23n,
  ciphertextHiding: 24n,
  pageSwapDisabled: 25n,
} as const;
const GUEST_POLICY_BITS = 26n;

const PlatformInfo = {
  smt: 0n,
  tsme: 1n,
  ecc: 2n,
  raplDisabled: 3n,
  ciphertextHiding: 4n,
  aliasCheck: 5n,
  tio: 7n,
} as const;

const HOST_REQUESTED = 0xffffffff;
/** Of REPORT_ID_MA where the guest has no migration agent. */
const NO_MIGRATION_AGENT = 'ff'.repeat(32);

/** A setting, what the policy wants of it, and whether it is set. */
type Demand = readonly [name: string, wanted: 'required' | 'refused' | 'any', set: boolean];

export function debugCheck(report: SnpReport, policy: SnpPolicy): Check {
  const set = has(report.policy, GuestPolicy.debug);
  const difference = { expected: 'DEBUG not set', actual: `DEBUG ${set ? '' : 'not '}set` };
  if (policy.debug === 'any') {
    return waived('snp.debug', 'The policy accepts a guest that its host may debug.', difference);
  }
  return set
    ? failed('snp.debug', 'The host can read and change the memory of this guest: DEBUG is set.', difference)
    : passed('snp.debug', 'The host cannot debug this guest.', difference);
}

export function migrationCheck(report: SnpReport, policy: SnpPolicy): Check {
  const id = 'snp.migration';
  const allowed = has(report.policy, GuestPolicy.migrateMa);
  const agent = report.registers['reportidma'] !== NO_MIGRATION_AGENT;
  const difference = {
    expected: 'MIGRATE_MA not set, no migration agent',
    actual: `MIGRATE_MA ${allowed ? '' : 'not '}set, ${agent ? 'a' : 'no'} migration agent`,
  };
  if (policy.migration === 'any') return waived(id, 'The policy accepts a guest that may be migrated.', difference);
  return allowed || agent
    ? failed(id, 'A migration agent can move this guest to a machine that nobody appraised.', difference)
    : passed(id, 'This guest stays on its machine.', difference);
}

/** The reserved bits are judged under every policy: an unknown one may mean anything. */
export function guestPolicyCheck({ policy: bits }: SnpReport, { guestPolicy: wanted }: SnpPolicy): Check {
  const id = 'snp.policy';
  const abi = { major: Number((bits >> 8n) & 0xffn), minor: Number(bits & 0xffn) };
  const difference = { actual: showBits(bits) };
  if (!has(bits, GuestPolicy.reservedOne) || bits >> GUEST_POLICY_BITS !== 0n) {
    return failed(id, 'The guest policy has reserved bits with unknown values.', difference);
  }
  const broken = brokenOf([
    ['SMT', wanted.smt, has(bits, GuestPolicy.smt)],
    ['CXL_ALLOW', wanted.cxl, has(bits, GuestPolicy.cxl)],
    ['SINGLE_SOCKET', wanted.singleSocket, has(bits, GuestPolicy.singleSocket)],
    ['MEM_AES_256_XTS', wanted.memAes256Xts, has(bits, GuestPolicy.memAes256Xts)],
    ['RAPL_DIS', wanted.raplDisabled, has(bits, GuestPolicy.raplDisabled)],
    ['CIPHERTEXT_HIDING_DRAM', wanted.ciphertextHiding, has(bits, GuestPolicy.ciphertextHiding)],
    ['PAGE_SWAP_DISABLE', wanted.pageSwapDisabled, has(bits, GuestPolicy.pageSwapDisabled)],
  ]);
  const { minimumAbi } = wanted;
  const old =
    minimumAbi !== 'any' &&
    (abi.major < minimumAbi.major || (abi.major === minimumAbi.major && abi.minor < minimumAbi.minor))
      ? [`the guest starts on interface ${abi.major}.${abi.minor}, below ${minimumAbi.major}.${minimumAbi.minor}`]
      : [];
  const reasons: readonly string[] = [...broken, ...old];
  return reasons.length === 0
    ? passed(id, 'The guest demands of its host what the policy wants.', difference)
    : failed(id, `The guest does not demand of its host what the policy wants: ${reasons.join(', ')}.`, difference);
}

export function platformInfoCheck({ platformInfo: bits }: SnpReport, { platformInfo: wanted }: SnpPolicy): Check {
  const id = 'snp.platform-info';
  const difference = { actual: showBits(bits) };
  const known = Object.values(PlatformInfo).reduce((sum: bigint, bit) => sum | (1n << bit), 0n);
  const unknown = bits & ~known;
  if (unknown !== 0n) {
    return failed(id, `The platform information has unknown bits: ${showBits(unknown)}.`, difference);
  }
  const reasons = brokenOf([
    ['SMT', wanted.smt, has(bits, PlatformInfo.smt)],
    ['TSME', wanted.tsme, has(bits, PlatformInfo.tsme)],
    ['ECC', wanted.ecc, has(bits, PlatformInfo.ecc)],
    ['RAPL_DIS', wanted.raplDisabled, has(bits, PlatformInfo.raplDisabled)],
    ['SEV_TIO', wanted.tio, has(bits, PlatformInfo.tio)],
  ]);
  return reasons.length === 0
    ? passed(id, 'The host is configured as the policy wants.', difference)
    : failed(id, `The host is not configured as the policy wants: ${reasons.join(', ')}.`, difference);
}

export function aliasCheckCheck({ platformInfo }: SnpReport, { aliasCheck }: SnpPolicy): Check {
  return requiredBit(
    'snp.alias-check',
    'ALIAS_CHECK_COMPLETE',
    has(platformInfo, PlatformInfo.aliasCheck),
    aliasCheck,
    [
      'The firmware found no memory address that stands for another one.',
      'Memory modules may have hidden aliases, through which the host can write to guests.',
      'The policy accepts memory that was not checked for aliases.',
    ],
  );
}

export function ciphertextHidingCheck({ platformInfo }: SnpReport, { ciphertextHiding }: SnpPolicy): Check {
  const set = has(platformInfo, PlatformInfo.ciphertextHiding);
  return requiredBit('snp.ciphertext-hiding', 'CIPHERTEXT_HIDING_DRAM_EN', set, ciphertextHiding, [
    'The host cannot read the encrypted memory of guests.',
    'The host can read the encrypted memory of guests and learn from its changes.',
    'The policy accepts that the host can read the encrypted memory of guests.',
  ]);
}

export function vmplCheck({ vmpl }: SnpReport, { vmpl: accepted }: SnpPolicy): Check {
  const difference = { expected: accepted.join(' or '), actual: String(vmpl) };
  if (vmpl === HOST_REQUESTED) {
    const actual = 'requested by the host';
    return failed('snp.vmpl', 'The host asked for this report, not the guest.', { ...difference, actual });
  }
  return accepted.some((level) => level === vmpl)
    ? passed('snp.vmpl', `Privilege level ${vmpl} asked for this report.`, difference)
    : failed(
        'snp.vmpl',
        `Privilege level ${vmpl} asked for this report: what runs above it was not asked.`,
        difference,
      );
}

function requiredBit(
  id: string,
  name: string,
  set: boolean,
  wanted: 'required' | 'any',
  [good, bad, open]: readonly [good: string, bad: string, open: string],
): Check {
  const difference = { expected: `${name} set`, actual: `${name} ${set ? '' : 'not '}set` };
  if (wanted === 'any') return waived(id, open, difference);
  return set ? passed(id, good, difference) : failed(id, bad, difference);
}

function brokenOf(demands: readonly Demand[]): readonly string[] {
  return demands
    .filter(([, wanted, set]) => (wanted === 'required' && !set) || (wanted === 'refused' && set))
    .map(([name, wanted]) => `${name} is ${wanted === 'required' ? 'not set' : 'set'}`);
}

function has(bits: bigint, bit: bigint): boolean {
  return ((bits >> bit) & 1n) === 1n;
}
