/**
 * `vitrine man`: prints the manual page.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { parseArguments } from '../command.ts';
import type { CommandRow } from '../command-spec.ts';
import { EXIT } from '../exit-code.ts';
import { manPage } from '../man-page.ts';
import { manSpec } from '../specs/man.ts';
import { VERSION } from '../version.ts';

export async function runMan(args: readonly string[], commands: readonly CommandRow[]): Promise<number> {
  const { positionals } = parseArguments(args, manSpec.options);
  const [extra] = positionals;
  if (extra !== undefined)
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(extra)}: expected none`);
  process.stdout.write(manPage(commands, VERSION));
  return EXIT.done;
}
