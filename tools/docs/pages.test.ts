import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generatedPages } from './pages.ts';

for (const { file, text } of await generatedPages()) {
  test(`${file} is what npm run docs writes`, () => {
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(text);
  });
}
