/**
 * Compares what two documents state, section by section. Nothing is guessed: what only one of them
 * states cannot be compared, and that is a difference.
 *
 * @module
 */
import { type Facts, GROUPS, type Group, type Rows, SECTIONS, type Section } from './facts.ts';

export interface RowChange {
  readonly name: string;
  /** `undefined`: not there, although the section is stated. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

export interface SectionComparison {
  readonly section: Section;
  readonly group: Group;
  /** `not-comparable`: only one side states it. `not-stated`: neither does. */
  readonly status: 'same' | 'different' | 'not-comparable' | 'not-stated';
  /** Which side states it, where only one does. */
  readonly statedBy?: 'before' | 'after';
  readonly changes: readonly RowChange[];
  /** How many values are stated, at most. */
  readonly values: number;
}

export interface Comparison {
  readonly same: boolean;
  readonly sections: readonly SectionComparison[];
}

/** Compares two sides in the order of the groups. They are the same only when nothing is left open on one side. */
export function compareFacts(before: Facts, after: Facts): Comparison {
  const names = Object.keys(SECTIONS) as Section[];
  const sections = GROUPS.flatMap((group) => names.filter((name) => SECTIONS[name] === group)).map((section) =>
    compareSection(section, before[section], after[section]),
  );
  return {
    same: sections.every(({ status }) => status === 'same' || status === 'not-stated'),
    sections,
  };
}

function compareSection(section: Section, before: Rows | undefined, after: Rows | undefined): SectionComparison {
  const base = { section, group: SECTIONS[section] };
  const values = Math.max(Object.keys(before ?? {}).length, Object.keys(after ?? {}).length);
  if (before === undefined && after === undefined) return { ...base, status: 'not-stated', changes: [], values };
  if (before === undefined || after === undefined) {
    const statedBy = before === undefined ? 'after' : 'before';
    return { ...base, status: 'not-comparable', statedBy, changes: [], values };
  }
  const changes = rowChanges(before, after);
  return { ...base, status: changes.length === 0 ? 'same' : 'different', changes, values };
}

/** The rows that differ, in the order in which they are stated. */
export function rowChanges(before: Rows, after: Rows): readonly RowChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .map((name) => ({ name, before: own(before, name), after: own(after, name) }))
    .filter((row) => row.before !== row.after);
}

function own(rows: Rows, name: string): string | undefined {
  return Object.hasOwn(rows, name) ? rows[name] : undefined;
}
