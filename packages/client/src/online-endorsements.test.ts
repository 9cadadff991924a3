import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { folderStore } from './online-endorsements.ts';

promise('P7', 'kept endorsements are files of this user alone, one for each machine', async () => {
  const home = await mkdtemp(join(tmpdir(), 'vitrine-endorsements-'));
  try {
    const folder = join(home, 'endorsements');
    const store = folderStore(folder);
    expect(await store.read('tdx-00-platform')).toBeUndefined();
    await store.write('tdx-00-platform', 'one');
    await store.write('tdx-00-platform', 'two');
    await store.write('snp-01', 'other');
    expect(await store.read('tdx-00-platform')).toBe('two');
    expect((await readdir(folder)).sort()).toEqual(['snp-01.json', 'tdx-00-platform.json']);
    if (process.platform !== 'win32') expect((await stat(join(folder, 'snp-01.json'))).mode & 0o777).toBe(0o600);
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
