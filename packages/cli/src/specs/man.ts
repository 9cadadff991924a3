/**
 * What `vitrine man` is called with.
 *
 * @module
 */
import type { CommandSpec } from '../command-spec.ts';

export const manSpec = {
  name: 'man',
  usage: '',
  summary: 'Print the manual page',
  description:
    'Prints the manual page vitrine(1) in the format of man. A global installation brings it as `man vitrine`.',
  positionals: [],
  examples: [{ command: 'vitrine man | man -l -' }, { command: 'vitrine man > ~/.local/share/man/man1/vitrine.1' }],
  options: {},
  exitCodes: { 0: 'done', 2: 'wrong usage' },
} as const satisfies CommandSpec;
