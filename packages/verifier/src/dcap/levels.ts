/**
 * Choosing the TCB level of a platform.
 *
 * Levels are ordered here, by component, because the order of the JSON is not part of what it
 * says. The first level that the platform reaches in every component is its level.
 *
 * @module
 */
import { type Difference, refuse } from '../refusal.ts';
import type { TcbComponent, TcbInfo, TcbLevel } from './tcb-info.ts';

/** Security versions of a platform, as the PCK certificate and the quote state them. */
export interface PlatformTcb {
  readonly sgx: readonly number[];
  readonly pceSvn: number;
  /** TEE_TCB_SVN; `undefined` for SGX, which has no such part. */
  readonly tdx: readonly number[] | undefined;
}

export type LevelChoice =
  | { readonly level: TcbLevel }
  | { readonly level: undefined; readonly reason: string; readonly difference: Difference };

/** The level of `platform`, or what keeps it from even the lowest one. */
export function chooseLevel(tcbInfo: TcbInfo, platform: PlatformTcb): LevelChoice {
  const levels = [...tcbInfo.levels].sort(descending);
  const level = levels.find((candidate) => shortfall(candidate, platform) === undefined);
  if (level !== undefined) return { level };
  const lowest = levels.at(-1);
  const missing = lowest === undefined ? undefined : shortfall(lowest, platform);
  if (missing === undefined) return { level: undefined, reason: 'no TCB level matches', difference: {} };
  return {
    level: undefined,
    reason: `no TCB level matches: ${missing.name} is ${missing.actual} and even the lowest level asks ${missing.wanted}`,
    difference: { expected: `${missing.name} of at least ${missing.wanted}`, actual: String(missing.actual) },
  };
}

/** The level above which there is none. TCB info always has one. */
export function highestLevel({ levels }: TcbInfo): TcbLevel {
  const [first, ...others] = levels;
  if (first === undefined) return refuse('TCB info has no levels');
  return others.reduce((best, one) => (descending(one, best) < 0 ? one : best), first);
}

interface Shortfall {
  readonly name: string;
  readonly wanted: number;
  readonly actual: number;
}

/** The first component in which `platform` does not reach `level`. */
function shortfall(level: TcbLevel, platform: PlatformTcb): Shortfall | undefined {
  const sgx = firstBelow('CPUSVN', level.sgx, platform.sgx, 0);
  if (sgx !== undefined) return sgx;
  if (platform.pceSvn < level.pceSvn) return { name: 'PCESVN', wanted: level.pceSvn, actual: platform.pceSvn };
  if (platform.tdx === undefined) return undefined;
  // A module with a major version is judged by its own identity, which replaces the first two components.
  const first = (platform.tdx[1] ?? 0) > 0 ? 2 : 0;
  return firstBelow('TEE_TCB_SVN', level.tdx, platform.tdx, first);
}

function firstBelow(
  name: string,
  wanted: readonly TcbComponent[],
  actual: readonly number[],
  first: number,
): Shortfall | undefined {
  for (let index = first; index < wanted.length; index++) {
    const component = wanted[index];
    // A component that is not there is below every demand.
    const value = actual[index] ?? -1;
    if (component === undefined || value >= component.svn) continue;
    const kind = component.type === '' ? '' : ` (${component.type})`;
    return { name: `${name} component ${index}${kind}`, wanted: component.svn, actual: value };
  }
  return undefined;
}

function descending(left: TcbLevel, right: TcbLevel): number {
  return difference(left.sgx, right.sgx) || right.pceSvn - left.pceSvn || difference(left.tdx, right.tdx);
}

/** Of the first components that differ. All levels of one TCB info have the same number of them. */
function difference(left: readonly TcbComponent[], right: readonly TcbComponent[]): number {
  for (let index = 0; index < left.length; index++) {
    const found = (right[index]?.svn ?? 0) - (left[index]?.svn ?? 0);
    if (found !== 0) return found;
  }
  return 0;
}
