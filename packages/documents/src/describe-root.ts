/**
 * Who stands behind what lasts of a server, for people: who else can derive the root of its keys, and whether an
 * older copy of its state would be noticed.
 *
 * @module
 */
import type { BootBinding } from './binding.ts';

type AppRoot = NonNullable<BootBinding['appRoot']>;

/** Who else can derive the root, one phrase. Secrets that are needed together are derived by all of them alone. */
export function describeDerivable({ sources }: Pick<AppRoot, 'sources'>): string {
  const others = sources.map(({ derivableBy }) => derivableBy);
  if (others.length === 0) return 'not stated';
  if (others.some((one) => one.length === 0)) return 'nobody else';
  // With two sources, each of them gives one half.
  return others.map((one) => one.join(' or ')).join(', together with ');
}

/** Whether an older copy of keys and data, or a second live one, would be noticed, and who could undo that. */
export function describeCopies({ copies, anchor }: Pick<AppRoot, 'copies' | 'anchor'>): string {
  if (copies === 'unbounded') return 'per live copy: an older or a second one goes unnoticed by the server';
  if (anchor === undefined) return 'anchored, by something that is not named';
  const back = anchor.rolledBackBy.length === 0 ? 'nobody' : anchor.rolledBackBy.join(' or ');
  return `anchored by ${anchor.kind}; can be put back by ${back}`;
}
