/**
 * Evidence that one enclave makes for another, which hands it an application root or gets one from it.
 *
 * It is verified as any other evidence, and is good for nothing else, see `handover-bindings.ts`. What the two enclaves then demand of each other is theirs, see
 * `@vitrine/keys`; the comparison of launch measurements and security versions that both need is here.
 *
 * @module
 */
import type { EvidenceBundle, HandoverTerms, ReleaseMeasurement } from '@vitrine/documents/evidence';
import type { Endorsement } from './endorsement-file.ts';
import type { HandoverRole } from './handover-bindings.ts';
import type { AppraisalPolicy } from './policy.ts';
import { presets } from './policy-file.ts';
import type { AttestationResult, Check, Claims, TechnologyName } from './result.ts';
import type { SimulatorAnchor } from './simulator-anchor.ts';
import { type VerifyOptions, verify } from './verify.ts';

export interface HandoverVerifyOptions {
  /** Whose evidence is expected. */
  readonly role: HandoverRole;
  readonly now: Date;
  /** What the caller has; those in the bundle are used, too. Nothing is fetched. */
  readonly endorsements: readonly Endorsement[];
  /** The root of the caller's own simulator, where it is simulated itself; otherwise none. */
  readonly simulatorAnchors: readonly SimulatorAnchor[];
}

/**
 * Verifies the other side's evidence as the preset `default` does, without reference values: what code it may be
 * is decided by comparing {@link launchDifference}.
 *
 * @throws MalformedEvidenceError when it cannot be read as evidence.
 */
export function verifyHandover(bundle: EvidenceBundle, options: HandoverVerifyOptions): Promise<AttestationResult> {
  return verify({ kind: 'bundle', bundle }, optionsFor(options, POLICY));
}

/**
 * What evidence of the caller's own says: its launch, with which it compares the other side's.
 *
 * @param role - Whose part of a hand-over it is; absent: evidence of a boot.
 * @returns `undefined` where it is not authenticated, or commits to something else.
 */
export async function ownClaims(
  bundle: EvidenceBundle,
  { role, ...options }: Omit<HandoverVerifyOptions, 'role'> & { readonly role?: HandoverRole },
): Promise<Claims | undefined> {
  const result = await verify(
    { kind: 'bundle', bundle },
    { policy: POLICY, ...options, ...(role === undefined ? {} : { handover: role }) },
  );
  const isBound = result.checks.some(({ id, status }) => id === 'binding.report-data' && status === 'passed');
  return isBound ? result.claims : undefined;
}

const POLICY: AppraisalPolicy = {
  ...presets.default,
  workload: { ...presets.default.workload, reference: 'any' },
  provenance: 'any',
};

function optionsFor(options: HandoverVerifyOptions, policy: AppraisalPolicy): VerifyOptions {
  const { role, now, endorsements, simulatorAnchors } = options;
  return { policy, now, endorsements, simulatorAnchors, handover: role };
}

/**
 * What of `floor` authenticated evidence does not reach; `undefined` where it reaches all.
 *
 * @param claims - Of the same bundle.
 */
export async function belowTcbFloor(
  bundle: EvidenceBundle,
  claims: Claims,
  floor: HandoverTerms['tcb'],
  options: HandoverVerifyOptions,
): Promise<Pick<Check, 'expected' | 'actual'> | undefined> {
  if (claims.technology === 'tdx' && floor?.tdxEvaluation !== undefined) {
    const actual = claims.tcbEvaluationDataNumber;
    return actual !== undefined && actual >= floor.tdxEvaluation
      ? undefined
      : { expected: `evaluation ${floor.tdxEvaluation} or later`, actual: `evaluation ${actual ?? 'unknown'}` };
  }
  if (claims.technology === 'snp' && floor?.snp !== undefined) {
    const least = floor.snp;
    const policy: AppraisalPolicy = {
      ...POLICY,
      // The terms know nothing of FMC, which Turin alone has.
      snp: { ...POLICY.snp, minimumTcb: { Milan: least, Genoa: least, Bergamo: least, Turin: { fmc: 0, ...least } } },
    };
    const { checks } = await verify({ kind: 'bundle', bundle }, optionsFor(options, policy));
    const check = checks.find(({ id }) => id === 'snp.tcb');
    if (check?.status === 'passed') return undefined;
    return { expected: check?.expected ?? 'the least security version', actual: check?.actual ?? 'unknown' };
  }
  return undefined;
}

/** Registers that a launch fixes whatever the manifest is, and those that are zero unless they are named. */
const LAUNCH: Readonly<
  Record<TechnologyName, { readonly named: (claims: Claims) => readonly string[]; readonly zero: readonly string[] }>
> = {
  tdx: { named: () => ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2'], zero: ['mrowner', 'mrownerconfig'] },
  snp: { named: () => ['measurement'], zero: [] },
  sgx: { named: () => ['mrenclave'], zero: ['configid'] },
  nitro: { named: () => ['pcr0', 'pcr1', 'pcr2'], zero: [] },
  // PCR 14 is the manifest's.
  tpm: {
    named: ({ registers }) => Object.keys(registers).filter((name) => /^pcr\d+$/.test(name) && name !== 'pcr14'),
    zero: [],
  },
};

/** One register of a launch that is not as it has to be. */
export interface LaunchDifference {
  readonly register: string;
  readonly expected: string;
  readonly actual: string;
}

/**
 * Compares the launch of `claims` with that of `own`, or where `measurements` are given with them alone: it has to
 * be as one of them says. A register that one does not name has to be as in `own`, so naming few frees none.
 *
 * @returns What differs first; `undefined` for nothing.
 */
export function launchDifference(
  claims: Claims,
  own: Claims,
  measurements: readonly ReleaseMeasurement[] | undefined,
): LaunchDifference | undefined {
  const candidates =
    measurements === undefined
      ? [{}]
      : measurements.filter(({ technology }) => technology === claims.technology).map(({ registers }) => registers);
  const differences = candidates.map((named) => differenceFrom(claims, own, named));
  if (differences.includes(undefined)) return undefined;
  return differences[0] ?? { register: 'technology', expected: 'one that is named', actual: claims.technology };
}

function differenceFrom(
  claims: Claims,
  own: Claims,
  named: Readonly<Record<string, string>>,
): LaunchDifference | undefined {
  const { technology, registers } = claims;
  const { named: fixed, zero } = LAUNCH[technology];
  const names = new Set([...fixed(claims), ...fixed({ ...own, technology }), ...zero, ...Object.keys(named)]);
  const isSame = own.technology === technology;
  for (const register of names) {
    const actual = registers[register];
    const fallback = isSame ? own.registers[register] : zero.includes(register) ? zeros(actual) : undefined;
    const expected = named[register] ?? fallback;
    if (actual !== undefined && actual !== '' && actual === expected) continue;
    return { register, expected: expected ?? 'a value that is named', actual: actual ?? 'no such register' };
  }
  return undefined;
}

function zeros(value: string | undefined): string | undefined {
  return value === undefined ? undefined : '0'.repeat(value.length);
}
