/**
 * What an edit changes, as people read it: one hunk with a line of context on either side. More
 * context could show other servers' secrets.
 *
 * @module
 */

const CONTEXT = 1;

/** Lines prefixed with `  `, `- ` or `+ `; empty when nothing changes. For one contiguous change. */
export function lineDiff(before: string, after: string): readonly string[] {
  if (before === after) return [];
  const old = before === '' ? [] : before.replace(/\r?\n$/, '').split(/\r?\n/);
  const next = after.replace(/\r?\n$/, '').split(/\r?\n/);
  const shorter = Math.min(old.length, next.length);
  let head = 0;
  while (head < shorter && old[head] === next[head]) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === next.at(-1 - tail)) tail++;
  const first = Math.max(0, head - CONTEXT);
  return [
    ...next.slice(first, head).map((line) => `  ${line}`),
    ...old.slice(head, old.length - tail).map((line) => `- ${line}`),
    ...next.slice(head, next.length - tail).map((line) => `+ ${line}`),
    ...next.slice(next.length - tail, next.length - tail + CONTEXT).map((line) => `  ${line}`),
  ];
}
