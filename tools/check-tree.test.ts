import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { checkTree } from './check-tree.ts';

function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), 'vitrine-tree-'));
  try {
    execFileSync('git', ['init', '--quiet'], { cwd: root });
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    return checkTree(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

test('a tree that keeps the rules has no problem', () => {
  expect(
    problemsOf({
      'packages/client/src/a.ts': "import { verify } from '@vitrine/verifier';\n",
      'README.md': '[a](packages/client/src/a.ts)',
    }),
  ).toEqual([]);
});

const broken: readonly (readonly [string, Readonly<Record<string, string>>, RegExp])[] = [
  [
    'an import against the direction',
    { 'packages/verifier/src/a.ts': "import { x } from '@vitrine/client';\n" },
    /verifier may not import client/,
  ],
  [
    'a lazy import against the direction',
    { 'packages/enclave/src/a.ts': "await import('@vitrine/simulator');\n" },
    /enclave may not import simulator/,
  ],
  [
    'a reach into another package',
    { 'packages/client/src/a.ts': "import { x } from '../../verifier/src/x.ts';\n" },
    /reaches into another package/,
  ],
  ['a package without a row', { 'packages/new/src/a.ts': '' }, /no row/],
  [
    'a circle',
    { 'tools/a.ts': "import './b.ts';\nimport { b } from './b.ts';\n", 'tools/b.ts': "import { a } from './a.ts';\n" },
    /circle: /,
  ],
  ['a file over the ceiling', { 'tools/a.ts': '\n'.repeat(401) }, /402 lines/],
  ['a link to nowhere', { 'README.md': '[a](nowhere.md)' }, /link to nowhere\.md/],
  ['unfinished work', { 'tools/a.ts': `// ${'TO'}DO later\n` }, /does not belong/],
];
for (const [what, files, message] of broken) {
  test(`${what} is a problem`, () => {
    expect(problemsOf(files).join('\n')).toMatch(message);
  });
}
