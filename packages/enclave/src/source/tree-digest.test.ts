import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { temporaryDirectory, writeFiles } from '../testing/temporary-directory.ts';
import { copyTree, removeTree, sealTree } from './tree-copy.ts';
import { treeDigest } from './tree-digest.ts';

const MAKE_FIFO = 'mkfifo';
const posix = process.platform !== 'win32';

async function sample(): Promise<string> {
  const root = await temporaryDirectory();
  await writeFiles(root, {
    'package.json': '{"name":"sample"}\n',
    'bin/run': '#!/bin/sh\n',
    'lib/a.js': 'export {};\n',
  });
  await chmod(path.join(root, 'bin/run'), 0o755);
  await mkdir(path.join(root, 'empty'));
  await symlink('../lib/a.js', path.join(root, 'bin/link'));
  return root;
}

/** The format of the header, written down a second time. */
function reference(entries: readonly (readonly Buffer[])[]): string {
  return createHash('sha384')
    .update(Buffer.concat([lp('vitrine/tree/v1'), ...entries.flat()]))
    .digest('hex');
}
function lp(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}
function content(text: string): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(Buffer.byteLength(text)));
  return Buffer.concat([size, Buffer.from(text)]);
}

describe.runIf(posix)('tree digest', () => {
  promise('P3', 'the tree digest of the published sample has the published value', async () => {
    const digest = await treeDigest(await sample());
    expect(digest).toBe(
      reference([
        [Buffer.from('d'), lp('bin')],
        [Buffer.from('l'), lp('bin/link'), lp('../lib/a.js')],
        [Buffer.from('x'), lp('bin/run'), content('#!/bin/sh\n')],
        [Buffer.from('d'), lp('empty')],
        [Buffer.from('d'), lp('lib')],
        [Buffer.from('f'), lp('lib/a.js'), content('export {};\n')],
        [Buffer.from('f'), lp('package.json'), content('{"name":"sample"}\n')],
      ]),
    );
    expect(digest).toBe(
      '090f54b6d2252381ebf5d1c0dc77b6c241aa2826b9da39df9360df5b3242ce27952e021092b974d7b392faa902ca80db',
    );
  });

  test('an empty tree has the digest of the domain alone', async () => {
    expect(await treeDigest(await temporaryDirectory())).toBe(reference([]));
  });

  const changes: Readonly<Record<string, (root: string) => Promise<unknown>>> = {
    'one byte of a file': (root) => writeFile(path.join(root, 'lib/a.js'), 'export []\n;'),
    'one byte more': (root) => writeFile(path.join(root, 'lib/a.js'), 'export {};\n\n'),
    'the executable bit set': (root) => chmod(path.join(root, 'lib/a.js'), 0o744),
    'the executable bit cleared': (root) => chmod(path.join(root, 'bin/run'), 0o644),
    'one name': (root) => rename(path.join(root, 'lib/a.js'), path.join(root, 'lib/b.js')),
    'a file moved to another directory': (root) => rename(path.join(root, 'lib/a.js'), path.join(root, 'empty/a.js')),
    'a file more': (root) => writeFile(path.join(root, 'lib/c.js'), ''),
    'a file less': (root) => rm(path.join(root, 'lib/a.js')),
    'an empty directory less': (root) => rm(path.join(root, 'empty'), { recursive: true }),
    'the target of a link': async (root) => {
      await rm(path.join(root, 'bin/link'));
      await symlink('../lib', path.join(root, 'bin/link'));
    },
    'a file in place of a link': async (root) => {
      await rm(path.join(root, 'bin/link'));
      await writeFile(path.join(root, 'bin/link'), '../lib/a.js');
    },
  };
  for (const [what, change] of Object.entries(changes)) {
    promise('P3', `the tree digest changes with ${what}`, async () => {
      const root = await sample();
      const before = await treeDigest(root);
      await change(root);
      expect(await treeDigest(root)).not.toBe(before);
    });
  }

  test('owners, times and other mode bits are not part of it', async () => {
    const root = await sample();
    const before = await treeDigest(root);
    await chmod(path.join(root, 'lib/a.js'), 0o600);
    await chmod(path.join(root, 'lib'), 0o700);
    expect(await treeDigest(root)).toBe(before);
  });

  test('a sealed copy has the digest of its original', async () => {
    const root = await sample();
    const copy = path.join(await temporaryDirectory(), 'copy');
    await copyTree(root, copy);
    await sealTree(copy);
    expect(await treeDigest(copy)).toBe(await treeDigest(root));
    await removeTree(copy);
  });

  test('different contents never meet', async () => {
    const names = fc.constantFrom('a', 'b', 'ab', 'a.b', 'ä');
    const trees = fc.dictionary(names, fc.string({ maxLength: 4 }), { maxKeys: 3 });
    await fc.assert(
      fc.asyncProperty(trees, trees, async (left, right) => {
        const digests = await Promise.all([digestOf(left), digestOf(right)]);
        const same = sorted(left) === sorted(right);
        expect(digests[0] === digests[1]).toBe(same);
      }),
      { numRuns: 60 },
    );
  });

  function sorted(files: Readonly<Record<string, string>>): string {
    const names = Object.keys(files).toSorted((one, other) => (one < other ? -1 : 1));
    return JSON.stringify(names.map((name) => [name, files[name]]));
  }

  async function digestOf(files: Readonly<Record<string, string>>): Promise<string> {
    const root = await temporaryDirectory();
    await writeFiles(root, files);
    return treeDigest(root);
  }

  for (const target of ['/etc/passwd', '../outside', '..', 'bin/../../outside', 'bin/../lib', 'C:\\x']) {
    promise('P3', `a link to ${JSON.stringify(target)} is refused, since it may lead out of the tree`, async () => {
      const root = await sample();
      await symlink(target, path.join(root, 'bad'));
      await expect(treeDigest(root)).rejects.toMatchObject({
        name: 'UsageError',
        code: 'tree.entry',
        message: expect.stringContaining(`is a symbolic link to ${JSON.stringify(target)}`),
      });
    });
  }

  test('links within the tree may go up as far as the root', async () => {
    const root = await sample();
    await mkdir(path.join(root, 'x/y'), { recursive: true });
    await symlink('../../lib', path.join(root, 'x/y/link'));
    await expect(treeDigest(root)).resolves.toHaveLength(96);
    await symlink('../../../lib', path.join(root, 'x/y/too-far'));
    await expect(treeDigest(root)).rejects.toMatchObject({ code: 'tree.entry' });
  });

  test('a FIFO is refused and not read', async () => {
    const root = await sample();
    execFileSync(MAKE_FIFO, [path.join(root, 'pipe')]);
    await expect(treeDigest(root)).rejects.toMatchObject({
      code: 'tree.entry',
      message: expect.stringContaining('is a socket, device or FIFO'),
    });
  });

  test('a socket is refused', async () => {
    const root = await sample();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path.join(root, 's'), resolve));
    try {
      await expect(treeDigest(root)).rejects.toMatchObject({ code: 'tree.entry' });
    } finally {
      server.close();
    }
  });

  test.runIf(process.platform === 'linux')('a name that is not UTF-8 is refused', async () => {
    const root = await sample();
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x61, 0xff])]), '');
    await expect(treeDigest(root)).rejects.toMatchObject({
      code: 'tree.entry',
      message: expect.stringContaining('bytes 61ff'),
    });
  });
});
