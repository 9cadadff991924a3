/**
 * Compares two sides of whatever kind, and says which parts of them were laid beside each other.
 *
 * @module
 */
import { type ToolChange, toolChanges } from '../catalogue/describe-change.ts';
import { type Comparison, compareFacts, rowChanges } from './compare.ts';
import type { Facts, Rows } from './facts.ts';
import type { Subject, SubjectEntry } from './subject.ts';

export interface SubjectComparison extends Comparison {
  /** One sentence each, for people. */
  readonly notes: readonly string[];
  /** The tools that differ, as they were on the wire; empty where a side does not keep them. */
  readonly tools: readonly ToolChange[];
}

/** Compares two sides. What one states and the other does not is a difference. */
export function compareSubjects(before: Subject, after: Subject): SubjectComparison {
  const { left, right, notes } = align(before, after);
  const tools =
    before.catalogue === undefined || after.catalogue === undefined
      ? []
      : toolChanges(before.catalogue, after.catalogue);
  return { ...compareFacts(left, right), notes, tools };
}

interface Aligned {
  readonly left: Facts;
  readonly right: Facts;
  readonly notes: readonly string[];
}

function align(before: Subject, after: Subject): Aligned {
  const bothReference = before.kind === 'reference-values' && after.kind === 'reference-values';
  if (bothReference) return { left: merged(before.entries), right: merged(after.entries), notes: [] };
  const [one] = before.entries;
  const [other] = after.entries;
  if (one === undefined || other === undefined) throw new Error('a side without an entry');
  const left = before.entries.length > 1 ? nearestEntry(before.entries, other) : one;
  const right = after.entries.length > 1 ? nearestEntry(after.entries, one) : other;
  return {
    left: withoutRelease(left.facts),
    right: withoutRelease(right.facts),
    notes: [...entryNote(before, left), ...entryNote(after, right)],
  };
}

function entryNote(subject: Subject, { key }: SubjectEntry): readonly string[] {
  const count = subject.entries.length;
  return count > 1 ? [`of the ${count} entries of ${subject.name}, the nearest is compared: ${key}`] : [];
}

/** Several entries as one, each row named by its entry: an entry that came or went is a difference, too. */
function merged(entries: readonly SubjectEntry[]): Facts {
  const sections: Record<string, Record<string, string>> = {};
  for (const { key, facts } of entries) {
    for (const [section, rows] of Object.entries(facts) as [string, Rows][]) {
      sections[section] ??= {};
      for (const [name, value] of Object.entries(rows)) {
        const row = name === 'release' ? name : `${key}: ${name}`;
        (sections[section] as Record<string, string>)[row] = value;
      }
    }
  }
  return sections;
}

/** Only reference values have a release; beside anything else it is no difference. */
function withoutRelease({ release: _, ...facts }: Facts): Facts {
  return facts;
}

function nearestEntry(entries: readonly SubjectEntry[], other: SubjectEntry): SubjectEntry {
  const distance = ({ facts }: SubjectEntry): number =>
    rowChanges(facts.registers ?? {}, other.facts.registers ?? {}).length +
    rowChanges(facts.digest ?? {}, other.facts.digest ?? {}).length;
  return entries.reduce((best, one) => (distance(one) < distance(best) ? one : best));
}
