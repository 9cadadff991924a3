/**
 * Appraisal of the workload: are the registers those of a known release, and does every link from
 * firmware to manifest have an anchor?
 *
 * @module
 */
import {
  type BootBinding,
  concatBytes,
  digest,
  type EvidenceBundle,
  fromHex,
  type ReferenceEntry,
  type ReferenceValues,
  toHex,
} from '@vitrine/documents';
import type { AppraisalPolicy } from './policy.ts';
import type { Check, Claims, TechnologyName } from './result.ts';

export const WORKLOAD_CHECKS = ['workload.reference', 'workload.code'] as const;

/**
 * In which order registers are compared, along the chain of measurement, so that a difference is
 * reported where it begins. `zero` must be zero in the evidence unless the reference values name
 * them; `optional` are compared only where named.
 */
const REGISTERS: Readonly<
  Record<
    TechnologyName,
    { readonly order: readonly string[]; readonly zero: readonly string[]; readonly optional: readonly string[] }
  >
> = {
  tdx: {
    order: ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'mrconfigid', 'mrowner', 'mrownerconfig', 'rtmr3'],
    zero: ['mrconfigid', 'mrowner', 'mrownerconfig'],
    optional: [],
  },
  sgx: { order: ['mrenclave', 'configid'], zero: ['configid'], optional: [] },
  snp: { order: ['measurement', 'hostdata'], zero: ['hostdata'], optional: [] },
  nitro: { order: ['pcr0', 'pcr1', 'pcr2', 'pcr3', 'pcr4', 'pcr8'], zero: [], optional: ['pcr3', 'pcr4', 'pcr8'] },
  tpm: {
    order: ['pcr0', 'pcr2', 'pcr4', 'pcr1', 'pcr3', 'pcr5', 'pcr7', 'pcr8', 'pcr9', 'pcr11', 'pcr12', 'pcr14'],
    zero: [],
    optional: ['pcr1', 'pcr3', 'pcr5', 'pcr7', 'pcr8', 'pcr9', 'pcr11', 'pcr12', 'pcr14'],
  },
};
const ZERO_REGISTER = '00'.repeat(48);
/** Where the manifest is extended at launch; compared after it, since its digest explains more than the register's. */
const MANIFEST_REGISTER = 'rtmr3';

type HardwareClaims = Pick<Claims, 'technology' | 'registers'>;

/** Compares registers, and the manifest where there is one, with the reference values. */
export function appraiseReference(
  policy: AppraisalPolicy['workload'],
  claims: HardwareClaims,
  boot: BootBinding | undefined,
  reference: ReferenceValues | undefined,
): Check {
  const id = 'workload.reference';
  if (policy.reference === 'any') return { id, status: 'waived', message: 'The policy accepts any workload.' };
  if (reference === undefined) {
    return {
      id,
      status: 'unavailable',
      message:
        'Nothing to compare the code with: give reference values with --reference FILE, or pin the server with `vitrine add`.',
    };
  }
  const entries = reference.entries.filter((entry) => entry.technology === claims.technology);
  if (entries.length === 0) {
    return {
      id,
      status: 'failed',
      expected: reference.entries.map((entry) => entry.technology).join(', '),
      actual: claims.technology,
      message: 'The reference values are for another technology.',
    };
  }
  const differences = entries.map((entry) => difference(entry, claims, boot));
  const match = differences.indexOf(undefined);
  if (match >= 0) {
    const entry = entries[match] as ReferenceEntry;
    return {
      id,
      status: 'passed',
      anchor: entry.computedBy,
      message: `Registers and manifest are those of release ${reference.release} (${entry.shape}), computed by ${entry.computedBy}.`,
    };
  }
  // With several entries the closest one explains best: the one that differs latest in the chain.
  const closest = differences.reduce((best, one) => ((one?.rank ?? -1) > (best?.rank ?? -1) ? one : best), undefined);
  return {
    id,
    status: 'failed',
    expected: closest?.expected ?? '',
    actual: closest?.actual ?? '',
    message: closest?.message ?? 'The registers are not those of the reference values.',
  };
}

interface Difference {
  readonly rank: number;
  readonly expected: string;
  readonly actual: string;
  readonly message: string;
}

function difference(
  entry: ReferenceEntry,
  claims: HardwareClaims,
  boot: BootBinding | undefined,
): Difference | undefined {
  const expectedRegisters: Readonly<Record<string, string | undefined>> = entry.registers;
  const { order, zero, optional } = REGISTERS[claims.technology];
  const manifestChanged = boot !== undefined && boot.manifestDigest !== entry.manifestDigest;
  const changedManifest = (rank: number): Difference => ({
    rank,
    expected: entry.manifestDigest,
    actual: boot?.manifestDigest ?? 'none',
    message: 'The manifest is not the expected one: code or configuration has changed.',
  });
  for (const [rank, name] of order.entries()) {
    if (name === MANIFEST_REGISTER && manifestChanged) return changedManifest(rank);
    const actual = claims.registers[name] ?? '';
    const named = expectedRegisters[name];
    if (named === undefined && optional.includes(name)) continue;
    const expected = named ?? (zero.includes(name) ? '0'.repeat(actual.length) : 'a value');
    if (actual !== expected || actual === '') {
      return { rank, expected, actual, message: `Register ${name} is not the expected one.` };
    }
  }
  if (manifestChanged) return changedManifest(order.length);
  return undefined;
}

/** Names the anchor of each link, firmware → kernel → root file system → enclave → manifest → server code. */
export async function appraiseCode(
  policy: AppraisalPolicy['workload'],
  claims: HardwareClaims,
  bundle: EvidenceBundle | undefined,
  anchor: { readonly name: string; readonly simulator: boolean },
): Promise<Check> {
  const id = 'workload.code';
  if (policy.code === 'any') return { id, status: 'waived', message: 'The policy accepts any code.' };
  if (bundle === undefined)
    return {
      id,
      status: 'unavailable',
      message: 'A raw quote carries no manifest, so nothing says what its registers stand for.',
    };
  const measured = anchor.simulator ? 'simulator' : 'hardware';
  const expected = await extend(ZERO_REGISTER, bundle.boot.manifestDigest);
  const actual = claims.registers[MANIFEST_REGISTER] ?? 'no such register';
  if (actual !== expected) {
    return {
      id,
      status: 'failed',
      anchor: 'self-asserted',
      expected,
      actual,
      message: 'The manifest was not measured into RTMR3 at launch: only the enclave itself asserts it.',
    };
  }
  const chain = `firmware, kernel, root file system, enclave and manifest: ${measured}`;
  if (bundle.manifest.server.source.kind !== 'command')
    return { id, status: 'passed', anchor: measured, message: `${chain}; server code: tree digest in the manifest.` };
  const unmeasured = 'server code: not measured, the manifest has only its command line';
  return anchor.simulator
    ? { id, status: 'waived', anchor: measured, message: `${chain}; ${unmeasured} (possible in the simulator only).` }
    : {
        id,
        status: 'failed',
        anchor: measured,
        expected: 'a measured source',
        actual: 'command',
        message: `${chain}; ${unmeasured}.`,
      };
}

/** SHA-384(register ‖ digest), as TDX extends a run-time register. */
async function extend(registerHex: string, digestHex: string): Promise<string> {
  const register = fromHex(registerHex);
  const value = fromHex(digestHex);
  if (register === undefined || value === undefined) throw new TypeError('registers and digests are hexadecimal');
  return toHex(await digest('SHA-384', concatBytes(register, value)));
}
