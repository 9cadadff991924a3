/**
 * Every command line of `vitrine` in the documentation names a command and options that exist.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseArguments } from './command.ts';
import { findCommand } from './commands.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const folders = ['docs', 'docs/guide', 'examples'].filter((folder) => existsSync(join(ROOT, folder)));
const pages = ['README.md', 'packages/cli/README.md']
  .filter((file) => existsSync(join(ROOT, file)))
  .concat(
    folders.flatMap((folder) =>
      readdirSync(join(ROOT, folder)).flatMap((name) => (name.endsWith('.md') ? join(folder, name) : [])),
    ),
  );

/** Command lines in blocks for a shell: with or without a prompt and npx, up to a comment, a pipe or the end. */
function commandLines(text: string): readonly string[] {
  const blocks = [...text.matchAll(/^```(?:sh|bash|shell|console)\n(.*?)^```/gms)].map(([, block = '']) => block);
  return blocks
    .flatMap((block) => block.replaceAll(/ \\\n\s*/g, ' ').split('\n'))
    .flatMap((line) => /^(?:\$ )?(?:npx (?:-y )?)?vitrine(?:@\S+)? (\S.*)$/.exec(line.trim())?.[1] ?? [])
    .map((line) => line.replace(/\s+#.*$|\s*[|>&;].*$/, '').trim());
}

for (const page of pages) {
  const lines = commandLines(readFileSync(join(ROOT, page), 'utf8'));
  if (lines.length === 0) continue;
  test(`${page}: every command line can be parsed`, () => {
    for (const line of lines) {
      const [name = '', ...args] = line.split(/\s+/);
      if (name === 'help' || name.startsWith('--')) continue;
      expect(() => parseArguments(args, findCommand(name).spec.options), line).not.toThrow();
    }
  });
}

test('the README shows commands', () => {
  expect(commandLines(readFileSync(join(ROOT, 'README.md'), 'utf8')).length).toBeGreaterThan(3);
});
