/**
 * Makes the image of this example: the Node that runs this, the libraries that it needs, and the server.
 * With a container tool at hand it would be `FROM node` and `COPY server.mjs`, saved as an OCI layout:
 * `docker buildx build --output type=oci,tar=false,dest=layout .`
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LayerEntry, writeImageLayout } from './image-layout.ts';

/** Writes the layout into `directory`; the digest of the image. */
export function makeImage(directory: string): string {
  return writeImageLayout(directory, {
    architecture: process.arch,
    layers: [
      [file('usr/bin/node', process.execPath, true), ...libraries().map((path) => file(path.slice(1), path, true))],
      [file('srv/server.mjs', join(import.meta.dirname, 'server.mjs'))],
    ],
    config: { Entrypoint: ['node', '/srv/server.mjs'], Env: ['PATH=/usr/bin', 'GREETING=Hello'], WorkingDir: '/srv' },
  });
}

function file(name: string, from: string, executable: boolean = false): LayerEntry {
  return { name, content: readFileSync(from), executable };
}

/** The shared libraries that this process has loaded, their loader among them. */
function libraries(): readonly string[] {
  const { sharedObjects } = process.report.getReport() as { readonly sharedObjects: readonly string[] };
  return sharedObjects.filter((path) => path.startsWith('/') && path.includes('.so'));
}
