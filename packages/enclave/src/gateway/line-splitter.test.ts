import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createLineSplitter } from './line-splitter.ts';

function split(maxBytes: number, chunks: readonly Buffer[]): { readonly lines: string[]; readonly tooLong: number } {
  const lines: string[] = [];
  let tooLong = 0;
  const splitter = createLineSplitter(
    maxBytes,
    (line) => lines.push(line),
    () => {
      tooLong += 1;
    },
  );
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return { lines, tooLong };
}

promise('P8', 'lines arrive whole however the bytes are cut, also inside a character', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' }).filter((line) => !/[\r\n]/.test(line))),
      fc.integer({ min: 1, max: 7 }),
      (lines, size) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
          bytes.subarray(index * size, (index + 1) * size),
        );
        expect(split(1_000_000, chunks)).toEqual({ lines, tooLong: 0 });
      },
    ),
  );
});

promise('P8', 'a line beyond the limit is skipped alone, and announced once', () => {
  expect(split(3, [Buffer.from('abc\nab'), Buffer.from('cd'), Buffer.from('efgh\nxyz\r\nz')])).toEqual({
    lines: ['abc', 'z'],
    tooLong: 2,
  });
});

promise('P8', 'what follows the last newline is handed over at the end', () => {
  expect(split(10, [Buffer.from('one\r\n\ntwo')]).lines).toEqual(['one', '', 'two']);
});
