/**
 * `vitrine completion`: prints a shell's completion script, made from the table of commands.
 *
 * @module
 */
import { nearest, UsageError } from '@vitrine/documents';
import { onlyPositional, parseArguments } from '../command.ts';
import type { CommandRow } from '../command-spec.ts';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { powershellCompletion } from '../completion/powershell.ts';
import { type CommandWords, completionWords } from '../completion/words.ts';
import { zshCompletion } from '../completion/zsh.ts';
import { EXIT } from '../exit-code.ts';
import { completionSpec } from '../specs/completion.ts';

const SHELLS: ReadonlyMap<string, (commands: readonly CommandWords[]) => string> = new Map([
  ['bash', bashCompletion],
  ['zsh', zshCompletion],
  ['fish', fishCompletion],
  ['powershell', powershellCompletion],
]);

export async function runCompletion(args: readonly string[], commands: readonly CommandRow[]): Promise<number> {
  const { positionals } = parseArguments(args, completionSpec.options);
  const names = [...SHELLS.keys()];
  const shell = onlyPositional(positionals, `a shell: ${names.join(', ')}`);
  const script = SHELLS.get(shell);
  if (script === undefined) {
    const near = nearest(shell, names);
    const hint = near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
    throw new UsageError(
      'usage.shell',
      `unknown shell ${JSON.stringify(shell)}${hint} (expected one of ${names.join(', ')})`,
    );
  }
  process.stdout.write(script(completionWords(commands)));
  return EXIT.done;
}
