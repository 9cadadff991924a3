/**
 * The generated pages of the documentation.
 *
 * @module
 */
import { checksPage } from './checks-page.ts';
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
    ...(evidence === undefined ? [] : [{ file: 'docs/real-evidence.md', text: evidence }]),
  ];
}
