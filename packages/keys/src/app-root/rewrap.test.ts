import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RootSecretSource } from '@vitrine/attester';
import { toHex, type UpgradePolicy } from '@vitrine/documents';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { releaseKey, signedBy } from '../testing/release-keys.ts';
import { type AppRoot, type AppRootOptions, openAppRoot, openAppRootIn, rewrapRoot } from './app-root.ts';
import { exclusively } from './exclusive.ts';
import { formatKeyslots, type Keyslot, parseKeyslots } from './keyslot-document.ts';
import { type KeyslotFile, keyslotFile } from './keyslot-file.ts';
import { fixedSource } from './testing/root-sources.ts';

let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vitrine-rewrap-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const ADA = releaseKey(1);
const UPGRADE: UpgradePolicy = { kind: 'signed', keys: [ADA.publicKey], threshold: 1 };
const [D1, D2] = ['ab'.repeat(48), 'cd'.repeat(48)];
const RELEASE = signedBy({ name: 'notes', from: { manifest: D1, number: 3 }, to: { manifest: D2, number: 4 } }, ADA);
const [chip, share, cloud] = [fixedSource('chip', 7), fixedSource('share', 8), fixedSource('cloud', 9)];
/** A source whose secret changes. */
const rotating = (): RootSecretSource & { fill: number } => ({
  ...chip,
  fill: 7,
  secret(): Promise<Uint8Array> {
    return Promise.resolve(new Uint8Array(32).fill(this.fill));
  },
});
const fleeting = (kind: string, fill: number): RootSecretSource => ({
  ...fixedSource(kind, fill),
  description: { ...fixedSource(kind, fill).description, survivesUpgrade: false },
});

type Given = Partial<Omit<AppRootOptions, 'directory'>>;
const optionsOf = (given: Given): Omit<AppRootOptions, 'directory'> => ({
  appId: 'notes',
  manifestDigest: D1,
  manifestNumber: 3,
  upgrade: UPGRADE,
  sources: [chip],
  genesis: false,
  randomBytes,
  ...given,
});
const open = (directory: string, given: Given = {}): Promise<AppRoot> =>
  openAppRoot({ directory, ...optionsOf(given) });
const secretOf = (root: AppRoot): string =>
  toHex(root.derive({ usage: 'key', algorithm: 'ed25519', name: 'a', version: 1, scope: 'service' }, 32));
let used = 0;
async function made(given: Given = {}): Promise<{ directory: string; file: string; secret: string }> {
  const directory = join(base, `root-${used++}`);
  const root = await open(directory, { genesis: true, ...given });
  return { directory, file: join(directory, 'keyslots.json'), secret: secretOf(root) };
}
const slotsIn = async (file: string): Promise<readonly Keyslot[]> => parseKeyslots(await readFile(file, 'utf8'), file);
const NEXT: Given = { manifestDigest: D2, manifestNumber: 4 };

describe('former sources', () => {
  promise('P4', 'open the root once, which is then wrapped under the new ones alone', async () => {
    const { directory, file, secret } = await made();
    const moved = await open(directory, { sources: [share], formerSources: [chip] });
    expect([secretOf(moved), moved.isNew]).toEqual([secret, false]);
    expect(moved.sources).toEqual([share.description]);
    expect(await slotsIn(file)).toHaveLength(1);
    await expect(open(directory)).rejects.toMatchObject({
      code: 'keys.slot-closed',
      message: expect.stringMatching(/wrapped under share, and here is chip; .*--root-from/),
    });
    expect(secretOf(await open(directory, { sources: [share] }))).toBe(secret);
    expect(secretOf(await open(directory, { sources: [share], formerSources: [chip] }))).toBe(secret);
  });

  promise('P4', 'of one kind with another secret do the same', async () => {
    const { directory, secret } = await made();
    const other = fixedSource('chip', 77);
    const moved = await open(directory, { sources: [other], formerSources: [chip] });
    expect(secretOf(moved)).toBe(secret);
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.slot-closed' });
    expect(secretOf(await open(directory, { sources: [other] }))).toBe(secret);
  });

  promise('P4', 'may be more or fewer than the new ones', async () => {
    const { directory, secret } = await made();
    await open(directory, { sources: [share, cloud], formerSources: [chip] });
    await expect(open(directory, { sources: [share] })).rejects.toMatchObject({ code: 'keys.slot-closed' });
    const back = await open(directory, { sources: [chip], formerSources: [share, cloud] });
    expect(secretOf(back)).toBe(secret);
  });

  promise('P4', 'go with a release, and with nothing else, to another manifest', async () => {
    const { directory, file, secret } = await made();
    const before = await readFile(file, 'utf8');
    const moved: Given = { ...NEXT, sources: [share], formerSources: [chip] };
    await expect(open(directory, moved)).rejects.toMatchObject({ code: 'keys.release-missing' });
    const forged = { ...RELEASE, signatures: [] };
    await expect(open(directory, { ...moved, release: forged })).rejects.toMatchObject({
      code: 'keys.release-refused',
    });
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(secretOf(await open(directory, { ...moved, release: RELEASE }))).toBe(secret);
    expect(await slotsIn(file)).toHaveLength(1);
    expect(secretOf(await open(directory, { ...NEXT, sources: [share] }))).toBe(secret);
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.manifest-older' });
  });

  const closed: readonly [what: string, given: Given, code: string, says: RegExp][] = [
    ['that did not wrap it', { sources: [share], formerSources: [cloud] }, 'keys.slot-closed', /share, formerly cloud/],
    [
      'with another secret',
      { sources: [share], formerSources: [fixedSource('chip', 8)] },
      'keys.slot-closed',
      /secret \(chip\) is another one/,
    ],
    ['of which there are none', { sources: [share], formerSources: [] }, 'keys.root-source', /at least one/],
    ['of another application', { appId: 'mail', sources: [share], formerSources: [chip] }, 'keys.slot-closed', /notes/],
    ['twice the same', { sources: [share], formerSources: [chip, chip] }, 'keys.root-source', /another kind/],
    [
      'where the new one gives zeros',
      { sources: [fixedSource('share', 0)], formerSources: [chip] },
      'keys.root-source',
      /zeros/,
    ],
  ];
  for (const [what, given, code, says] of closed) {
    promise('P4', `${what} change nothing`, async () => {
      const { directory, file, secret } = await made();
      const before = await readFile(file, 'utf8');
      await expect(open(directory, given)).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
      expect(await readFile(file, 'utf8')).toBe(before);
      expect(secretOf(await open(directory))).toBe(secret);
    });
  }
});

describe('the secret of a source that does not survive an upgrade', () => {
  promise('P4', 'is said to be the reason, with the two ways out', async () => {
    const { directory } = await made({ sources: [fleeting('chip', 7), share] });
    for (const release of [{}, { ...NEXT, release: RELEASE }]) {
      await expect(open(directory, { ...release, sources: [fleeting('chip', 8), share] })).rejects.toMatchObject({
        code: 'keys.slot-closed',
        message: expect.stringMatching(
          /the secret of chip does not survive an upgrade: start what ran before, .*hand the root over .*--root-from.*No new root was made/,
        ),
      });
    }
    const survives = await made();
    const other = open(survives.directory, { sources: [fixedSource('chip', 8)] });
    await expect(other).rejects.toMatchObject({ message: expect.not.stringContaining('survive') });
  });
});

describe('re-wrapping while running', () => {
  promise('P4', 'gives a fresh slot, from which the same keys come', async () => {
    const { directory, file, secret } = await made();
    const root = await open(directory);
    const [before] = await slotsIn(file);
    expect(await rewrapRoot(root)).toEqual([chip.description]);
    const [after, ...more] = await slotsIn(file);
    expect(more).toEqual([]);
    expect(after?.salt).not.toBe(before?.salt);
    expect({ ...after, salt: '', sealed: '' }).toEqual({ ...before, salt: '', sealed: '' });
    expect(secretOf(await open(directory))).toBe(secret);
  });

  promise('P4', 'goes to the secret that the platform has now, and the former one opens nothing', async () => {
    const source = rotating();
    const { directory, secret } = await made({ sources: [source] });
    const root = await open(directory, { sources: [source] });
    source.fill = 70;
    await expect(open(directory, { sources: [source] })).rejects.toMatchObject({ code: 'keys.slot-closed' });
    await rewrapRoot(root);
    expect(secretOf(await open(directory, { sources: [source] }))).toBe(secret);
    source.fill = 7;
    await expect(open(directory, { sources: [source] })).rejects.toMatchObject({ code: 'keys.slot-closed' });
  });

  promise('P4', 'says what wraps the root from then on', async () => {
    const { directory } = await made();
    const root = await open(directory);
    await root.rewrap({ sources: [share, cloud] });
    expect(root.sources).toEqual([share.description, cloud.description]);
    expect(await rewrapRoot(root)).toEqual([share.description, cloud.description]);
    await expect(root.rewrap({ sources: [fixedSource('none', 0)] })).rejects.toThrow('zeros');
    expect(root.sources).toEqual([share.description, cloud.description]);
  });

  promise('P4', 'writes nothing that could not be read again', async () => {
    const { directory, file, secret } = await made();
    const before = await readFile(file, 'utf8');
    const wordy = { ...share, description: { ...share.description, boundTo: 'x'.repeat(1 << 16) } };
    const root = await open(directory);
    await expect(root.rewrap({ sources: [wordy] })).rejects.toMatchObject({ code: 'keys.slots-unusable' });
    await expect(made({ sources: [wordy] })).rejects.toMatchObject({ code: 'keys.slots-unusable' });
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(secretOf(await open(directory))).toBe(secret);
  });

  promise('P4', 'is refused where another process has handed the root on', async () => {
    const { directory, file, secret } = await made();
    const root = await open(directory);
    await open(directory, { ...NEXT, release: RELEASE });
    const before = await readFile(file, 'utf8');
    await expect(rewrapRoot(root)).rejects.toMatchObject({ code: 'keys.slots-changed' });
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(secretOf(await open(directory, NEXT))).toBe(secret);
  });

  promise('P4', 'many times leaves one slot, and as often failing too', async () => {
    const { directory, file, secret } = await made();
    const source = rotating();
    const root = await open(directory, { sources: [source] });
    for (let count = 0; count < 5; count++) await rewrapRoot(root);
    expect(await slotsIn(file)).toHaveLength(1);
    const before = await readFile(file, 'utf8');
    source.fill = 0;
    for (let count = 0; count < 5; count++) await expect(rewrapRoot(root)).rejects.toThrow('zeros');
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(secretOf(await open(directory))).toBe(secret);
  });
});

/** What a file does at its n-th use: nothing but throw, before or after it has done what it was asked. */
function crashing(directory: string, nth: number, when: 'before' | 'after'): KeyslotFile & { uses(): number } {
  const file = keyslotFile(directory);
  let count = 0;
  const at = async <T>(action: () => Promise<T>): Promise<T> => {
    const isIt = ++count === nth;
    if (isIt && when === 'before') throw new Error('crash');
    const result = await action();
    if (isIt) throw new Error('crash');
    // Nothing happens after a crash.
    if (count > nth && nth > 0) throw new Error('crash');
    return result;
  };
  return {
    ...file,
    read: () => at(() => file.read()),
    replace: (text) => at(() => (count > nth && nth > 0 ? Promise.reject(new Error('crash')) : file.replace(text))),
    uses: () => count,
  };
}

const moves: Readonly<Record<string, { readonly to: Given; readonly isHandedOn: boolean }>> = {
  'to other sources': { to: { sources: [share], formerSources: [chip] }, isHandedOn: false },
  'to another manifest': { to: { ...NEXT, release: RELEASE }, isHandedOn: true },
  'to both': { to: { ...NEXT, release: RELEASE, sources: [share], formerSources: [chip] }, isHandedOn: true },
};
for (const [what, { to, isHandedOn }] of Object.entries(moves)) {
  promise(
    'P4',
    `a crash at any use of the file while it moves ${what} loses nothing, and it ends at the next`,
    async () => {
      const counted = crashing((await made()).directory, 0, 'after');
      await openAppRootIn(counted, optionsOf(to));
      expect(counted.uses()).toBe(5);
      for (const when of ['before', 'after'] as const) {
        for (let nth = 1; nth <= counted.uses(); nth++) {
          const { directory, file, secret } = await made();
          const crash = openAppRootIn(crashing(directory, nth, when), optionsOf(to));
          await expect(crash, `${when} ${nth}`).rejects.toThrow('crash');
          const isOld = (await slotsIn(file)).length === 1 && (nth < 3 || (nth === 3 && when === 'before'));
          if (isOld) expect(secretOf(await open(directory)), `${when} ${nth}`).toBe(secret);
          else if (isHandedOn) await expect(open(directory)).rejects.toMatchObject({ code: 'keys.manifest-older' });
          expect(secretOf(await open(directory, to)), `${when} ${nth}`).toBe(secret);
          expect(await slotsIn(file), `${when} ${nth}`).toHaveLength(1);
        }
      }
    },
  );
}

promise(
  'P4',
  'a crash at any use of the file while the secret is rotated leaves a slot for one of the two',
  async () => {
    for (const when of ['before', 'after'] as const) {
      for (let nth = 2; nth <= 5; nth++) {
        const source = rotating();
        const { directory, file, secret } = await made({ sources: [source] });
        const root = await openAppRootIn(crashing(directory, nth, when), optionsOf({ sources: [source] }));
        source.fill = 70;
        await expect(rewrapRoot(root), `${when} ${nth}`).rejects.toThrow('crash');
        const isWritten = nth > 3 || (nth === 3 && when === 'after');
        if (!isWritten) source.fill = 7;
        expect(secretOf(await open(directory, { sources: [source] })), `${when} ${nth}`).toBe(secret);
        expect(await slotsIn(file), `${when} ${nth}`).toHaveLength(1);
        source.fill = isWritten ? 7 : 70;
        await expect(open(directory, { sources: [source] })).rejects.toMatchObject({ code: 'keys.slot-closed' });
      }
    }
  },
);

promise('P4', 'an older slot that opens leaves the newer one of the same manifest alone', async () => {
  const source = rotating();
  const { directory, file, secret } = await made({ sources: [source] });
  const root = await openAppRootIn(crashing(directory, 3, 'after'), optionsOf({ sources: [source] }));
  source.fill = 70;
  await expect(rewrapRoot(root)).rejects.toThrow('crash');
  source.fill = 7;
  expect(secretOf(await open(directory, { sources: [source] }))).toBe(secret);
  expect(await slotsIn(file)).toHaveLength(2);
  source.fill = 70;
  expect(secretOf(await open(directory, { sources: [source] }))).toBe(secret);
  expect(await slotsIn(file)).toHaveLength(1);
});

describe('at once with another process', () => {
  /** A process that changes the slots. */
  async function holder(directory: string): Promise<{ end(): Promise<void>; kill(): Promise<void> }> {
    const program = fileURLToPath(new URL('./testing/hold-slots.ts', import.meta.url));
    const child = spawn(process.execPath, ['--conditions=@vitrine/source', '--no-warnings', program, directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    return {
      end: async () => {
        child.stdin.end();
        await ended;
      },
      kill: async () => {
        child.kill('SIGKILL');
        await ended;
      },
    };
  }

  promise('P4', 'nothing is re-wrapped; afterwards, however that one ended, it is', async () => {
    const { directory, file, secret } = await made();
    const before = await readFile(file, 'utf8');
    for (const how of ['end', 'kill'] as const) {
      const other = await holder(directory);
      const root = await open(directory);
      await expect(rewrapRoot(root)).rejects.toMatchObject({ code: 'file.busy' });
      await expect(open(directory, { ...NEXT, release: RELEASE })).rejects.toMatchObject({ code: 'file.busy' });
      await expect(open(directory, { sources: [share], formerSources: [chip] })).rejects.toMatchObject({
        code: 'file.busy',
      });
      expect(await readFile(file, 'utf8')).toBe(before);
      expect(secretOf(await open(directory))).toBe(secret);
      await other[how]();
    }
    await rewrapRoot(await open(directory));
    expect(await readFile(file, 'utf8')).not.toBe(before);
  });

  promise('P4', 'a start does not clean up what another one is writing', async () => {
    const { directory, file, secret } = await made();
    const root = await openAppRootIn(crashing(directory, 3, 'after'), optionsOf({}));
    await expect(rewrapRoot(root)).rejects.toThrow('crash');
    const before = await readFile(file, 'utf8');
    const other = await holder(directory);
    expect(secretOf(await open(directory))).toBe(secret);
    expect(await readFile(file, 'utf8')).toBe(before);
    await other.end();
    expect(secretOf(await open(directory))).toBe(secret);
    expect(await slotsIn(file)).toHaveLength(1);
  });

  promise(
    'P4',
    'of many in one process that move it to different places, nobody believes that it is elsewhere',
    async () => {
      const { directory, file, secret } = await made();
      const all = await Promise.allSettled([
        open(directory, { ...NEXT, release: RELEASE }),
        open(directory, { sources: [share], formerSources: [chip] }),
        open(directory, { ...NEXT, release: RELEASE }),
        open(directory, { sources: [cloud], formerSources: [chip] }),
      ]);
      const winners = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(winners).not.toHaveLength(0);
      const [slot, ...more] = await slotsIn(file);
      expect(more).toEqual([]);
      for (const winner of winners) {
        expect(winner.sources).toEqual(slot?.sources);
        expect(secretOf(winner)).toBe(secret);
      }
    },
  );

  promise('P4', 'a lock that is no plain file is refused, and nothing is written through it', async () => {
    const directory = join(base, `lock-${used++}`);
    await mkdir(directory);
    const [target, lock] = [join(directory, 'other'), join(directory, 'lock')];
    await writeFile(target, '');
    await symlink(target, lock);
    await expect(exclusively(lock, async () => 1)).rejects.toMatchObject({ code: 'file.unusable' });
    await rm(lock);
    await mkdir(lock);
    await expect(exclusively(lock, async () => 1)).rejects.toMatchObject({ code: 'file.unusable' });
    await expect(exclusively(join(directory, 'none', 'lock'), async () => 1)).rejects.toMatchObject({
      code: 'file.unusable',
    });
    expect(await readFile(target, 'utf8')).toBe('');
    const failing = exclusively(target, () => Promise.reject(new Error('mine')));
    await expect(failing).rejects.toThrow('mine');
    expect(await exclusively(target, async () => 1)).toBe(1);
  });
});

promise('P4', 'a slot that somebody put behind a newer one does not outlive it', async () => {
  const { directory, file, secret } = await made();
  const [old] = await slotsIn(file);
  if (old === undefined) throw new Error('no slot');
  await open(directory, { ...NEXT, release: RELEASE });
  const [current] = await slotsIn(file);
  if (current === undefined) throw new Error('no slot');
  await writeFile(file, formatKeyslots([current, old]));
  await expect(open(directory)).rejects.toMatchObject({ code: 'keys.manifest-older' });
  expect(secretOf(await open(directory, NEXT))).toBe(secret);
  expect((await slotsIn(file)).map(({ manifestNumber }) => manifestNumber)).toEqual([4]);
});
