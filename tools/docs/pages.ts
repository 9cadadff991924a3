/**
 * The generated pages of the documentation.
 *
 * @module
 */
import { COMMANDS } from '../../packages/cli/src/commands.ts';
import { manPage } from '../../packages/cli/src/man-page.ts';
import { VERSION } from '../../packages/cli/src/version.ts';
import { checksPage } from './checks-page.ts';
import { commandsPage } from './commands-page.ts';
import { evidencePage } from './evidence-page.ts';

export interface Page {
  readonly file: string;
  readonly text: string;
}

/** Every page that can be generated here; the one on real evidence needs that evidence. */
export async function generatedPages(): Promise<readonly Page[]> {
  const evidence = await evidencePage();
  return [
    { file: 'docs/checks.md', text: checksPage() },
    { file: 'docs/commands.md', text: commandsPage() },
    { file: 'packages/cli/man/vitrine.1', text: manPage(COMMANDS, VERSION) },
    ...(evidence === undefined ? [] : [{ file: 'docs/real-evidence.md', text: evidence }]),
  ];
}
