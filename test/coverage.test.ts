/**
 * Each promise has a test that cites it, or a line here that says when it comes.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type PromiseId, promises } from './promises.ts';

/** Promises that no part of the present version serves. Each is named in LIMITATIONS.md. */
const NOT_YET: readonly PromiseId[] = ['P5', 'P6'];

const cited = new Set(
  execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.test.ts'], { encoding: 'utf8' })
    .split('\n')
    .filter((file) => file !== '' && existsSync(file))
    .flatMap((file) =>
      [...readFileSync(file, 'utf8').matchAll(/\bpromise(?:\.unless)?\(\s*(?:missing[A-Za-z]*,\s*)?'(P\d+)'/g)].map(
        (match) => match[1] ?? '',
      ),
    ),
);

test('every cited promise exists', () => {
  expect([...cited].filter((id) => !Object.hasOwn(promises, id))).toEqual([]);
});

test('every promise is shown by a test, or known to come later', () => {
  const silent = Object.keys(promises).filter((id) => !cited.has(id));
  expect(silent).toEqual(NOT_YET);
  const limitations = readFileSync('LIMITATIONS.md', 'utf8');
  for (const id of NOT_YET) expect(limitations).toContain(id);
});
