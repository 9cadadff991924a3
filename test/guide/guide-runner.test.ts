import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { missingLine, parseGuide, runGuide } from '../support/guide.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vitrine-guide-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const block = (info: string, ...lines: readonly string[]): string => `\`\`\`${info}\n${lines.join('\n')}\n\`\`\`\n`;
const run = (...blocks: readonly string[]): Promise<void> =>
  runGuide(blocks.join('\ntext between\n\n'), { directory, environment: process.env });
const supported = process.platform !== 'win32';

test('a guide has commands with exit codes, in the foreground and the background, and files', () => {
  const guide = [
    block('sh', 'one \\', '  two', '', '# a comment', 'three   # exit code 3', 'four &'),
    block('text', 'shown'),
    block('console', 'not run'),
    block('js file=a.mjs', 'x'),
  ].join('\n');
  expect(parseGuide(guide)).toEqual([
    {
      line: 1,
      commands: [
        { text: 'one \\\n  two', exitCode: 0, background: false },
        { text: 'three', exitCode: 3, background: false },
        { text: 'four', exitCode: 0, background: true },
      ],
      expected: ['shown'],
    },
    { line: 18, file: 'a.mjs', content: 'x\n' },
  ]);
});

test('output is compared without regard to blanks and to what … stands for, but in order', () => {
  const output = '  digest  4f2a9c\n  wrapped over\n  two lines\n';
  expect(missingLine(output, ['digest …', 'wrapped over two lines'])).toBeUndefined();
  expect(missingLine(output, ['wrapped over two lines', 'digest …'])).toBe('digest …');
  expect(missingLine(output, ['digest 5'])).toBe('digest 5');
});

test.runIf(supported)('variables, folders and files last from block to block', async () => {
  await run(
    block('sh', 'NAME=Ada', 'mkdir a', 'cd a'),
    block('sh', 'echo "$NAME in $(basename "$PWD")"'),
    block('text', 'Ada in a'),
  );
});

test.runIf(supported)('a guide that says what is not so fails, with the line', async () => {
  await expect(run(block('sh', 'echo Hello'), block('text', 'Goodbye'))).rejects.toThrow(
    /line 1: not printed: Goodbye/,
  );
  await expect(run(block('sh', 'echo Hello; false'))).rejects.toThrow(/line 1: .*ended with 1, not 0:\nHello/s);
  await expect(run(block('sh', 'true   # exit code 1'))).rejects.toThrow(/ended with 0, not 1/);
  await expect(run(block('sh', '(echo over) &'))).rejects.toThrow(/ended with -1/);
});

test.runIf(supported)('what runs in the background is ended with the guide', async () => {
  await run(
    block('sh', 'sh -c "echo Ctrl-C; exec sleep 1000" &', 'echo $! > job'),
    block('sh', 'kill -0 $(cat job)'),
    block('js file=later', 'x'),
    block('sh', 'cp job kept'),
  );
  const job = Number(readFileSync(join(directory, 'kept'), 'utf8'));
  expect(() => process.kill(job, 0)).toThrow();
});

const GUIDES = join(import.meta.dirname, '../../docs/guide');
for (const name of readdirSync(GUIDES).filter((file) => file.endsWith('.md'))) {
  test(`${name}: its commands fit a terminal of 80 columns and need nothing filled in`, () => {
    const blocks = parseGuide(readFileSync(join(GUIDES, name), 'utf8'));
    const lines = blocks.flatMap((one) =>
      'commands' in one ? one.commands.flatMap(({ text }) => text.split('\n')) : [],
    );
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.filter((line) => line.length > 80 || /\b(?:FILE|URL|DIGEST|PATH)\b|<[a-z]+>/.test(line))).toEqual([]);
  });
}
