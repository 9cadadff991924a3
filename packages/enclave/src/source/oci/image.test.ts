/** Images from layouts: what is unpacked, and what is refused. */
import { existsSync, lstatSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from '@vitrine/documents';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type ImageSettings,
  type LayerEntry,
  tar,
  writeImageLayout,
} from '../../../../../examples/container/image-layout.ts';
import { promise } from '../../../../../test/promises.ts';
import { temporaryDirectory } from '../../testing/temporary-directory.ts';
import { type UnpackedImage, unpackedImage } from './image-store.ts';
import { readTar } from './tar-reader.ts';

const text = (content: string): Uint8Array => Buffer.from(content);

interface Made {
  readonly layout: string;
  readonly store: string;
  unpack(architecture?: string): Promise<UnpackedImage>;
}

async function made(layers: readonly (readonly LayerEntry[])[], more: Partial<ImageSettings> = {}): Promise<Made> {
  const base = await temporaryDirectory();
  const layout = path.join(base, 'layout');
  writeImageLayout(layout, { layers, config: { Entrypoint: ['/bin/server'] }, architecture: 'x64', ...more });
  const store = path.join(base, 'store');
  return {
    layout,
    store,
    unpack: (architecture = 'x64') =>
      unpackedImage({ directory: layout, what: 'oci:layout', store, architecture, onProgress: () => undefined }),
  };
}

const BASE: readonly LayerEntry[] = [
  { name: 'bin/', type: '5' },
  { name: 'bin/server', content: text('one'), executable: true },
  { name: 'etc/old', content: text('old') },
  { name: 'etc/kept', content: text('kept') },
];

for (const gzip of [false, true]) {
  promise(
    'P3',
    `layers are unpacked in order, ${gzip ? 'compressed' : 'plain'}: later ones win, whiteouts hide`,
    async () => {
      const image = await made(
        [
          BASE,
          [
            { name: './bin/server', content: text('two'), executable: true },
            { name: 'etc/.wh.old' },
            { name: 'lib', type: '2', target: '/usr/lib' },
            { name: 'bin/again', type: '1', target: 'bin/server' },
            { name: 'dev/null', type: '3' },
          ],
        ],
        { gzip },
      );
      const { root, tree, config, digest } = await image.unpack();
      expect(readFileSync(path.join(root, 'bin/server'), 'utf8')).toBe('two');
      expect(readFileSync(path.join(root, 'bin/again'), 'utf8')).toBe('two');
      expect(existsSync(path.join(root, 'etc/old'))).toBe(false);
      expect(readlinkSync(path.join(root, 'lib'))).toBe('/usr/lib');
      expect(existsSync(path.join(root, 'dev/null'))).toBe(false);
      expect(statSync(path.join(root, 'bin/server')).mode & 0o7777).toBe(0o555);
      expect(statSync(path.join(root, 'etc/kept')).mode & 0o7777).toBe(0o444);
      for (const point of ['proc', 'dev', 'tmp', 'data', 'run/vitrine', 'opt/vitrine']) {
        expect(lstatSync(path.join(root, point)).isDirectory()).toBe(true);
      }
      expect(config).toEqual({ entrypoint: ['/bin/server'], cmd: [], environment: {}, workingDirectory: '/' });
      expect(await image.unpack()).toEqual({ root, tree, config, digest });
    },
  );
}

test('an opaque folder hides what earlier layers had in it, and nothing of its own layer', async () => {
  const image = await made([BASE, [{ name: 'etc/new/file', content: text('new') }, { name: 'etc/.wh..wh..opq' }]]);
  const { root } = await image.unpack();
  expect(await readdir(path.join(root, 'etc'))).toEqual(['new', 'passwd']);
});

test('a changed hard link leaves its other name as it was', async () => {
  const image = await made([
    [...BASE, { name: 'bin/other', type: '1', target: '/bin/server' }],
    [{ name: 'bin/other', content: text('changed') }],
  ]);
  const { root } = await image.unpack();
  expect(readFileSync(path.join(root, 'bin/server'), 'utf8')).toBe('one');
});

const hostile: Readonly<Record<string, readonly [LayerEntry[], RegExp]>> = {
  'a name that goes up': [[{ name: '../outside', content: text('x') }], /leads out of the image/],
  'a name that goes up further down': [[{ name: 'a/../../outside' }], /leads out of the image/],
  'a file through a symbolic link': [
    [
      { name: 'a', type: '2', target: '/tmp' },
      { name: 'a/file', content: text('x') },
    ],
    /which is a symbolic link/,
  ],
  'a folder through a symbolic link': [
    [
      { name: 'a', type: '2', target: '..' },
      { name: 'a/b/', type: '5' },
    ],
    /which is a symbolic link/,
  ],
  'a whiteout through a symbolic link': [
    [{ name: 'a', type: '2', target: '..' }, { name: 'a/.wh.layout' }],
    /which is a symbolic link/,
  ],
  'a whiteout of the folder above': [[{ name: 'a/.wh...' }], /whiteout of nothing/],
  'a hard link out of the image': [
    [{ name: 'a', type: '1', target: '../layout/index.json' }],
    /leads out of the image/,
  ],
  'a hard link through a symbolic link': [
    [
      { name: 'a', type: '2', target: '/etc' },
      { name: 'b', type: '1', target: 'a/hostname' },
    ],
    /which is no file there/,
  ],
  'a hard link to a symbolic link': [
    [
      { name: 'a', type: '2', target: '/etc/hostname' },
      { name: 'b', type: '1', target: 'a' },
    ],
    /which is no file there/,
  ],
  'an entry below a file': [
    [
      { name: 'a', content: text('x') },
      { name: 'a/b', content: text('x') },
    ],
    /which is no directory/,
  ],
  'an entry of an unknown kind': [[{ name: 'a', type: 'S' }], /unknown kind "S"/],
  'a mount point that is a link': [[{ name: 'data', type: '2', target: '/etc' }], /which is a symbolic link/],
};
for (const [what, [entries, message]] of Object.entries(hostile)) {
  promise('P1', `${what} is refused, and nothing is left`, async () => {
    const image = await made([BASE, entries]);
    await expect(image.unpack()).rejects.toThrow(message);
    expect(await readdir(image.store)).toEqual([]);
    expect(await readdir(path.dirname(image.layout))).toEqual(['layout', 'store']);
  });
}

promise('P3', 'a changed byte in any blob is refused', async () => {
  for (const gzip of [false, true]) {
    const image = await made([BASE], { gzip });
    const blobs = path.join(image.layout, 'blobs', 'sha256');
    for (const name of await readdir(blobs)) {
      const file = path.join(blobs, name);
      const bytes = readFileSync(file);
      const changed = Buffer.from(bytes);
      changed[bytes.length >> 1] = (changed[bytes.length >> 1] ?? 0) ^ 1;
      await writeFile(file, changed);
      await expect(image.unpack(), name).rejects.toThrow(UsageError);
      await writeFile(file, bytes);
    }
    await image.unpack();
  }
});

promise('P3', 'an unpacked image that was changed does not run', async () => {
  const image = await made([BASE]);
  const { root } = await image.unpack();
  const file = path.join(root, 'bin/server');
  await chmod(file, 0o755);
  await writeFile(file, 'changed');
  await expect(image.unpack()).rejects.toThrow(/was changed after it was made/);
});

test('an image for another platform is not this one', async () => {
  const image = await made([BASE]);
  await expect(image.unpack('arm64')).rejects.toThrow('it holds no image for linux/arm64');
});

test('a folder that is no layout', async () => {
  const base = await temporaryDirectory();
  const options = { directory: base, what: 'oci:x', store: base, architecture: 'x64', onProgress: () => undefined };
  await expect(unpackedImage(options)).rejects.toThrow(/is not an OCI image layout/);
});

async function namesIn(chunks: readonly Uint8Array[]): Promise<readonly string[]> {
  const names: string[] = [];
  const source = (async function* () {
    yield* chunks;
  })();
  for await (const entry of readTar(source, 'a layer')) names.push(entry.name);
  return names;
}

const pax = (record: string): LayerEntry => ({ name: 'pax', type: 'x', content: text(record) });

test('names of pax headers and of GNU’s long names are taken', async () => {
  const long = 'd/'.repeat(80);
  const path19 = `path=${long}`;
  const length = path19.length + 5;
  const archive = tar([
    pax(`${length} ${path19}\n`),
    { name: 'short' },
    { name: '././@LongLink', type: 'L', content: text(`${long}x\0`) },
    { name: 'short' },
    { name: 'plain' },
  ]);
  expect(await namesIn([archive])).toEqual([long, `${long}x`, 'plain']);
});

test.each([
  ['a damaged pax header', [pax('99 path=x\n'), { name: 'a' }]],
  ['a pax header without "="', [pax('5 ab\n'), { name: 'a' }]],
  ['a sparse file', [pax('21 GNU.sparse.major=1\n'), { name: 'a' }]],
] as readonly (readonly [string, LayerEntry[]])[])('%s is refused', async (_, entries) => {
  await expect(namesIn([tar(entries)])).rejects.toThrow(UsageError);
});

test('any cut of the stream gives the same entries; a truncated one is refused', async () => {
  const archive = tar(BASE);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(archive.length), { maxLength: 5 }), async (cuts) => {
      const places = [0, ...cuts.sort((left, right) => left - right), archive.length];
      const chunks = places.slice(1).map((end, index) => archive.subarray(places[index], end));
      expect(await namesIn(chunks)).toEqual(BASE.map(({ name }) => name));
    }),
    { numRuns: 50 },
  );
  await expect(namesIn([archive.subarray(0, 700)])).rejects.toThrow('ends in the middle of an entry');
});

test('any bytes are entries or a refusal', async () => {
  const archive = tar(BASE);
  await fc.assert(
    fc.asyncProperty(fc.nat(archive.length - 1), fc.nat(255), async (at, byte) => {
      const changed = Buffer.from(archive);
      changed[at] = byte;
      await namesIn([changed]).catch((error: unknown) => expect(error).toBeInstanceOf(UsageError));
    }),
    { numRuns: 300 },
  );
});
