/**
 * A process that makes a root in the directory that it is given, as several are started at once. It says on
 * its standard output what came of it: the identifier of the root, or the code of the error.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { VitrineError } from '@vitrine/documents';
import { openAppRoot } from '../app-root.ts';
import { fixedSource } from './root-sources.ts';

const [directory = ''] = process.argv.slice(2);
try {
  const root = await openAppRoot({
    directory,
    appId: 'notes',
    manifestDigest: 'ab'.repeat(48),
    manifestNumber: 1,
    sources: [fixedSource('simulator', 7)],
    genesis: true,
    randomBytes,
  });
  process.stdout.write(root.id);
} catch (error) {
  process.stdout.write(error instanceof VitrineError ? error.code : String(error));
}
