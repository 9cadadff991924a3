import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type LockEntry, lockedEntry, readLockFile, writeLockEntry } from './lock-file.ts';
import { temporaryDirectory } from './testing/temporary-directory.ts';

const ENTRY: LockEntry = {
  version: '1.2.3',
  integrity: 'sha512-AAAA',
  lockfile: '00'.repeat(48),
  tree: { 'linux-x64': '11'.repeat(48) },
  packageLock: { lockfileVersion: 3 },
};

async function lockFile(content?: string | Uint8Array): Promise<string> {
  const file = path.join(await temporaryDirectory(), 'vitrine.lock');
  if (content !== undefined) await writeFile(file, content);
  return file;
}

test('a missing file locks nothing', async () => {
  const lock = await readLockFile(await lockFile());
  expect(lockedEntry(lock, 'npm:a@latest')).toBeUndefined();
  expect(lockedEntry(lock, 'toString')).toBeUndefined();
});

test('what was written is read, entries in order, and no temporary file is left', async () => {
  const file = await lockFile();
  await writeLockEntry(file, 'npm:b@latest', ENTRY);
  await writeLockEntry(file, 'npm:a@^1', { ...ENTRY, version: '1.9.0' });
  const lock = await readLockFile(file);
  expect(Object.keys(lock.servers)).toEqual(['npm:a@^1', 'npm:b@latest']);
  expect(lockedEntry(lock, 'npm:b@latest')).toEqual(ENTRY);
  expect(await readdir(path.dirname(file))).toEqual(['vitrine.lock']);
  expect((await readFile(file, 'utf8')).endsWith('}\n')).toBe(true);
});

function damaged(change: (lock: { servers: Record<string, Record<string, unknown>> }) => void): string {
  const lock = structuredClone({ type: 'vitrine/lock/v1', servers: { 'npm:a@1': { ...ENTRY } } });
  change(lock);
  return JSON.stringify(lock);
}

const cases: Readonly<Record<string, readonly [string | Uint8Array, string, string]>> = {
  'cut off': ['{"type":', 'document.syntax', 'not strict JSON'],
  empty: ['', 'document.syntax', 'not strict JSON'],
  'not UTF-8': [Uint8Array.of(0xff), 'document.syntax', 'is not UTF-8 text'],
  'of another type': ['{"type":"x","servers":{}}', 'document.shape', 'type: expected "vitrine/lock/v1", found "x"'],
  'with two equal keys': [
    '{"type":"vitrine/lock/v1","type":"vitrine/lock/v1","servers":{}}',
    'document.syntax',
    'not strict JSON',
  ],
  'with an unknown member': [
    damaged((lock) => Object.assign(lock.servers['npm:a@1'] ?? {}, { x: 1 })),
    'document.shape',
    'unknown field "x"',
  ],
  'with a short digest': [
    damaged((lock) => Object.assign(lock.servers['npm:a@1'] ?? {}, { lockfile: '00' })),
    'document.shape',
    'expected 48 bytes as 96 lower-case hexadecimal digits',
  ],
  'without integrity': [
    damaged((lock) => void delete lock.servers['npm:a@1']?.['integrity']),
    'document.shape',
    'missing field "integrity"',
  ],
  'with a path as server': [
    damaged((lock) => Object.assign(lock.servers, { 'path:x': ENTRY })),
    'document.shape',
    'does not match',
  ],
};
for (const [what, [content, code, message]] of Object.entries(cases)) {
  test(`a lock file ${what} is a usage error that says what to do`, async () => {
    const file = await lockFile(content);
    const refusal = readLockFile(file);
    await expect(refusal).rejects.toMatchObject({ name: 'UsageError', code });
    await expect(refusal).rejects.toThrow(message);
    await expect(refusal).rejects.toThrow(file);
    await expect(refusal).rejects.toThrow('Restore it from version control, or remove it to resolve everything anew');
    await expect(writeLockEntry(file, 'npm:a@2', ENTRY)).rejects.toMatchObject({ code });
  });
}
