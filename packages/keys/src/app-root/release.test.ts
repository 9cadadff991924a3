import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Release, toHex, type UpgradePolicy } from '@vitrine/documents';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { releaseKey, signedBy } from '../testing/release-keys.ts';
import { type AppRoot, type AppRootOptions, openAppRoot, openAppRootIn } from './app-root.ts';
import { formatKeyslots, type Keyslot, parseKeyslots } from './keyslot-document.ts';
import { keyslotFile } from './keyslot-file.ts';
import { readRelease, signersOf } from './release.ts';
import { fixedSource } from './testing/root-sources.ts';
import { wrappedFor } from './wrapped-for.ts';

let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vitrine-release-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const [ADA, BOB, CYD, EVE] = [releaseKey(1), releaseKey(2), releaseKey(3), releaseKey(9)];
const POLICY: UpgradePolicy = {
  kind: 'signed',
  keys: [ADA.publicKey, BOB.publicKey, CYD.publicKey],
  threshold: 2,
};
const [D1, D2, D3] = ['ab'.repeat(48), 'cd'.repeat(48), 'ef'.repeat(48)];
const BODY = { name: 'notes', from: { manifest: D1, number: 3 }, to: { manifest: D2, number: 4 } } as const;

type Given = Partial<Omit<AppRootOptions, 'directory'>>;
const optionsOf = (given: Given): Omit<AppRootOptions, 'directory'> => ({
  appId: 'notes',
  manifestDigest: D1,
  manifestNumber: 3,
  upgrade: POLICY,
  sources: [fixedSource('simulator', 7)],
  genesis: false,
  randomBytes,
  ...given,
});
let used = 0;
const open = (directory: string, given: Given = {}): Promise<AppRoot> =>
  openAppRoot({ directory, ...optionsOf(given) });
const secretOf = (root: AppRoot): string =>
  toHex(root.derive({ usage: 'key', algorithm: 'ed25519', name: 'a', version: 1, scope: 'service' }, 32));
async function made(given: Given = {}): Promise<{ directory: string; file: string; secret: string; id: string }> {
  const directory = join(base, `root-${used++}`);
  const root = await open(directory, { genesis: true, ...given });
  return { directory, file: join(directory, 'keyslots.json'), secret: secretOf(root), id: root.id };
}
const slotsIn = async (file: string): Promise<readonly Keyslot[]> => parseKeyslots(await readFile(file, 'utf8'), file);
const NEXT: Given = { manifestDigest: D2, manifestNumber: 4 };
const RELEASE = signedBy(BODY, ADA, CYD);

describe('a signed release', () => {
  promise('P4', 'hands the same root to the manifest that it names, and the former one has lost it', async () => {
    const { directory, file, secret, id } = await made();
    const next = await open(directory, { ...NEXT, release: RELEASE });
    expect([next.id, next.isNew, secretOf(next)]).toEqual([id, false, secret]);
    const slots = await slotsIn(file);
    expect(slots.map(({ manifestDigest, manifestNumber }) => [manifestDigest, manifestNumber])).toEqual([[D2, 4]]);
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.manifest-older' });
    await expect(open(directory, { release: RELEASE })).rejects.toMatchObject({ code: 'keys.manifest-older' });
    expect(secretOf(await open(directory, NEXT))).toBe(secret);
  });

  promise('P4', 'is taken as done at the next starts, and only the one that led here', async () => {
    const { directory, file, secret } = await made();
    await open(directory, { ...NEXT, release: RELEASE });
    const before = await readFile(file, 'utf8');
    expect(secretOf(await open(directory, { ...NEXT, release: RELEASE }))).toBe(secret);
    const other = signedBy({ ...BODY, to: { manifest: D3, number: 5 } }, ADA, BOB);
    for (const release of [other, { ...RELEASE, name: 'mail' }, {}]) {
      await expect(open(directory, { ...NEXT, release })).rejects.toMatchObject({ code: 'keys.release-refused' });
    }
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  promise('P4', 'is judged by the policy of the former manifest, and the next one by that of the new', async () => {
    const { directory, secret } = await made();
    const mine: UpgradePolicy = { kind: 'signed', keys: [EVE.publicKey], threshold: 1 };
    const byEve = signedBy(BODY, EVE);
    await expect(open(directory, { ...NEXT, upgrade: mine, release: byEve })).rejects.toMatchObject({
      code: 'keys.release-refused',
    });
    await open(directory, { ...NEXT, upgrade: mine, release: RELEASE });
    const body = { name: 'notes', from: BODY.to, to: { manifest: D3, number: 9 } };
    const third: Given = { manifestDigest: D3, manifestNumber: 9, upgrade: { kind: 'pinned' } };
    await expect(open(directory, { ...third, release: signedBy(body, ADA, BOB) })).rejects.toMatchObject({
      code: 'keys.release-refused',
    });
    expect(secretOf(await open(directory, { ...third, release: signedBy(body, EVE) }))).toBe(secret);
    await expect(
      open(directory, {
        manifestDigest: D1,
        manifestNumber: 10,
        release: signedBy({ ...body, from: body.to, to: { manifest: D1, number: 10 } }, EVE),
      }),
    ).rejects.toMatchObject({ code: 'keys.release-refused', message: expect.stringContaining('upgrade: pinned') });
  });

  promise('P4', 'counts with more signatures than it needs, and with those of others beside', async () => {
    for (const keys of [
      [ADA, BOB, CYD],
      [EVE, BOB, ADA],
    ]) {
      const { directory, secret } = await made();
      expect(secretOf(await open(directory, { ...NEXT, release: signedBy(BODY, ...keys) }))).toBe(secret);
    }
  });

  const changedSignature = RELEASE.signatures.map(({ key, signature }) => ({
    key,
    signature: `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
  }));
  const [first] = RELEASE.signatures;
  if (first === undefined) throw new Error('no signature');
  const body = (changes: object): Pick<Release, 'name' | 'from' | 'to'> => ({ ...BODY, ...changes });
  const refused: readonly [what: string, release: unknown, says: RegExp, given?: Given][] = [
    ['nothing in it', {}, /it is none/],
    ['a member more', { ...RELEASE, delay: 0 }, /unknown field "delay"/],
    ['no signature', signedBy(BODY), /0 of 3 listed keys have signed it, and 2 have to/],
    ['one signature too few', signedBy(BODY, ADA), /1 of 3/],
    ['the same key twice', { ...RELEASE, signatures: [first, first] }, /twice/],
    ['one of another key instead', signedBy(BODY, ADA, EVE), /1 of 3 .* 1 more by keys that are not listed/],
    ['a changed signature', { ...RELEASE, signatures: changedSignature }, /does not verify/],
    [
      'a bad one beside two good',
      { ...RELEASE, signatures: [...RELEASE.signatures, { ...first, key: BOB.publicKey }] },
      /does not verify/,
    ],
    [
      'signatures of another release',
      { ...signedBy(body({ to: { manifest: D2, number: 5 } }), ADA, BOB), to: BODY.to },
      /does not verify/,
    ],
    ['another application', signedBy(body({ name: 'mail' }), ADA, BOB), /for the application "mail", not "notes"/],
    ['another former manifest', signedBy(body({ from: { manifest: D3, number: 3 } }), ADA, BOB), /it goes from/],
    ['another former number', signedBy(body({ from: { manifest: D1, number: 2 } }), ADA, BOB), /it goes from/],
    ['another next manifest', signedBy(body({ to: { manifest: D3, number: 4 } }), ADA, BOB), /it goes to/],
    ['another next number', signedBy(body({ to: { manifest: D2, number: 5 } }), ADA, BOB), /it goes to/],
    [
      'a number that does not rise',
      signedBy(body({ to: { manifest: D2, number: 3 } }), ADA, BOB),
      /has to rise/,
      { manifestNumber: 3 },
    ],
  ];
  for (const [what, release, says, given] of refused) {
    promise('P4', `with ${what}: refused, and nothing changes`, async () => {
      const { directory, file, secret } = await made();
      const before = await readFile(file, 'utf8');
      await expect(open(directory, { ...NEXT, ...given, release })).rejects.toMatchObject({
        code: 'keys.release-refused',
        message: expect.stringMatching(says),
      });
      expect(await readFile(file, 'utf8')).toBe(before);
      expect(secretOf(await open(directory))).toBe(secret);
    });
  }

  promise('P4', 'opens nothing where the policy in the slot was changed to the signer’s', async () => {
    const { directory, file } = await made();
    const [slot] = await slotsIn(file);
    if (slot === undefined) throw new Error('no slot');
    const upgrade: UpgradePolicy = { kind: 'signed', keys: [EVE.publicKey], threshold: 1 };
    await writeFile(file, formatKeyslots([{ ...slot, upgrade }]));
    await expect(open(directory, { ...NEXT, release: signedBy(BODY, EVE) })).rejects.toMatchObject({
      code: 'keys.slot-closed',
      message: expect.stringContaining('the slot was changed'),
    });
  });

  promise('P4', 'opens nothing on another platform', async () => {
    const { directory } = await made();
    for (const source of [fixedSource('simulator', 8), fixedSource('tpm', 7)]) {
      await expect(open(directory, { ...NEXT, release: RELEASE, sources: [source] })).rejects.toMatchObject({
        code: 'keys.slot-closed',
      });
    }
  });

  promise('P4', 'and a wish for a new root contradict each other', async () => {
    const directory = join(base, `root-${used++}`);
    await expect(open(directory, { release: RELEASE, genesis: true })).rejects.toMatchObject({
      code: 'keys.release-refused',
    });
    await expect(open(directory, { release: RELEASE })).rejects.toMatchObject({ code: 'keys.no-root' });
  });
});

promise('P4', 'without a release another manifest is told what is needed', async () => {
  const { directory } = await made();
  await expect(open(directory, NEXT)).rejects.toMatchObject({
    code: 'keys.release-missing',
    message: expect.stringMatching(/number 3 and digest (?:ab){48}.*signed by 2 of the 3.*--release FILE/),
  });
  await expect(open(directory, { manifestDigest: D2 })).rejects.toMatchObject({
    code: 'keys.release-missing',
    message: expect.stringContaining('raise "number"'),
  });
});

promise('P4', 'pinned opens for no other manifest, signed by whomever', async () => {
  const { directory, secret } = await made({ upgrade: { kind: 'pinned' } });
  await expect(open(directory, NEXT)).rejects.toMatchObject({
    code: 'keys.slot-closed',
    message: expect.stringContaining('upgrade policy is pinned'),
  });
  await expect(open(directory, { ...NEXT, release: signedBy(BODY, ADA, BOB, CYD) })).rejects.toMatchObject({
    code: 'keys.release-refused',
    message: expect.stringContaining('upgrade: pinned'),
  });
  expect(secretOf(await open(directory, { upgrade: { kind: 'pinned' } }))).toBe(secret);
});

describe('a crash while the root is handed on', () => {
  const crashAt = (directory: string, nth: number): ReturnType<typeof keyslotFile> => {
    const file = keyslotFile(directory);
    let count = 0;
    return {
      ...file,
      replace: async (text) => {
        if (++count === nth) throw new Error('crash');
        await file.replace(text);
      },
    };
  };

  promise('P4', 'before the new slot is there leaves everything as it was', async () => {
    const { directory, secret } = await made();
    await expect(openAppRootIn(crashAt(directory, 1), optionsOf({ ...NEXT, release: RELEASE }))).rejects.toThrow(
      'crash',
    );
    expect(secretOf(await open(directory))).toBe(secret);
    expect(secretOf(await open(directory, { ...NEXT, release: RELEASE }))).toBe(secret);
  });

  promise('P4', 'after it leaves the former slot without a say, and the next start removes it', async () => {
    const { directory, file, secret } = await made();
    await expect(openAppRootIn(crashAt(directory, 2), optionsOf({ ...NEXT, release: RELEASE }))).rejects.toThrow(
      'crash',
    );
    expect(await slotsIn(file)).toHaveLength(2);
    await expect(open(directory)).rejects.toMatchObject({ code: 'keys.manifest-older' });
    const past = signedBy({ ...BODY, to: { manifest: D3, number: 5 } }, ADA, BOB);
    await expect(open(directory, { manifestDigest: D3, manifestNumber: 5, release: past })).rejects.toMatchObject({
      code: 'keys.release-refused',
      message: expect.stringContaining('it goes from'),
    });
    expect(await wrappedFor(directory)).toMatchObject({ manifest: { digest: D2, number: 4 } });
    expect(secretOf(await open(directory, NEXT))).toBe(secret);
    expect((await slotsIn(file)).map(({ manifestNumber }) => manifestNumber)).toEqual([4]);
  });
});

promise('P4', 'what a root is wrapped for can be seen, as it is in the file', async () => {
  const { directory } = await made();
  expect(await wrappedFor(directory)).toEqual({
    manifest: { digest: D1, number: 3 },
    upgrade: { ...POLICY, keys: POLICY.keys.toSorted() },
    sources: [fixedSource('simulator', 7).description],
  });
  expect(await wrappedFor(join(base, 'nowhere'))).toBeUndefined();
});

promise('P4', 'a key of small order signs nothing', () => {
  // The neutral element as key and as R, and S of zero: a signature of everything where this is tolerated.
  const key = `01${'00'.repeat(31)}`;
  const signature = `AQ${'A'.repeat(84)}`;
  const release: Release = { type: 'vitrine/release/v1', ...BODY, signatures: [{ key, signature }] };
  expect(signersOf(readRelease(release))).toEqual({ good: [], bad: [key] });
  const noPoint = { ...release, signatures: [{ key: 'ff'.repeat(32), signature }] };
  expect(signersOf(noPoint)).toEqual({ good: [], bad: ['ff'.repeat(32)] });
  // Spare bits that are set make other text of the same bytes.
  const [one] = RELEASE.signatures;
  if (one === undefined) throw new Error('no signature');
  const spare = { ...release, signatures: [{ ...one, signature: `${one.signature.slice(0, -1)}B` }] };
  expect(signersOf(spare).good).toEqual([]);
});

promise('P4', 'any document is a release or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.jsonValue()), (value) => {
      expect(() => readRelease(value)).toThrow(expect.objectContaining({ code: 'keys.release-refused' }));
    }),
  );
});
