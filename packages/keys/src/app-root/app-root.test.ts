import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
import { toHex } from '@vitrine/documents';
import { openSimulator } from '@vitrine/simulator';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type AppRoot, type AppRootOptions, openAppRoot, openAppRootIn } from './app-root.ts';
import type { DerivationPath } from './derive.ts';
import { formatKeyslots, type Keyslot, parseKeyslots } from './keyslot-document.ts';
import { type KeyslotFile, keyslotFile } from './keyslot-file.ts';
import { fixedSource } from './testing/root-sources.ts';

let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vitrine-app-root-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

let used = 0;
const fresh = (): string => join(base, `root-${used++}`);
const platform = fixedSource('simulator', 7);
const share = fixedSource('share', 8);
const D1 = 'ab'.repeat(48);
const D2 = 'cd'.repeat(48);
const path: DerivationPath = { usage: 'key', algorithm: 'ed25519', name: 'a', version: 1, scope: 'service' };
type Given = Partial<Omit<AppRootOptions, 'directory'>>;
const optionsOf = (given: Given): Omit<AppRootOptions, 'directory'> => ({
  appId: 'notes',
  manifestDigest: D1,
  manifestNumber: 3,
  sources: [platform],
  genesis: false,
  randomBytes,
  ...given,
});
const open = (directory: string, given: Given = {}): Promise<AppRoot> =>
  openAppRoot({ directory, ...optionsOf(given) });
const secretOf = (root: AppRoot): string => toHex(root.derive(path, 32));
/** A directory with a root, and what is derived from it. */
async function made(given: Given = {}): Promise<{ directory: string; file: string; secret: string; id: string }> {
  const directory = fresh();
  const root = await open(directory, { genesis: true, ...given });
  return { directory, file: join(directory, 'keyslots.json'), secret: secretOf(root), id: root.id };
}
const slotsIn = async (file: string): Promise<readonly Keyslot[]> => parseKeyslots(await readFile(file, 'utf8'), file);

describe('genesis', () => {
  promise('P4', 'a root opens again with the same keys, and its file is for the owner alone', async () => {
    const directory = fresh();
    const first = await open(directory, { genesis: true });
    const second = await open(directory);
    expect([first.isNew, second.isNew]).toEqual([true, false]);
    expect(second.id).toBe(first.id);
    expect(first.id).toMatch(/^[0-9a-f]{64}$/);
    expect(secretOf(second)).toBe(secretOf(first));
    expect(second.sources).toEqual([platform.description]);
    expect(await readdir(directory)).toEqual(['keyslots.json']);
    if (process.platform !== 'win32') {
      expect((await stat(join(directory, 'keyslots.json'))).mode & 0o777).toBe(0o600);
      expect((await stat(directory)).mode & 0o777).toBe(0o700);
    }
  });

  promise('P4', 'two roots have nothing in common', async () => {
    const [one, two] = [await made(), await made()];
    expect(one.id).not.toBe(two.id);
    expect(one.secret).not.toBe(two.secret);
  });

  promise('P4', 'without the flag nothing is made, and the message says how', async () => {
    const directory = fresh();
    await expect(open(directory)).rejects.toMatchObject({
      code: 'keys.no-root',
      message: expect.stringContaining('--genesis'),
    });
    await expect(stat(directory)).rejects.toThrow('ENOENT');
  });

  promise('P4', 'with the flag an existing root is refused and stays', async () => {
    const { directory, file, secret } = await made();
    const before = await readFile(file, 'utf8');
    await expect(open(directory, { genesis: true })).rejects.toMatchObject({ code: 'keys.root-exists' });
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(secretOf(await open(directory))).toBe(secret);
  });

  const occupied: readonly [what: string, occupy: (file: string) => Promise<unknown>, code: string][] = [
    ['an empty file', (file) => writeFile(file, ''), 'keys.root-exists'],
    ['a damaged file', (file) => writeFile(file, '{"type":'), 'keys.root-exists'],
    ['a dangling link', (file) => symlink(join(base, 'nowhere'), file), 'keys.slots-damaged'],
    ['a folder', (file) => mkdir(file), 'keys.slots-damaged'],
    ['a link to an empty file', (file) => symlink('/dev/null', file), 'keys.slots-damaged'],
    ['a link to itself', (file) => symlink(file, file), 'keys.slots-damaged'],
    ['slots of a kind to come', (file) => writeFile(file, '{"type":"vitrine/keyslots/v2"}'), 'keys.root-exists'],
  ];
  for (const [what, occupy, code] of occupied) {
    promise('P4', `the flag makes no root over ${what}`, async () => {
      const directory = fresh();
      await mkdir(directory);
      await occupy(join(directory, 'keyslots.json'));
      await expect(open(directory, { genesis: true })).rejects.toMatchObject({ code });
      await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slots-damaged' });
      expect(await readdir(directory)).toEqual(['keyslots.json']);
    });
  }

  for (const code of ['EACCES', 'EPERM', 'EIO', 'ENOTDIR', 'EMFILE', 'ENAMETOOLONG']) {
    promise('P4', `slots that cannot be read (${code}) are no reason for a new root`, async () => {
      const directory = fresh();
      const written: string[] = [];
      const file: KeyslotFile = {
        ...keyslotFile(directory),
        read: async () => {
          throw Object.assign(new Error(code), { code, syscall: 'open' });
        },
        create: async (text) => written.push(text) > 0,
      };
      for (const genesis of [true, false]) {
        await expect(openAppRootIn(file, optionsOf({ genesis }))).rejects.toMatchObject({ code });
      }
      expect(written).toEqual([]);
    });
  }

  promise('P4', 'what an interrupted start has left is no root, and no hindrance', async () => {
    const directory = fresh();
    await mkdir(directory);
    await writeFile(join(directory, 'keyslots.json.0011223344556677.tmp'), '{');
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.no-root' });
    expect((await open(directory, { genesis: true })).isNew).toBe(true);
  });

  promise('P4', 'former sources and a wish for a new root contradict each other', async () => {
    const directory = fresh();
    await expect(open(directory, { genesis: true, formerSources: [share] })).rejects.toMatchObject({
      code: 'keys.root-source',
    });
    await expect(open(directory, { formerSources: [share] })).rejects.toMatchObject({ code: 'keys.no-root' });
    await expect(stat(directory)).rejects.toThrow('ENOENT');
  });

  promise('P4', 'of two processes that make a root at once, one does', async () => {
    const directory = fresh();
    const program = fileURLToPath(new URL('./testing/genesis-process.ts', import.meta.url));
    const run = promisify(execFile);
    const told = await Promise.all(
      Array.from({ length: 3 }, () =>
        run(process.execPath, ['--conditions=@vitrine/source', '--no-warnings', program, directory]),
      ),
    );
    const outcomes = told.map(({ stdout }) => stdout).toSorted();
    expect(outcomes.slice(1)).toEqual(['keys.root-exists', 'keys.root-exists']);
    const root = await open(directory, { manifestNumber: 1 });
    expect(outcomes[0]).toBe(root.id);
    expect(await readdir(directory)).toEqual(['keyslots.json']);
  });

  promise('P4', 'of many that make a root at once in one process, one does', async () => {
    const directory = fresh();
    const all = await Promise.allSettled(Array.from({ length: 8 }, () => open(directory, { genesis: true })));
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const one of all) {
      if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'keys.root-exists' });
    }
  });

  promise('P4', 'the simulator can wrap a root', async () => {
    const [state, directory] = [fresh(), fresh()];
    const sources = async (from: string): Promise<AppRootOptions['sources']> => {
      const simulator = await openSimulator({ directory: from, now: () => new Date(), release: '0.1.0' });
      return [simulator.rootSecret()];
    };
    const root = await open(directory, { genesis: true, sources: await sources(state) });
    expect((await open(directory, { sources: await sources(state) })).id).toBe(root.id);
    await expect(open(directory, { sources: await sources(fresh()) })).rejects.toMatchObject({
      code: 'keys.slot-closed',
    });
  });
});

describe('a slot that does not open', () => {
  const other: readonly [what: string, given: Given, code: string, says: string][] = [
    ['another manifest', { manifestDigest: D2 }, 'keys.slot-closed', 'the manifest differs'],
    ['another manifest with a higher number', { manifestDigest: D2, manifestNumber: 4 }, 'keys.slot-closed', 'differs'],
    ['a higher number alone', { manifestNumber: 4 }, 'keys.slot-closed', 'the manifest differs'],
    ['a lower number', { manifestNumber: 2 }, 'keys.manifest-older', 'number 3'],
    ['another application', { appId: 'mail' }, 'keys.slot-closed', 'of the application "notes"'],
    ['a source of another kind', { sources: [fixedSource('tpm', 7)] }, 'keys.slot-closed', 'the platform differs'],
    ['another secret of the same kind', { sources: [fixedSource('simulator', 9)] }, 'keys.slot-closed', 'secret'],
    ['one source more', { sources: [platform, share] }, 'keys.slot-closed', 'the platform differs'],
  ];
  for (const [what, given, code, says] of other) {
    promise('P4', `${what}: refused, and no new root is made`, async () => {
      const { directory, file, secret } = await made();
      const before = await readFile(file, 'utf8');
      await expect(open(directory, given)).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
      await expect(open(directory, { ...given, genesis: true })).rejects.toMatchObject({ code: 'keys.root-exists' });
      expect(await readFile(file, 'utf8')).toBe(before);
      expect(secretOf(await open(directory))).toBe(secret);
    });
  }

  promise('P4', 'a root under two sources needs both, in their order, with both secrets', async () => {
    const { directory, secret } = await made({ sources: [platform, share] });
    expect(secretOf(await open(directory, { sources: [platform, share] }))).toBe(secret);
    const wrong = [
      [platform],
      [share],
      [share, platform],
      [platform, fixedSource('share', 9)],
      [fixedSource('simulator', 9), share],
      [fixedSource('simulator', 8), fixedSource('share', 7)],
    ];
    for (const sources of wrong) {
      await expect(open(directory, { sources })).rejects.toMatchObject({ code: 'keys.slot-closed' });
    }
  });

  type Change = (slot: Keyslot) => Record<string, unknown>;
  const flipped = (text: string, index = 0): string =>
    `${text.slice(0, index)}${text[index] === '0' ? '1' : '0'}${text.slice(index + 1)}`;
  const sourceWith =
    (change: Partial<Keyslot['sources'][number]>): Change =>
    ({ sources: [first, ...rest] }) => ({ sources: [{ ...first, ...change }, ...rest] });
  const changes: readonly [what: string, change: Change, given?: Given][] = [
    ['salt', ({ salt }) => ({ salt: flipped(salt) })],
    ['sealed root', ({ sealed }) => ({ sealed: flipped(sealed) })],
    ['last byte of the sealed root', ({ sealed }) => ({ sealed: flipped(sealed, 63) })],
    ['first byte of the tag', ({ sealed }) => ({ sealed: flipped(sealed, 64) })],
    ['last byte of the tag', ({ sealed }) => ({ sealed: flipped(sealed, 95) })],
    ['application', () => ({ appId: 'mail' }), { appId: 'mail' }],
    ['identifier of the root', ({ rootId }) => ({ rootId: flipped(rootId) })],
    ['manifest digest', () => ({ manifestDigest: D2 }), { manifestDigest: D2 }],
    ['manifest number', () => ({ manifestNumber: 4 }), { manifestNumber: 4 }],
    ['upgrade policy', () => ({ upgrade: { kind: 'signed', keys: ['07'.repeat(32)], threshold: 1 } })],
    ['kind of the source', sourceWith({ kind: 'tpm' }), { sources: [fixedSource('tpm', 7)] }],
    ['boundTo of the source', sourceWith({ boundTo: 'a chip' })],
    ['derivableBy of the source', sourceWith({ derivableBy: [] })],
    ['survivesUpgrade of the source', sourceWith({ survivesUpgrade: false })],
    ['sharedByReplicas of the source', sourceWith({ sharedByReplicas: true })],
  ];
  for (const [what, change, given] of changes) {
    promise('P4', `a changed ${what} closes the slot`, async () => {
      const { directory, file } = await made();
      const [slot] = await slotsIn(file);
      if (slot === undefined) throw new Error('no slot');
      await writeFile(file, JSON.stringify({ type: 'vitrine/keyslots/v1', slots: [{ ...slot, ...change(slot) }] }));
      await expect(open(directory, given)).rejects.toMatchObject({
        code: 'keys.slot-closed',
        message: expect.stringContaining('the slot was changed'),
      });
    });
  }

  promise('P4', 'a slot of another root under the same secret cannot be slipped in', async () => {
    const [mine, foreign] = [await made(), await made()];
    const [own] = await slotsIn(mine.file);
    const [other] = await slotsIn(foreign.file);
    if (own === undefined || other === undefined) throw new Error('no slot');
    await writeFile(mine.file, formatKeyslots([own, other]));
    await expect(open(mine.directory)).rejects.toMatchObject({ code: 'keys.slots-damaged' });
    await writeFile(mine.file, formatKeyslots([{ ...own, sealed: other.sealed }]));
    await expect(open(mine.directory)).rejects.toMatchObject({ code: 'keys.slot-closed' });
  });
});

describe('the file', () => {
  const texts: readonly [what: string, change: (text: string) => string][] = [
    ['cut short', (text) => text.slice(0, -20)],
    ['empty', () => ''],
    ['with a member twice', (text) => text.replace('"salt"', '"salt": "", "salt"')],
    ['with an unknown member', (text) => text.replace('"salt"', '"pepper": 1, "salt"')],
    ['with an unknown member at the top', (text) => text.replace('"type"', '"pepper": 1, "type"')],
    ['without a member', (text) => text.replace(/"upgrade": \{[^}]*\},/, '')],
    ['with an upgrade policy that does not exist', (text) => text.replace('"pinned"', '"any"')],
    ['of another type', (text) => text.replace('keyslots/v1', 'keyslots/v2')],
    ['with a tag of 4 bytes', (text) => text.replace(/("sealed": "[0-9a-f]{72})[0-9a-f]+/, '$1')],
    ['with a byte too many', (text) => text.replace(/("sealed": "[0-9a-f]+)/, '$100')],
    [
      'with upper-case digits',
      (text) => text.replace(/"salt": "[0-9a-f]+/, (salt) => `"salt": "${'A'.repeat(salt.length - 9)}`),
    ],
    ['without slots', () => '{"type":"vitrine/keyslots/v1","slots":[]}'],
    ['with text behind it', (text) => `${text}{}`],
    ['with a byte order mark', (text) => `\ufeff${text}`],
    ['too long', (text) => text + ' '.repeat(1 << 16)],
  ];
  for (const [what, change] of texts) {
    promise('P4', `${what} is damaged, and never a reason for a new root`, async () => {
      const { directory, file } = await made();
      const text = await readFile(file, 'utf8');
      const changed = change(text);
      expect(changed).not.toBe(text);
      await writeFile(file, changed);
      await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slots-damaged' });
      await expect(open(directory, { genesis: true })).rejects.toBeInstanceOf(Error);
      expect(await readFile(file, 'utf8')).toBe(changed);
    });
  }

  promise('P4', 'bytes that are no UTF-8 are damaged', async () => {
    const { directory, file } = await made();
    await writeFile(file, Uint8Array.of(0x7b, 0xff, 0x7d));
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slots-damaged' });
  });

  promise('P4', 'a link is not followed, even to good slots', async () => {
    const { file } = await made();
    const directory = fresh();
    await mkdir(directory);
    await symlink(file, join(directory, 'keyslots.json'));
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slots-damaged' });
  });

  promise.unless(
    process.platform === 'win32' && 'no pipes on Windows',
    'P4',
    'a pipe does not hold the start up',
    async () => {
      const directory = fresh();
      await mkdir(directory);
      await promisify(execFile)('mkfifo', [join(directory, 'keyslots.json')]);
      await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slots-damaged' });
    },
  );

  test('a directory that is a file is named', async () => {
    const directory = fresh();
    await writeFile(directory, '');
    for (const genesis of [true, false]) {
      await expect(open(directory, { genesis })).rejects.toMatchObject({
        code: 'keys.slots-unusable',
        message: expect.stringContaining(directory),
      });
    }
  });

  promise.unless(
    process.getuid?.() === 0 && 'root may read everything',
    'P4',
    'a file that may not be read is a mistake of the user',
    async () => {
      const { directory, file } = await made();
      await chmod(file, 0);
      await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slots-unusable' });
    },
  );

  promise('P4', 'any text is slots or damaged', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(() => parseKeyslots(text, 'f')).toThrow(expect.objectContaining({ code: 'keys.slots-damaged' }));
      }),
    );
  });
});

describe('re-wrapping', () => {
  promise('P4', 'to another manifest: the new one opens, the old one does not, keys stay the same', async () => {
    const { directory, file, secret, id } = await made();
    const root = await open(directory);
    await root.rewrap({ manifest: { digest: D2, number: 4 } });
    expect(await slotsIn(file)).toHaveLength(1);
    expect(secretOf(root)).toBe(secret);
    const next = await open(directory, { manifestDigest: D2, manifestNumber: 4 });
    expect([secretOf(next), next.id, next.isNew]).toEqual([secret, id, false]);
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.manifest-older' });
  });

  promise('P4', 'to other sources, and again, keys stay the same', async () => {
    const { directory, secret } = await made();
    const root = await open(directory);
    await root.rewrap({ sources: [platform, share] });
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slot-closed' });
    expect(secretOf(await open(directory, { sources: [platform, share] }))).toBe(secret);
    await root.rewrap({ sources: [share], manifest: { digest: D2, number: 5 } });
    expect(secretOf(await open(directory, { sources: [share], manifestDigest: D2, manifestNumber: 5 }))).toBe(secret);
  });

  promise('P4', 'at once is one after the other', async () => {
    const { directory, file, secret } = await made();
    const root = await open(directory);
    await Promise.all([
      root.rewrap({ manifest: { digest: D2, number: 4 } }),
      root.rewrap({ sources: [share] }),
      root.rewrap({ manifest: { digest: D1, number: 5 } }),
    ]);
    expect(await slotsIn(file)).toHaveLength(1);
    expect(secretOf(await open(directory, { sources: [share], manifestNumber: 5 }))).toBe(secret);
  });

  const refused: readonly [what: string, to: Parameters<AppRoot['rewrap']>[0], code: string][] = [
    ['a lower number', { manifest: { digest: D2, number: 2 } }, 'keys.manifest-older'],
    ['another manifest of the same number', { manifest: { digest: D2, number: 3 } }, 'keys.manifest-older'],
    ['a digest that is none', { manifest: { digest: 'ab', number: 4 } }, 'keys.manifest'],
    ['no source', { sources: [] }, 'keys.root-source'],
    ['a source twice', { sources: [platform, platform] }, 'keys.root-source'],
    ['a source that gives zeros', { sources: [fixedSource('share', 0)] }, 'keys.root-source'],
  ];
  for (const [what, to, code] of refused) {
    promise('P4', `to ${what} is refused and changes nothing`, async () => {
      const { directory, file, secret } = await made();
      const before = await readFile(file, 'utf8');
      await expect((await open(directory)).rewrap(to)).rejects.toMatchObject({ code });
      expect(await readFile(file, 'utf8')).toBe(before);
      expect(secretOf(await open(directory))).toBe(secret);
    });
  }

  promise('P4', 'is refused where somebody changed or removed the slots meanwhile', async () => {
    const { directory, file } = await made();
    const root = await open(directory);
    await writeFile(file, await readFile((await made()).file, 'utf8'));
    await expect(root.rewrap({ sources: [share] })).rejects.toMatchObject({ code: 'keys.slots-changed' });
    await rm(file);
    await expect(root.rewrap({ sources: [share] })).rejects.toMatchObject({ code: 'keys.slots-damaged' });
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  /** The file, whose n-th replacing does what `fault` says. */
  const faulty = (
    directory: string,
    nth: number,
    fault: (file: KeyslotFile, text: string) => Promise<void>,
  ): KeyslotFile => {
    const file = keyslotFile(directory);
    let count = 0;
    return { ...file, replace: (text) => (++count === nth ? fault(file, text) : file.replace(text)) };
  };
  const crash = async (): Promise<never> => {
    throw new Error('crash');
  };

  promise('P4', 'a crash before the new slot is there leaves the old one', async () => {
    const { directory, file, secret } = await made();
    const root = await openAppRootIn(faulty(directory, 1, crash), optionsOf({}));
    await expect(root.rewrap({ sources: [share] })).rejects.toThrow('crash');
    expect(await slotsIn(file)).toHaveLength(1);
    expect(secretOf(await open(directory))).toBe(secret);
  });

  promise(
    'P4',
    'a crash between the two steps leaves both, either opens, and re-wrapping again cleans up',
    async () => {
      const { directory, file, secret } = await made();
      const root = await openAppRootIn(faulty(directory, 2, crash), optionsOf({}));
      await expect(root.rewrap({ sources: [share] })).rejects.toThrow('crash');
      expect(await slotsIn(file)).toHaveLength(2);
      expect(secretOf(await open(directory))).toBe(secret);
      const next = await open(directory, { sources: [share] });
      expect(secretOf(next)).toBe(secret);
      await next.rewrap({ manifest: { digest: D2, number: 4 } });
      expect(await slotsIn(file)).toHaveLength(1);
      expect(secretOf(await open(directory, { sources: [share], manifestDigest: D2, manifestNumber: 4 }))).toBe(secret);
    },
  );

  promise('P4', 'after a crash between the steps to a newer manifest, the older one is refused', async () => {
    const { directory, secret } = await made();
    const root = await openAppRootIn(faulty(directory, 2, crash), optionsOf({}));
    await expect(root.rewrap({ manifest: { digest: D2, number: 4 } })).rejects.toThrow('crash');
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.manifest-older' });
    expect(secretOf(await open(directory, { manifestDigest: D2, manifestNumber: 4 }))).toBe(secret);
  });

  promise('P4', 'closing in the middle of it loses nothing', async () => {
    const { directory, file, secret } = await made();
    const closing: AppRoot[] = [];
    const secretOfShare = (): Promise<Uint8Array> => {
      closing[0]?.close();
      return share.secret();
    };
    const sources = [{ ...share, secret: secretOfShare }];
    const root = await open(directory);
    closing.push(root);
    await root.rewrap({ sources });
    expect(() => secretOf(root)).toThrow('closed');
    expect(await slotsIn(file)).toHaveLength(1);
    expect(secretOf(await open(directory, { sources: [share] }))).toBe(secret);
  });

  promise('P4', 'a new slot that reads back changed goes, and the old one stays', async () => {
    const { directory, file, secret } = await made();
    const spoil = (real: KeyslotFile, text: string): Promise<void> =>
      real.replace(text.replace(/"kind": "share"/, '"kind": "other"'));
    const root = await openAppRootIn(faulty(directory, 1, spoil), optionsOf({}));
    const before = await readFile(file, 'utf8');
    await expect(root.rewrap({ sources: [share] })).rejects.toMatchObject({ code: 'keys.slot-unreadable' });
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(secretOf(await open(directory))).toBe(secret);
    await root.rewrap({ sources: [share] });
    expect(secretOf(await open(directory, { sources: [share] }))).toBe(secret);
  });
});

describe('sources', () => {
  const sources: readonly [what: string, given: AppRootOptions['sources']][] = [
    ['none', []],
    ['the same kind twice', [platform, fixedSource('simulator', 8)]],
    ['only zeros', [fixedSource('simulator', 0)]],
    ['31 bytes', [{ ...platform, secret: async () => new Uint8Array(31).fill(1) }]],
    ['33 bytes', [{ ...platform, secret: async () => new Uint8Array(33).fill(1) }]],
    ['nothing', [{ ...platform, secret: async () => new Uint8Array(0) }]],
    ['another secret each time', [{ ...platform, secret: async () => randomBytes(32) }]],
  ];
  for (const [what, given] of sources) {
    promise('P4', `${what}: no root is made under it`, async () => {
      const directory = fresh();
      await expect(open(directory, { genesis: true, sources: given })).rejects.toMatchObject({
        code: 'keys.root-source',
      });
      await expect(stat(directory)).rejects.toThrow('ENOENT');
    });
  }

  promise('P4', 'what a source gave is overwritten after use', async () => {
    const given: Uint8Array[] = [];
    const secret = async (): Promise<Uint8Array> => {
      const bytes = new Uint8Array(32).fill(7);
      given.push(bytes);
      return bytes;
    };
    await made({ sources: [{ ...platform, secret }] });
    expect(given.length).toBeGreaterThan(0);
    for (const bytes of given) expect(bytes).toEqual(new Uint8Array(32));
  });

  test.each([
    { manifestDigest: '' },
    { manifestDigest: D1.toUpperCase() },
    { manifestNumber: 0 },
    { manifestNumber: 1.5 },
  ])('a manifest that is none: %j', async (given) => {
    await expect(open(fresh(), { genesis: true, ...given })).rejects.toMatchObject({ code: 'keys.manifest' });
  });
});

describe('secrecy', () => {
  promise('P4', 'nothing is derived after closing', async () => {
    const { directory } = await made();
    const root = await open(directory);
    root.close();
    root.close();
    expect(() => root.derive(path, 32)).toThrow(expect.objectContaining({ code: 'keys.root-closed' }));
    await expect(root.rewrap({ sources: [share] })).rejects.toMatchObject({ code: 'keys.root-closed' });
  });

  promise('P4', 'no byte of the root is in what is shown, written or thrown', async () => {
    const canary = new Uint8Array(32).map((_, index) => 0xa0 + index);
    let first = true;
    const random = (length: number): Uint8Array => {
      if (!first) return randomBytes(length);
      first = false;
      return Uint8Array.from(canary);
    };
    const directory = fresh();
    const root = await open(directory, { genesis: true, randomBytes: random });
    const shown: string[] = [
      JSON.stringify(root),
      inspect(root, { showHidden: true, depth: 20, getters: true }),
      await readFile(join(directory, 'keyslots.json'), 'utf8'),
    ];
    const failures = [
      open(directory, { manifestDigest: D2 }),
      open(directory, { sources: [share] }),
      open(directory, { sources: [fixedSource('simulator', 9)] }),
      open(directory, { genesis: true }),
      root.rewrap({ sources: [] }),
    ];
    for (const failure of await Promise.allSettled(failures)) {
      if (failure.status !== 'rejected') throw new Error('it should have failed');
      shown.push(inspect(failure.reason, { showHidden: true, depth: 20 }));
    }
    const forms = [toHex(canary), Buffer.from(canary).toString('base64'), Buffer.from(canary).toString('base64url')];
    const pieces = [
      ...forms.map((form) => form.slice(8, 24)),
      [...canary.subarray(4, 8)].join(', '),
      toHex(new Uint8Array(8).fill(7)),
    ];
    for (const text of shown) {
      for (const piece of pieces) expect(text.toLowerCase()).not.toContain(piece.toLowerCase());
    }
  });
});
