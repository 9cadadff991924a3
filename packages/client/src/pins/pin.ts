/**
 * What a pin means: how it is made from a verdict, what it asks of later evidence, and how it
 * differs from another.
 *
 * @module
 */
import type { ReferenceValues } from '@vitrine/documents';
import type { AppraisalPolicy, AttestationResult, PresetName } from '@vitrine/verifier';
import { RefusedError } from '../errors.ts';
import type { Pin } from './pins-document.ts';

const REQUIRED = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'] as const;
const OPTIONAL = ['mrconfigid', 'mrowner', 'mrownerconfig'] as const;

export interface NewPin {
  /** A preset's name, or a complete policy. */
  readonly policy: PresetName | AppraisalPolicy;
  readonly simulated: boolean;
  readonly now: Date;
}

/**
 * Makes the pin that admits exactly what `result` found. Whether that is acceptable is decided
 * before, see `pinnable`.
 *
 * @throws RefusedError when the result has no authenticated claims about code and configuration.
 */
export function makePin(result: AttestationResult, { policy, simulated, now }: NewPin): Pin {
  const { claims } = result;
  if (claims?.manifest === undefined || claims.manifestDigest === undefined) {
    throw new RefusedError('pin.claims', 'the evidence does not authenticate a manifest, so there is nothing to pin');
  }
  if (claims.technology !== 'tdx') {
    throw new RefusedError(
      'pin.claims',
      `only servers on Intel TDX can be pinned in this version, not on ${claims.technology}`,
    );
  }
  const register = (name: string): string => {
    const value = claims.registers[name];
    if (value === undefined) throw new RefusedError('pin.claims', `the evidence has no register ${name}`);
    return value;
  };
  const [mrtd, rtmr0, rtmr1, rtmr2, rtmr3] = REQUIRED.map(register) as [string, string, string, string, string];
  const set = OPTIONAL.filter((name) => !/^0*$/.test(register(name)));
  return {
    mode: 'exact',
    technology: claims.technology,
    registers: { mrtd, rtmr0, rtmr1, rtmr2, rtmr3, ...Object.fromEntries(set.map((name) => [name, register(name)])) },
    manifestDigest: claims.manifestDigest,
    manifestNumber: claims.manifest.number,
    policy,
    simulated,
    firstSeen: now.toISOString(),
  };
}

/** The pin as reference values: the verifier's check `workload.reference` then fails on any change. */
export function pinReferenceValues(pin: Pin): ReferenceValues {
  return {
    type: 'vitrine/reference-values/v1',
    release: `pinned ${pin.firstSeen}`,
    entries: [
      {
        technology: pin.technology,
        shape: 'pinned',
        registers: pin.registers,
        computedBy: 'your pin',
        manifestDigest: pin.manifestDigest,
      },
    ],
  };
}

/**
 * Holds a result against a pin, whatever the policy waives.
 *
 * @throws RefusedError naming what differs.
 */
export function requirePinned(pin: Pin, result: AttestationResult): void {
  const { claims } = result;
  const number = claims?.manifest?.number;
  if (claims === undefined || number === undefined) {
    throw new RefusedError('pin.claims', 'the evidence does not authenticate a manifest to hold against your pin');
  }
  if (number < pin.manifestNumber) {
    throw new RefusedError(
      'pin.manifest-number',
      `the server went back to manifest number ${number}; you have seen number ${pin.manifestNumber}`,
    );
  }
  if (claims.technology !== pin.technology || claims.manifestDigest !== pin.manifestDigest) {
    throw new RefusedError('pin.manifest', `expected manifest ${pin.manifestDigest}, found ${claims.manifestDigest}`);
  }
  for (const name of [...REQUIRED, ...OPTIONAL]) {
    const actual = claims.registers[name];
    const expected = pin.registers[name] ?? '0'.repeat(96);
    if (actual !== expected) {
      throw new RefusedError('pin.registers', `register ${name}: expected ${expected}, found ${actual ?? 'nothing'}`);
    }
  }
}

/** What changes from one pin to another, one line each; empty when they admit the same. */
export function describePinChange(before: Pin, after: Pin): readonly string[] {
  const shown = (value: unknown): string => (value === undefined ? 'absent' : `${value}`);
  const rows: readonly (readonly [string, unknown, unknown])[] = [
    ['technology', before.technology, after.technology],
    ['manifest digest', before.manifestDigest, after.manifestDigest],
    ['manifest number', before.manifestNumber, after.manifestNumber],
    ...[...REQUIRED, ...OPTIONAL].map(
      (name) => [`register ${name}`, before.registers[name], after.registers[name]] as const,
    ),
    ['policy', policyName(before), policyName(after)],
    ['simulated', before.simulated, after.simulated],
  ];
  return rows
    .filter(([, old, next]) => old !== next)
    .map(([name, old, next]) => `${name}: ${shown(old)} -> ${shown(next)}`);
}

function policyName({ policy }: Pin): string {
  return typeof policy === 'string' ? policy : JSON.stringify(policy);
}
