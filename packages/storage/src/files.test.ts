import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { openSealedStore } from './sealed-store.ts';
import { codeOf, freshOptions, temporaryDirectory, withStore } from './testing/fresh-store.ts';

const posix = process.platform === 'win32' ? 'no such files on Windows' : false;

describe('what lies at the path of a store', () => {
  const spoils: readonly (readonly [string, (path: string) => void])[] = [
    ['a symbolic link', (path) => symlinkSync(join(temporaryDirectory(), 'elsewhere'), path)],
    [
      'a hard link',
      (path) => {
        const other = join(dirname(path), 'other');
        writeFileSync(other, '');
        linkSync(other, path);
      },
    ],
    ['a FIFO', (path) => execFileSync('mkfifo', [path])],
    ['a directory', (path) => mkdirSync(path)],
  ];
  for (const [what, spoil] of spoils) {
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      promise.unless(posix, 'P1', `${what} as store${suffix} is refused, and nothing is written through it`, () => {
        for (const create of [true, false]) {
          const options = freshOptions({ create });
          if (suffix !== '') withStore({ ...options, create: true }, () => undefined);
          spoil(`${options.file}${suffix}`);
          expect(codeOf(() => openSealedStore(options))).toBe('storage.path');
        }
      });
    }
  }

  promise.unless(posix, 'P1', 'a symbolic link to the genuine store is refused', () => {
    const options = freshOptions();
    withStore(options, () => undefined);
    renameSync(options.file, `${options.file}.moved`);
    symlinkSync(`${options.file}.moved`, options.file);
    expect(codeOf(() => openSealedStore(options))).toBe('storage.path');
  });

  promise.unless(posix, 'P1', 'a device is refused', () => {
    expect(codeOf(() => openSealedStore(freshOptions({ file: '/dev/null' })))).toBe('storage.path');
  });

  promise.unless(posix, 'P1', 'a directory that others can write is refused', () => {
    const options = freshOptions();
    chmodSync(dirname(options.file), 0o770);
    expect(codeOf(() => openSealedStore(options))).toBe('storage.path');
  });

  const root = process.getuid?.() === 0 ? false : 'not root';
  promise.unless(root, 'P1', "another user's file or directory is refused", () => {
    const options = freshOptions();
    withStore(options, () => undefined);
    chownSync(options.file, 12_345, 0);
    expect(codeOf(() => openSealedStore(options))).toBe('storage.path');
    chownSync(options.file, 0, 0);
    withStore(options, () => undefined);
    chownSync(dirname(options.file), 12_345, 0);
    expect(codeOf(() => openSealedStore(options))).toBe('storage.path');
  });

  promise.unless(posix, 'P1', 'a file where the directory should be is refused', () => {
    const options = freshOptions();
    writeFileSync(options.file, '');
    expect(codeOf(() => openSealedStore({ ...options, file: join(options.file, 'store.db') }))).toBe('storage.path');
  });
});

promise.unless(posix, 'P1', 'directory and files are for their user alone', () => {
  const options = freshOptions();
  const file = join(dirname(options.file), 'made', 'store.db');
  const mode = (path: string): number => statSync(path).mode & 0o777;
  withStore({ ...options, file }, (store) => {
    store.collection('t', 'c').put('a', new Uint8Array(1));
    expect([mode(dirname(file)), mode(file), mode(`${file}-wal`)]).toEqual([0o700, 0o600, 0o600]);
  });
});

test('a store whose making was cut short is made when that is asked for, and otherwise missing', () => {
  const options = freshOptions();
  writeFileSync(options.file, '');
  expect(codeOf(() => openSealedStore({ ...options, create: false }))).toBe('storage.missing');
  withStore(options, (store) => expect(store.head().sequence).toBe(0));
});
