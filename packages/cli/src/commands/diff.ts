/**
 * `vitrine diff`: how two releases, servers or pins differ.
 *
 * @module
 */
import {
  changeLine,
  compareSubjects,
  describeToolChanges,
  GROUPS,
  type Group,
  pinsFile,
  readPins,
  type SectionComparison,
  type Subject,
  type SubjectComparison,
  subjectOfFile,
  subjectOfPin,
} from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import { parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { groupHeading, SECTION_NAMES } from '../fact-lines.ts';
import { userHome } from '../home.ts';
import { isUrl, readText } from '../inputs.ts';
import { requirePin } from '../pinned.ts';
import { diffSpec } from '../specs/diff.ts';
import { clean, type Terminal, terminalOf, wrap } from '../terminal.ts';

export async function runDiff(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, diffSpec.options);
  const [first, second, extra] = positionals;
  if (rest !== undefined || extra !== undefined) {
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(extra ?? '--')}: expected two sides`);
  }
  if (first === undefined || second === undefined) {
    throw new UsageError('usage.missing', 'expected two sides: files, or URLs of pinned servers');
  }
  const before = await sideOf(first);
  const after = await sideOf(second);
  const comparison = compareSubjects(before, after);
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify(document(before, after, comparison))}\n`
      : text(before, after, comparison, terminalOf(process.stdout)),
  );
  return comparison.same ? EXIT.done : EXIT.notVerified;
}

/** A file, `pin:<url>`, or the URL of a pinned server. */
async function sideOf(given: string): Promise<Subject> {
  const url = given.startsWith('pin:') ? given.slice('pin:'.length) : isUrl(given) ? given : undefined;
  if (url === undefined) return subjectOfFile(given, readText(given), new Date());
  const pinned = requirePin(await readPins(pinsFile(userHome())), url);
  return subjectOfPin(`pin:${pinned.url}`, pinned.pin);
}

function document(before: Subject, after: Subject, comparison: SubjectComparison): object {
  const side = ({ name, kind, note }: Subject): object => ({ name, kind, note });
  const { same, sections, notes, tools } = comparison;
  return {
    type: 'vitrine/diff/v1',
    same,
    before: side(before),
    after: side(after),
    sections: sections.map(({ values: _, changes, ...section }) => ({
      ...section,
      changes: changes.map(({ name, before: old, after: next }) => ({
        name,
        before: old ?? null,
        after: next ?? null,
      })),
    })),
    notes,
    tools: tools.map(({ before: old, after: next, ...one }) => ({ ...one, before: old ?? null, after: next ?? null })),
  };
}

function text(before: Subject, after: Subject, comparison: SubjectComparison, terminal: Terminal): string {
  const { width } = terminal;
  const side = (letter: string, { name, note }: Subject): string =>
    `${letter}  ${wrap(`${clean(name)} (${clean(note)})`, width, '   ')}`;
  const groups = GROUPS.flatMap((group) => groupLines(group, comparison, terminal));
  return [
    side('a', before),
    side('b', after),
    ...comparison.notes.map((note) => `   ${wrap(clean(note), width, '   ')}`),
    '',
    ...groups,
    '',
    verdict(comparison, terminal),
    '',
  ].join('\n');
}

function verdict({ same, sections }: SubjectComparison, terminal: Terminal): string {
  if (same) return terminal.style('green', 'the same, as far as they say');
  return sections.some(({ status }) => status === 'different')
    ? terminal.style('red', 'they differ')
    : terminal.style('yellow', 'no difference in what both state, but not everything can be compared');
}

function groupLines(group: Group, { sections, tools }: SubjectComparison, terminal: Terminal): readonly string[] {
  const own = sections.filter((section) => section.group === group);
  const open = own.filter(({ status }) => status === 'different' || status === 'not-comparable');
  const heading = groupHeading(group);
  if (open.length === 0) return [`${heading}: ${quiet(own)}`];
  return [
    terminal.style('bold', heading),
    ...open.flatMap((one) => sectionLines(one, describeToolChanges(tools), terminal.width)),
  ];
}

/** What is said of a group without differences. */
function quiet(sections: readonly SectionComparison[]): string {
  const stated = sections.filter(({ status }) => status === 'same');
  if (stated.length === 0) return 'not stated by either';
  return stated.every(({ values }) => values === 0) ? 'the same: none declared' : 'the same';
}

function sectionLines(
  { section, status, statedBy, changes }: SectionComparison,
  toolLines: readonly string[],
  width: number,
): readonly string[] {
  if (status === 'not-comparable') {
    const [has, lacks] = statedBy === 'before' ? ['a', 'b'] : ['b', 'a'];
    return [
      `  ${wrap(`${SECTION_NAMES[section]}: cannot be compared: stated by ${has}, not stated by ${lacks}`, width, '    ')}`,
    ];
  }
  const lines = section === 'tools' && toolLines.length > 0 ? toolLines : changes.map(changeLine);
  return lines.map((line) => `  ${wrap(line, width, '    ')}`);
}
