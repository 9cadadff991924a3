/**
 * `npm run docs`: writes the pages that are generated. `npm run check` fails when one is not up to date.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { generatedPages } from './docs/pages.ts';

for (const { file, text } of await generatedPages()) {
  writeFileSync(file, text);
  process.stdout.write(`wrote ${file}\n`);
}
