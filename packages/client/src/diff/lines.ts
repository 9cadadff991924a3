/**
 * Differences as lines for people. Values come from elsewhere, so each line is cleaned.
 *
 * @module
 */
import { visibleText } from '../clean-text.ts';
import type { RowChange } from './compare.ts';

const MAX_SHOWN = 200;
const DIGEST_START = 16;

/** One change: `version: "1.0.0" -> "1.1.0"`. */
export function changeLine({ name, before, after }: RowChange): string {
  const start = `${visibleText(name)}: `;
  const [old, next] = shownPair(before, after);
  return `${start}${old} -> ${next}`;
}

/** Digests are shortened, unless that would make two different ones look the same. */
function shownPair(before: string | undefined, after: string | undefined): readonly [string, string] {
  const short = [shown(before, true), shown(after, true)] as const;
  if (short[0] !== short[1]) return short;
  const long = [shown(before, false), shown(after, false)] as const;
  return long[0] !== long[1] ? long : [`${long[0]} (differs in what is not drawn)`, long[1]];
}

function shown(value: string | undefined, short: boolean): string {
  if (value === undefined) return 'absent';
  const digest = /^"?([0-9a-f]{64,})"?$/.exec(value)?.[1];
  if (short && digest !== undefined) return `${digest.slice(0, DIGEST_START)}…`;
  const text = visibleText(value);
  return short && text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
