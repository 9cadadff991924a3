/**
 * What an edit changes, as people read it: one hunk with a line of context on either side. More
 * context could show other servers' secrets; for the same reason only the surroundings of a change
 * inside a long line are shown.
 *
 * @module
 */

const CONTEXT = 1;
/** Characters; longer lines are files without line breaks. */
const LONG_LINE = 200;
const NEARBY = 20;

/** Lines prefixed with `  `, `- ` or `+ `; empty when nothing changes. For one contiguous change. */
export function lineDiff(before: string, after: string): readonly string[] {
  if (before === after) return [];
  const old = linesOf(before);
  const next = linesOf(after);
  const shorter = Math.min(old.length, next.length);
  let head = 0;
  while (head < shorter && old[head] === next[head]) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === next.at(-1 - tail)) tail++;
  const removed = old.slice(head, old.length - tail);
  const added = next.slice(head, next.length - tail);
  const [from, to] = withoutCommon(removed, added);
  return [
    ...next.slice(Math.max(0, head - CONTEXT), head).map((line) => `  ${shortened(line)}`),
    ...from.map((line) => `- ${line}`),
    ...to.map((line) => `+ ${line}`),
    ...next.slice(next.length - tail, next.length - tail + CONTEXT).map((line) => `  ${shortened(line)}`),
  ];
}

function linesOf(text: string): readonly string[] {
  return text === '' ? [] : text.replace(/\r?\n$/, '').split(/\r?\n/);
}

/** Of one long line that becomes another, what differs and a little around it. */
function withoutCommon(
  removed: readonly string[],
  added: readonly string[],
): readonly [readonly string[], readonly string[]] {
  const [old, next] = [removed[0] ?? '', added[0] ?? ''];
  if (removed.length !== 1 || added.length !== 1 || Math.max(old.length, next.length) <= LONG_LINE)
    return [removed, added];
  const shorter = Math.min(old.length, next.length);
  let head = 0;
  while (head < shorter && old[head] === next[head]) head++;
  let tail = 0;
  while (tail < shorter - head && old.at(-1 - tail) === next.at(-1 - tail)) tail++;
  const part = (line: string): string => {
    const from = Math.max(0, head - NEARBY);
    const to = Math.min(line.length, line.length - tail + NEARBY);
    return `${from > 0 ? '…' : ''}${line.slice(from, to)}${to < line.length ? '…' : ''}`;
  };
  return [[part(old)], [part(next)]];
}

function shortened(line: string): string {
  return line.length <= LONG_LINE ? line : `${line.slice(0, NEARBY)}…`;
}
