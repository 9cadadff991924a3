import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type EncryptedVolume, openEncryptedVolume } from './encrypted-volume.ts';

const GOCRYPTFS = '/usr/bin/gocryptfs';
const missing = !existsSync(GOCRYPTFS)
  ? 'gocryptfs is not installed'
  : existsSync('/dev/fuse')
    ? false
    : 'this machine has no /dev/fuse';
const CANARY = 'canary-0b5e6f';
const KEY = new Uint8Array(32).fill(7);

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'vitrine-volume-'));
  ends.push(() => rm(made, { recursive: true, force: true }));
  return made;
}

async function open(base: string, key = KEY): Promise<EncryptedVolume> {
  const volume = await openEncryptedVolume({
    gocryptfs: GOCRYPTFS,
    ciphertext: join(base, 'cipher'),
    mountPoint: join(base, 'plain'),
    key,
  });
  ends.push(() => volume.close());
  return volume;
}

async function everything(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const texts = await Promise.all(
    entries.map(async (entry) =>
      entry.isFile()
        ? `${entry.name}${(await readFile(join(entry.parentPath, entry.name))).toString('latin1')}`
        : entry.name,
    ),
  );
  return texts.join('\n');
}

promise.unless(missing, 'P1', 'the disk holds neither content nor names', async () => {
  const base = await folder();
  const volume = await open(base);
  await mkdir(join(volume.directory, CANARY));
  await writeFile(join(volume.directory, CANARY, `${CANARY}.txt`), CANARY.repeat(100));
  await volume.close();
  const kept = await everything(join(base, 'cipher'));
  expect(kept.length).toBeGreaterThan(100);
  expect(kept).not.toContain(CANARY);
  expect(await readdir(base)).toEqual(['cipher']);
});

promise.unless(missing, 'P1', 'the same key reads it again, another key does not', async () => {
  const base = await folder();
  const first = await open(base);
  await writeFile(join(first.directory, 'note'), CANARY);
  await first.close();
  const again = await open(base);
  expect(await readFile(join(again.directory, 'note'), 'utf8')).toBe(CANARY);
  await again.close();
  const other = await open(base, new Uint8Array(32).fill(8));
  await expect(readFile(join(other.directory, 'note'))).rejects.toThrow('ENOENT');
});

promise.unless(missing, 'P1', 'a changed byte of a file is an error, not other content', async () => {
  const base = await folder();
  const volume = await open(base);
  await writeFile(join(volume.directory, 'note'), CANARY);
  await volume.close();
  const [name = ''] = await readdir(join(base, 'cipher'));
  const bytes = await readFile(join(base, 'cipher', name));
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(join(base, 'cipher', name), bytes);
  const again = await open(base);
  await expect(readFile(join(again.directory, 'note'))).rejects.toThrow(/EIO|EBADMSG/);
});

promise.unless(missing, 'P1', 'a configuration that the host puts into the volume changes nothing', async () => {
  const base = await folder();
  const first = await open(base);
  await writeFile(join(first.directory, 'note'), CANARY);
  await first.close();
  await writeFile(join(base, 'cipher', 'gocryptfs.conf'), '{"FeatureFlags":["PlaintextNames"],"Version":2}');
  const again = await open(base);
  expect(await readFile(join(again.directory, 'note'), 'utf8')).toBe(CANARY);
});

promise.unless(missing, 'P1', 'a file that the host renames is not found by its old name', async () => {
  const base = await folder();
  const first = await open(base);
  await writeFile(join(first.directory, 'note'), CANARY);
  await first.close();
  const [name = ''] = await readdir(join(base, 'cipher'));
  await rename(join(base, 'cipher', name), join(base, 'cipher', 'AAAAAAAAAAAAAAAAAAAAAA'));
  const again = await open(base);
  await expect(readFile(join(again.directory, 'note'))).rejects.toThrow('ENOENT');
});

promise('P1', 'a key of another length, a used mount point and a missing program are clear errors', async () => {
  const base = await folder();
  const options = { gocryptfs: join(base, 'none'), ciphertext: join(base, 'cipher'), mountPoint: join(base, 'plain') };
  await expect(openEncryptedVolume({ ...options, key: new Uint8Array(16) })).rejects.toThrow('32 bytes, not 16');
  await expect(openEncryptedVolume({ ...options, key: KEY })).rejects.toThrow('could not mount a volume');
  await writeFile(join(base, 'plain', 'x'), '');
  await expect(openEncryptedVolume({ ...options, key: KEY })).rejects.toThrow('is not empty');
});
