/**
 * A process that holds the lock of the key slots in the directory that it is given, until its input ends. It
 * writes a line when it has it.
 *
 * @module
 */
import { join } from 'node:path';
import { exclusively } from '../exclusive.ts';

const [directory = ''] = process.argv.slice(2);
await exclusively(join(directory, 'keyslots.lock'), async () => {
  process.stdout.write('held\n');
  for await (const _ of process.stdin);
});
