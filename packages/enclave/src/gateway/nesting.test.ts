import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { MAX_NESTING, nestsTooDeep } from './nesting.ts';

const nested = (depth: number, inside = ''): string => '[{"a":'.repeat(depth / 2) + inside + '}]'.repeat(depth / 2);
const filler = `"${'x'.repeat(600)}"`;

promise('P8', 'what nests as deep as allowed passes, one level more does not', () => {
  expect(nestsTooDeep(nested(MAX_NESTING, filler))).toBe(false);
  expect(nestsTooDeep(`[${nested(MAX_NESTING, filler)}]`)).toBe(true);
  expect(nestsTooDeep('['.repeat(300_000))).toBe(true);
});

promise('P8', 'brackets within strings do not count, whatever is escaped there', () => {
  for (const text of ['['.repeat(1000), '\\"['.repeat(1000), '\\\\'.repeat(600)]) {
    expect(nestsTooDeep(JSON.stringify([text, [text]]))).toBe(false);
  }
  expect(nestsTooDeep(`["${'\\\\'.repeat(10)}",${nested(MAX_NESTING, filler)}]`)).toBe(true);
});

promise('P8', 'many siblings are not depth', () => {
  expect(nestsTooDeep(`[${'[],'.repeat(10_000)}{}]`)).toBe(false);
});

promise('P8', 'any JSON is judged by its real depth', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(140), (value, around) => {
      const text = `${'['.repeat(around)}${JSON.stringify([value, 'x'.repeat(300)])}${']'.repeat(around)}`;
      expect(nestsTooDeep(text)).toBe(around + 1 + depthOf(value) > MAX_NESTING);
    }),
  );
});
