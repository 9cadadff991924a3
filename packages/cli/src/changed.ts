/**
 * What is said of a server that is not the one that was pinned: what differs, and the way on.
 *
 * @module
 */
import { clean } from './terminal.ts';

/**
 * Lines for stderr; empty where nothing differs. Whether to accept a change is for the user to find out.
 *
 * @param differences - One clean line each.
 */
export function changedText(url: string, differences: readonly string[]): string {
  if (differences.length === 0) return '';
  return [
    'vitrine: this server is not as you pinned it:',
    ...differences.map((line) => `  ${line}`),
    '  Ask its operator what changed and why. If you accept it, pin it again:',
    `  vitrine add ${clean(url)}`,
    '',
  ].join('\n');
}
