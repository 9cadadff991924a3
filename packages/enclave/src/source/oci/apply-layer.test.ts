import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { promise } from '../../../../../test/promises.ts';
import { removeTree } from '../tree-copy.ts';
import { applyLayer } from './apply-layer.ts';
import type { TarEntry } from './tar-reader.ts';

async function* deep(count: number): AsyncGenerator<TarEntry> {
  for (let at = 0; at < count; at += 1) {
    const name = `${at}/${'d/'.repeat(20)}file`;
    const content = { async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {} };
    yield { kind: 'file', name, target: '', size: 0, executable: false, content };
  }
}

promise('P1', 'folders that an image makes in passing count as what it may hold', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'vitrine-layer-'));
  onTestFinished(() => removeTree(root));
  await expect(applyLayer(root, deep(10), { entries: 100, bytes: 100 }, 'the layer')).rejects.toThrow(/more than/);
  await applyLayer(root, deep(4), { entries: 100, bytes: 100 }, 'the layer');
});
