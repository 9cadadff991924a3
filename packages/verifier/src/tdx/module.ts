/**
 * Whose TDX module runs, and at which level.
 *
 * Modules with a major version (TEE_TCB_SVN component 1 above zero) have an identity of their own
 * in TCB info, `TDX_01`, `TDX_03`, …, with levels by minor version; older ones have only the
 * general entry and no level.
 *
 * @module
 */
import { masked } from '../dcap/qe-identity.ts';
import type { TcbInfo } from '../dcap/tcb-info.ts';
import { type IdentityLevel, identityLevelOf } from '../dcap/tcb-status.ts';
import { refuse } from '../refusal.ts';
import type { TdReport } from './parse.ts';

/**
 * Demands that the module is the one that TCB info describes.
 *
 * @returns Its level; `undefined` for a module without a major version.
 * @throws RefusalError
 */
export function matchTdxModule(report: TdReport, tcbInfo: TcbInfo): IdentityLevel | undefined {
  const [minor = 0, major = 0] = report.teeTcbSvn;
  const own = major > 0 ? moduleIdentityOf(tcbInfo, major) : undefined;
  const identity = major > 0 ? own : tcbInfo.tdxModule;
  if (identity === undefined) {
    return refuse('TCB info knows no TDX module of this major version', {
      expected: tcbInfo.tdxModuleIdentities.map((known) => known.id).join(' or '),
      actual: moduleId(major),
    });
  }
  demand('MRSIGNERSEAM is not that of the TDX module in TCB info', identity.mrsigner, report.mrsignerseam);
  const { attributesMask } = identity;
  const attributes = [identity.attributes, report.seamAttributes].map((value) => masked(value, attributesMask));
  demand('SEAMATTRIBUTES are not those of the TDX module in TCB info', ...(attributes as [string, string]));
  if (own === undefined) return undefined;
  return (
    identityLevelOf(own.levels, minor) ??
    refuse(`the TDX module is below the lowest level of ${own.id}`, {
      expected: `version of at least ${Math.min(...own.levels.map((level) => level.isvSvn))}`,
      actual: String(minor),
    })
  );
}

/** The identity of modules with that major version, above zero. */
export function moduleIdentityOf(tcbInfo: TcbInfo, major: number): TcbInfo['tdxModuleIdentities'][number] | undefined {
  return tcbInfo.tdxModuleIdentities.find(({ id }) => id === moduleId(major));
}

function moduleId(major: number): string {
  return `TDX_${major.toString(16).toUpperCase().padStart(2, '0')}`;
}

function demand(message: string, expected: string, actual: string): void {
  if (expected !== actual) refuse(message, { expected, actual });
}
