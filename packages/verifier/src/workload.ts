/**
 * Appraisal of the workload: are the registers those of a known release? Who measured them is judged in
 * `workload-code.ts`.
 *
 * A register that reference values leave out has to be zero, or exactly what a known cause makes it: the manifest that
 * they name (MRCONFIGID, HOST_DATA), or the launch document that they name. RTMR3 of dstack differs for each instance;
 * where reference values name the app-compose in its place, it is explained by the event log that replays to it and
 * has the digest of this app-compose among its launch events.
 *
 * @module
 */
import type { BootBinding, ReferenceEntry, ReferenceValues } from '@vitrine/documents/evidence';
import { COMPARED_REGISTERS } from './compared-registers.ts';
import type { LaunchJudgement } from './launch/judge.ts';
import { hostDataOf } from './manifest-anchor.ts';
import type { AppraisalPolicy } from './policy.ts';
import type { Check, Claims } from './result.ts';

export const WORKLOAD_CHECKS = ['workload.reference', 'workload.code', 'workload.denied'] as const;

/** Where the manifest is extended at launch; compared after it, since its digest explains more than the register's. */
const MANIFEST_REGISTER = 'rtmr3';

/** What the policy demands here; deny-lists are judged in `denied.ts`. */
type WorkloadDemands = Pick<AppraisalPolicy['workload'], 'code' | 'reference'>;
type HardwareClaims = Pick<Claims, 'technology' | 'registers'>;

/** Compares registers, and manifest and launch document where there are any, with the reference values. */
export async function appraiseReference(
  policy: WorkloadDemands,
  claims: HardwareClaims,
  boot: BootBinding | undefined,
  reference: ReferenceValues | undefined,
  launch?: LaunchJudgement,
): Promise<Check> {
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
  const differences = await Promise.all(entries.map((entry) => difference(entry, claims, boot, launch)));
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

/** The first entry that the evidence equals, where there is one. */
export async function matchingEntry(
  claims: HardwareClaims,
  boot: BootBinding | undefined,
  reference: ReferenceValues | undefined,
  launch?: LaunchJudgement,
): Promise<ReferenceEntry | undefined> {
  for (const entry of reference?.entries ?? []) {
    if (entry.technology !== claims.technology) continue;
    if ((await difference(entry, claims, boot, launch)) === undefined) return entry;
  }
  return undefined;
}

async function difference(
  entry: ReferenceEntry,
  claims: HardwareClaims,
  boot: BootBinding | undefined,
  launch: LaunchJudgement | undefined,
): Promise<Difference | undefined> {
  const expectedRegisters: Readonly<Record<string, string | undefined>> = entry.registers;
  const { order, zero, optional, launch: launchRegister } = COMPARED_REGISTERS[claims.technology];
  const manifestChanged = boot !== undefined && boot.manifestDigest !== entry.manifestDigest;
  const changedManifest = (rank: number): Difference => ({
    rank,
    expected: entry.manifestDigest,
    actual: boot?.manifestDigest ?? 'none',
    message: 'The manifest is not the expected one: code or configuration has changed.',
  });
  for (const [rank, name] of order.entries()) {
    if (name === MANIFEST_REGISTER && manifestChanged) return changedManifest(rank);
    if (name === launchRegister && !isLaunchedBy(entry, launch)) {
      if (manifestChanged) return changedManifest(rank);
      const expected = launchOf(entry) ?? '';
      const actual = launch?.refusal === undefined ? (launch?.digest ?? 'none') : 'one that the evidence does not have';
      return { rank, expected, actual, message: 'The launch document is not the expected one.' };
    }
    const actual = claims.registers[name] ?? '';
    const named = expectedRegisters[name];
    if (named === undefined && optional.includes(name)) continue;
    const expected = named ?? (zero.includes(name) ? '0'.repeat(actual.length) : 'a value');
    if (
      actual === '' ||
      (actual !== expected && (named !== undefined || !(await explains(entry, launch, name, actual))))
    ) {
      return { rank, expected, actual, message: `Register ${name} is not the expected one.` };
    }
  }
  if (manifestChanged) return changedManifest(order.length);
  return undefined;
}

/** The launch document that an entry names, by SHA-256. */
function launchOf(entry: ReferenceEntry): string | undefined {
  return 'launch' in entry ? entry.launch : undefined;
}

/** Whether the evidence commits to the launch document that the entry names, where it names one. */
function isLaunchedBy(entry: ReferenceEntry, launch: LaunchJudgement | undefined): boolean {
  const named = launchOf(entry);
  return named === undefined || (launch !== undefined && launch.refusal === undefined && launch.digest === named);
}

/** Whether the value of a register that an entry leaves out follows from what it does name. */
async function explains(
  entry: ReferenceEntry,
  launch: LaunchJudgement | undefined,
  name: string,
  actual: string,
): Promise<boolean> {
  if (name === 'mrconfigid' && actual === entry.manifestDigest) return true;
  if (name === 'hostdata' && actual === (await hostDataOf(entry.manifestDigest))) return true;
  return launchOf(entry) !== undefined && isLaunchedBy(entry, launch) && launch?.explains[name] === actual;
}
