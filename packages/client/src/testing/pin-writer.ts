/**
 * A process that pins servers one after the other, for tests of what happens when several do, and
 * when one is killed: `node pin-writer.ts FILE PREFIX COUNT < pin.json`. Prints each URL once it is
 * pinned.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import type { Pin } from '../pins/pins-document.ts';
import { writePin } from '../pins/pins-store.ts';

const [file = '', prefix = '', count = ''] = process.argv.slice(2);
const pin = JSON.parse(readFileSync(0, 'utf8')) as Pin;
for (let index = 0; index < Number(count); index++) {
  const url = `https://${prefix}-${index}.example/mcp`;
  await writePin(file, url, pin);
  process.stdout.write(`${url}\n`);
}
