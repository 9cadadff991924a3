/**
 * Appraisal of the firmware behind a report: its versions, and which mitigations are in effect.
 *
 * AMD publishes no status of TCB versions: what is good enough is in the policy. Order of the four
 * TCB versions: SEV-SNP Firmware ABI Specification (AMD 56860), "TCB Version" and "SNP_COMMIT".
 *
 * @module
 */
import { sameBytes, toHex } from '@vitrine/documents/evidence';
import { failed, passed, showBits, waived } from '../dcap/findings.ts';
import type { Check } from '../result.ts';
import type { SnpClaims } from './authenticate.ts';
import type { FirmwareVersion, SnpReport } from './parse.ts';
import type { SnpPolicy } from './policy.ts';
import { processorOf, type SnpProcessor, showTcb, type TcbPart, tcbParts } from './product.ts';

type TcbName = keyof SnpReport['tcb'];

export function provisionalCheck({ report }: SnpClaims, policy: SnpPolicy): Check {
  const id = 'snp.provisional-firmware';
  const { current, committed, tcb } = report;
  const actual = `running ${showVersion(current)} (${toHex(tcb.current)}), committed ${showVersion(committed)} (${toHex(tcb.committed)})`;
  const difference = { expected: 'all that runs is committed', actual };
  if (policy.provisionalFirmware === 'any') {
    return waived(id, 'The policy accepts firmware that the host may still roll back.', difference);
  }
  return compareVersions(current, committed) === 0 && sameBytes(tcb.current, tcb.committed)
    ? passed(id, 'The running firmware is committed: the host cannot roll it back.', difference)
    : failed(id, 'The host can roll the running firmware back to an older version.', difference);
}

/** What a report states must be possible, whatever the policy; then each version is compared with the least one. */
export function tcbCheck({ report, product }: SnpClaims, { minimumTcb }: SnpPolicy): Check {
  const id = 'snp.tcb';
  const names: readonly TcbName[] = ['reported', 'committed', 'current', 'launch'];
  const actual = names.map((name) => `${name}: ${showTcb(product, report.tcb[name])}`).join('; ');
  const parts = Object.fromEntries(names.map((name) => [name, tcbParts(product, report.tcb[name])])) as Record<
    TcbName,
    ReturnType<typeof tcbParts>
  >;
  const reserved = names.find((name) => !onlyParts(report.tcb[name], parts[name]));
  if (reserved !== undefined) {
    return failed(id, `The ${reserved} TCB version has reserved bytes with unknown values.`, {
      actual: toHex(report.tcb[reserved]),
    });
  }
  for (const [lower, upper] of [
    ['committed', 'current'],
    ['reported', 'committed'],
  ] as const) {
    const above = parts[lower].find(([, value], index) => value > (parts[upper][index]?.[1] ?? 0));
    if (above !== undefined) {
      return failed(id, `The ${lower} TCB version is above the ${upper} one in its part ${above[0]}.`, { actual });
    }
  }
  const processors = processorsOf({ report, product });
  const demanded = processors.flatMap((processor) => {
    const minimum: 'any' | Readonly<Partial<Record<TcbPart, number>>> = minimumTcb[processor];
    return minimum === 'any' ? [] : [{ processor, minimum }];
  });
  const expected = demanded
    .map(
      ({ processor, minimum }) =>
        `${processor}: at least ${Object.entries(minimum)
          .map((part) => part.join(' '))
          .join(', ')}`,
    )
    .join('; ');
  for (const { processor, minimum } of demanded) {
    for (const name of ['reported', 'committed', 'launch'] as const) {
      const below = parts[name].find(([part, value]) => value < (minimum[part] ?? 0));
      if (below !== undefined) {
        const [part, value] = below;
        const message = `The ${name} TCB version is below what the policy accepts of ${processor}: ${part} ${value}.`;
        return failed(id, message, { expected, actual });
      }
    }
  }
  const open = processors.filter((processor) => minimumTcb[processor] === 'any');
  if (open.length > 0) {
    const difference = demanded.length === 0 ? { actual } : { expected, actual };
    return waived(id, `The policy accepts any TCB version of ${open.join(' or ')}.`, difference);
  }
  return passed(id, 'The reported, the committed and the launch TCB version are ones that the policy accepts.', {
    expected,
    actual,
  });
}

export function firmwareVersionCheck({ report }: SnpClaims, { minimumFirmware: minimum }: SnpPolicy): Check {
  const id = 'snp.firmware-version';
  const { current, committed } = report;
  const actual = `current ${showVersion(current)}, committed ${showVersion(committed)}`;
  if (compareVersions(committed, current) > 0) {
    return failed(id, 'The committed firmware is newer than the running one.', { actual });
  }
  if (minimum === 'any') return waived(id, 'The policy accepts any version of the firmware.', { actual });
  const difference = { expected: `at least ${showVersion(minimum)}`, actual };
  return compareVersions(committed, minimum) >= 0
    ? passed(id, 'The firmware has a version that the policy accepts.', difference)
    : failed(id, 'The firmware is older than the policy accepts.', difference);
}

export function mitigationsCheck({ report }: SnpClaims, { mitigations: wanted }: SnpPolicy): Check {
  const id = 'snp.mitigations';
  const { mitigations } = report;
  const actual =
    mitigations === undefined
      ? `not stated in report version ${report.version}`
      : `launch ${showBits(mitigations.launch)}, current ${showBits(mitigations.current)}`;
  if (wanted === 'any') return waived(id, 'The policy asks for no particular mitigation.', { actual });
  const mask = BigInt(`0x${wanted}`);
  const difference = { expected: `all of ${showBits(mask)}`, actual };
  if (mitigations === undefined)
    return failed(id, 'The report does not say which mitigations are in effect.', difference);
  return (mitigations.launch & mitigations.current & mask) === mask
    ? passed(id, 'The mitigations that the policy asks for were in effect at launch and are now.', difference)
    : failed(id, 'Not all mitigations that the policy asks for were in effect at launch and are now.', difference);
}

/** Genoa's root also stands over Bergamo and Siena, and a version 2 report does not tell them apart: both must be good. */
function processorsOf({ report, product }: Pick<SnpClaims, 'report' | 'product'>): readonly SnpProcessor[] {
  if (report.cpuid === undefined) return product === 'Genoa' ? ['Genoa', 'Bergamo'] : [product];
  return [processorOf(report.cpuid)?.processor ?? product];
}

/** Whether every byte that is set belongs to a part. */
function onlyParts(tcb: Uint8Array, parts: ReturnType<typeof tcbParts>): boolean {
  return tcb.filter((value) => value !== 0).length === parts.filter(([, value]) => value !== 0).length;
}

function compareVersions(one: FirmwareVersion, other: FirmwareVersion): number {
  return one.major - other.major || one.minor - other.minor || one.build - other.build;
}

function showVersion({ major, minor, build }: FirmwareVersion): string {
  return `${major}.${minor}.${build}`;
}
