/**
 * The findings of `vitrine doctor`, for people.
 *
 * @module
 */
import { clean, type Terminal, wrap } from '../terminal.ts';
import { type Finding, GROUPS, isReady, type Status } from './finding.ts';

const STYLES = { ok: 'green', missing: 'dim', problem: 'red' } as const satisfies Record<Status, string>;
const COLUMN = 11;

export function doctorReport(findings: readonly Finding[], terminal: Terminal): string {
  const groups = GROUPS.filter((group) => findings.some((finding) => finding.group === group));
  const sections = groups.map((group) => {
    const heading = group;
    const lines = findings.filter((finding) => finding.group === group).map((finding) => lineOf(finding, terminal));
    return [terminal.style('bold', heading), ...lines].join('\n');
  });
  const last = isReady(findings)
    ? 'Nothing that using servers needs is broken.'
    : 'Something that using servers needs is broken: see above.';
  return `${[...sections, last].join('\n\n')}\n`;
}

function lineOf({ status, message, remedy }: Finding, terminal: Terminal): string {
  const gap = ' '.repeat(COLUMN);
  const head = `  ${terminal.style(STYLES[status], status.padEnd(COLUMN - 2))}${wrap(clean(message), terminal.width, gap)}`;
  return remedy === undefined ? head : `${head}\n${gap}→ ${wrap(clean(remedy), terminal.width, `${gap}  `)}`;
}
