import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { nodeDeviceFiles as files } from './node-device-files.ts';

let directory = '';
const linux: string | false = process.platform === 'linux' ? false : 'needs Linux';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitrine-device-files-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('directories are made, listed and removed one at a time', async () => {
  const made = join(directory, 'made');
  expect(await files.exists(made)).toBe(false);
  await files.makeDirectory(made);
  expect(await files.exists(made)).toBe(true);
  expect(await files.list(directory)).toContain('made');
  await expect(files.makeDirectory(made)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(files.makeDirectory(join(directory, 'a', 'b'))).rejects.toMatchObject({ code: 'ENOENT' });
  await files.removeDirectory(made);
  await expect(files.removeDirectory(made)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('a file is written at its begin, neither made nor cut', async () => {
  const file = join(directory, 'file');
  await expect(files.write(file, Uint8Array.of(1))).rejects.toMatchObject({ code: 'ENOENT' });
  await writeFile(file, 'abcdef');
  await files.write(file, new TextEncoder().encode('XY'));
  expect(await readFile(file, 'utf8')).toBe('XYcdef');
  expect(await files.exists(join(file, 'below'))).toBe(false);
});

test('a file is read to its end, and no further than allowed', async () => {
  const file = join(directory, 'long');
  const content = Uint8Array.from({ length: 10_000 }, (_, index) => index % 251);
  await writeFile(file, content);
  expect(await files.read(file, 10_000)).toEqual(content);
  await expect(files.read(file, 9_999)).rejects.toMatchObject({ code: 'EFBIG' });
  await writeFile(file, '');
  expect(await files.read(file, 0)).toEqual(new Uint8Array());
});

promise.unless(linux, 'P3', 'endless files do not fill the memory, and a refused write is an error', async () => {
  await expect(files.read('/dev/zero', 100_000)).rejects.toMatchObject({ code: 'EFBIG' });
  await expect(files.write('/dev/full', Uint8Array.of(1))).rejects.toMatchObject({ code: 'ENOSPC' });
  const link = join(directory, 'loop');
  await symlink(link, link);
  await expect(files.exists(link)).rejects.toMatchObject({ code: 'ELOOP' });
});
