/**
 * TCB info of the simulated platform, the object that Intel would sign: which security versions
 * are up to date, for the machine and for the TDX module.
 *
 * Format: Intel PCS API v4, TCB info structure version 3 for TDX.
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import type { Platform } from './platform.ts';

interface TcbComponent {
  readonly svn: number;
  readonly category?: string;
  readonly type?: string;
}

interface StatusEntry {
  readonly tcbDate: string;
  readonly tcbStatus: string;
  readonly advisoryIDs?: readonly string[];
}

export interface ModuleTcbLevel extends StatusEntry {
  readonly tcb: { readonly isvsvn: number };
}

export interface TdxModuleIdentity {
  readonly id: string;
  readonly mrsigner: string;
  readonly attributes: string;
  readonly attributesMask: string;
  readonly tcbLevels: readonly ModuleTcbLevel[];
}

export interface TcbLevel extends StatusEntry {
  readonly tcb: {
    readonly sgxtcbcomponents: readonly TcbComponent[];
    readonly pcesvn: number;
    readonly tdxtcbcomponents: readonly TcbComponent[];
  };
}

export interface TcbInfo {
  readonly id: string;
  readonly version: number;
  readonly issueDate: string;
  readonly nextUpdate: string;
  readonly fmspc: string;
  readonly pceId: string;
  readonly tcbType: number;
  readonly tcbEvaluationDataNumber: number;
  readonly tdxModule: Omit<TdxModuleIdentity, 'id' | 'tcbLevels'>;
  readonly tdxModuleIdentities: readonly TdxModuleIdentity[];
  readonly tcbLevels: readonly TcbLevel[];
}

/**
 * Far above any number that Intel has given out, so that a policy's minimum, which counts Intel's
 * evaluations, never refuses simulated evidence for a reason that says nothing about it.
 */
export const TCB_EVALUATION_DATA_NUMBER = 999;
/** TEE_TCB_SVN of the simulated TD: module TDX_01 at version 6, microcode 8. */
export const TEE_TCB_SVN: readonly number[] = [6, 1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

const ADVISORIES = ['INTEL-SA-00001', 'INTEL-SA-00002'];
const CATEGORIES: readonly Omit<TcbComponent, 'svn'>[] = [
  { category: 'BIOS', type: 'Early Microcode Update' },
  { category: 'OS/VMM', type: 'SGX Late Microcode Update' },
  { category: 'OS/VMM', type: 'TXT SINIT' },
  { category: 'BIOS' },
  { category: 'BIOS' },
  { category: 'BIOS' },
  {},
  { category: 'OS/VMM', type: 'SEAMLDR ACM' },
];
const TDX_CATEGORIES: readonly Omit<TcbComponent, 'svn'>[] = [
  { category: 'OS/VMM', type: 'TDX Module' },
  { category: 'OS/VMM', type: 'TDX Module' },
  { category: 'OS/VMM', type: 'TDX Late Microcode Update' },
];
const MODULE = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'FF'.repeat(8) };

/** The good TCB info of `platform`: its own versions are up to date, older ones are not. */
export function createTcbInfo(platform: Platform, issueDate: Date, nextUpdate: Date): TcbInfo {
  const level = (sgx: readonly number[], pcesvn: number, tdx: readonly number[], entry: StatusEntry): TcbLevel => ({
    tcb: { sgxtcbcomponents: components(sgx, CATEGORIES), pcesvn, tdxtcbcomponents: components(tdx, TDX_CATEGORIES) },
    ...entry,
  });
  const older = platform.componentSvns.map((svn, index) => (index < 2 ? Math.max(0, svn - 1) : svn));
  const current: StatusEntry = { tcbDate: '2024-11-13T00:00:00Z', tcbStatus: 'UpToDate' };
  const outdated: StatusEntry = { tcbDate: '2024-03-13T00:00:00Z', tcbStatus: 'OutOfDate', advisoryIDs: ADVISORIES };
  const ancient: StatusEntry = { ...outdated, tcbDate: '2018-01-04T00:00:00Z' };
  return {
    id: 'TDX',
    version: 3,
    issueDate: pcsTime(issueDate),
    nextUpdate: pcsTime(nextUpdate),
    fmspc: toHex(platform.fmspc).toUpperCase(),
    pceId: toHex(platform.pceId).toUpperCase(),
    tcbType: 0,
    tcbEvaluationDataNumber: TCB_EVALUATION_DATA_NUMBER,
    tdxModule: MODULE,
    tdxModuleIdentities: [
      { id: 'TDX_03', ...MODULE, tcbLevels: [{ tcb: { isvsvn: 3 }, ...current }] },
      {
        id: 'TDX_01',
        ...MODULE,
        tcbLevels: [
          { tcb: { isvsvn: 6 }, ...current },
          { tcb: { isvsvn: 4 }, ...outdated },
        ],
      },
    ],
    tcbLevels: [
      level(platform.componentSvns, platform.pceSvn, [5, 0, 8], current),
      level(older, platform.pceSvn, [5, 0, 7], outdated),
      level(older, Math.max(0, platform.pceSvn - 6), [3, 0, 5], ancient),
    ],
  };
}

/** Times as Intel's service writes them: UTC, to the second. */
export function pcsTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

function components(
  svns: readonly number[],
  categories: readonly Omit<TcbComponent, 'svn'>[],
): readonly TcbComponent[] {
  return Array.from({ length: 16 }, (_, index) => ({ svn: svns[index] ?? 0, ...categories[index] }));
}
