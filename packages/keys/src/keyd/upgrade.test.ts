/** What a release takes along, and what it does not. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { type CredentialSpec, type Manifest, manifestDigest, toBase64Url, toHex } from '@vitrine/documents';
import { afterAll, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { sealSecret } from '../../../client/src/secrets/seal-secret.ts';
import { anchorMemory } from '../testing/memory-anchor.ts';
import {
  admitServer,
  manifestWith,
  openTestKeyd,
  removeTemporaryDirectories,
  temporaryDirectory,
  testPlatform,
} from '../testing/open-test-keyd.ts';
import { releaseKey, signedBy } from '../testing/release-keys.ts';
import type { Keyd } from './contract.ts';

afterAll(removeTemporaryDirectories);

const ADA = releaseKey(1);
const UPGRADE = { kind: 'signed', keys: [ADA.publicKey], threshold: 1 } as const;

async function released(from: Manifest, to: Manifest): Promise<unknown> {
  const named = async (manifest: Manifest) => ({ manifest: await manifestDigest(manifest), number: manifest.number });
  return signedBy({ name: from.name, from: await named(from), to: await named(to) }, ADA);
}

/** Opens `from`, does something, and opens `to` by a release. */
async function upgraded(from: Manifest, to: Manifest, before: (keyd: Keyd) => Promise<void>): Promise<Keyd> {
  const directory = temporaryDirectory();
  const first = await openTestKeyd(from, { directory });
  await before(first);
  await first.close();
  const release = await released(from, to);
  const second = await openTestKeyd(to, { directory, genesis: false, release });
  expect(second.appRoot).toEqual({ id: first.appRoot?.id, isNew: false });
  return second;
}

const hiding = (version: number, retired?: readonly number[]): NonNullable<Manifest['keys']> => ({
  box: {
    origin: 'derived',
    algorithm: 'aes256',
    version,
    ...(retired === undefined ? {} : { retired }),
    policy: {
      rules: [
        { id: 'in', effect: 'allow', action: 'encrypt', contexts: ['notes'] },
        { id: 'out', effect: 'allow', action: 'decrypt', contexts: ['notes'] },
      ],
    },
  },
});

promise('P4', 'a key is rotated by a release: the retired version decrypts what it encrypted', async () => {
  const from = manifestWith({ keys: hiding(1), upgrade: UPGRADE });
  const to = manifestWith({ number: 2, keys: hiding(2, [1]), upgrade: UPGRADE });
  const plaintext = toBase64Url(Buffer.from('before'));
  let ciphertext = '';
  const second = await upgraded(from, to, async (keyd) => {
    const { get } = admitServer(keyd);
    ({ ciphertext } = await get<{ ciphertext: string }>('encrypt', { key: 'box', context: 'notes', plaintext }));
  });
  expect(second.statements.map(({ version, state }) => [version, state])).toEqual([
    [1, 'retired'],
    [2, 'active'],
  ]);
  const { get } = admitServer(second);
  expect(await get('decrypt', { key: 'box', context: 'notes', ciphertext })).toEqual({ plaintext });
  const again = await get<{ ciphertext: string }>('encrypt', { key: 'box', context: 'notes', plaintext });
  expect(await get('decrypt', { key: 'box', context: 'notes', ...again })).toEqual({ plaintext });
});

promise('P4', 'a version that is not retired any more decrypts nothing', async () => {
  const from = manifestWith({ keys: hiding(1), upgrade: UPGRADE });
  const to = manifestWith({ number: 2, keys: hiding(2), upgrade: UPGRADE });
  let ciphertext = '';
  const second = await upgraded(from, to, async (keyd) => {
    const { get } = admitServer(keyd);
    ({ ciphertext } = await get<{ ciphertext: string }>('encrypt', {
      key: 'box',
      context: 'notes',
      plaintext: 'AAAA',
    }));
  });
  const { ask } = admitServer(second);
  expect((await ask('decrypt', { key: 'box', context: 'notes', ciphertext })).error).toBeDefined();
});

promise('P4', 'a release for what has nothing that lasts is refused, not passed over', async () => {
  const to = manifestWith({ number: 2 });
  const release = await released(manifestWith({ keys: hiding(1), upgrade: UPGRADE }), to);
  await expect(openTestKeyd(to, { genesis: false, release })).rejects.toMatchObject({ code: 'keys.release-refused' });
});

promise('P4', 'policies that do not load do not take the root along', async () => {
  const directory = temporaryDirectory();
  const from = manifestWith({ keys: hiding(1), upgrade: UPGRADE });
  await (await openTestKeyd(from, { directory })).close();
  const spec = hiding(1)['box'];
  if (spec === undefined) throw new Error('no key');
  const to = manifestWith({
    number: 2,
    upgrade: UPGRADE,
    keys: { box: { ...spec, policy: { rules: [...spec.policy.rules, ...spec.policy.rules] } } },
  });
  await expect(
    openTestKeyd(to, { directory, genesis: false, release: await released(from, to) }),
  ).rejects.toMatchObject({ code: expect.stringMatching(/^policy\./) });
  await (await openTestKeyd(from, { directory, genesis: false })).close();
});

promise('P4', 'a state that does not open under the next manifest leaves the root with the former', async () => {
  const directory = temporaryDirectory();
  const from = manifestWith({ keys: hiding(1), upgrade: UPGRADE });
  const to = manifestWith({ number: 2, keys: hiding(1), upgrade: UPGRADE, anchor: { kind: 'tpm' } });
  await (await openTestKeyd(from, { directory })).close();
  const release = await released(from, to);
  const platform = testPlatform({ openAnchor: async () => anchorMemory().open() });
  const options = { directory, genesis: false, release, platform };
  await expect(openTestKeyd(to, options)).rejects.toMatchObject({ code: 'keys.anchor-empty' });
  await expect(openTestKeyd(to, { ...options, platform: testPlatform() })).rejects.toMatchObject({
    code: 'keys.no-anchor',
  });
  const store = join(directory, 'store.sqlite');
  renameSync(store, `${store}.away`);
  await expect(openTestKeyd(to, options)).rejects.toMatchObject({ code: 'keys.store-missing' });
  renameSync(`${store}.away`, store);
  const former = await openTestKeyd(from, { directory, genesis: false });
  // While it runs, a second one does not take the root away from it.
  await expect(
    openTestKeyd(manifestWith({ number: 3, keys: hiding(1) }), {
      directory,
      genesis: false,
      release: await released(from, manifestWith({ number: 3, keys: hiding(1) })),
    }),
  ).rejects.toMatchObject({ code: 'storage.locked' });
  await former.close();
  await (await openTestKeyd(from, { directory, genesis: false })).close();
});

const owner = (): { publicKey: string; sign: (bytes: Uint8Array) => Uint8Array } => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: toHex(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')),
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
  };
};
const OWNER = owner();
const BANK: CredentialSpec = {
  owner: OWNER.publicKey,
  header: 'authorization',
  allow: [{ host: 'bank.example', port: 443, methods: ['GET'], paths: ['/'] }],
};
const OTHER_HOST: CredentialSpec = {
  ...BANK,
  allow: [{ host: 'thief.example', port: 443, methods: ['GET'], paths: ['/'] }],
};

async function handIn(keyd: Keyd, manifest: Manifest, version: number): Promise<void> {
  const { bootBinding } = await keyd.bind({
    tlsSpki: new Uint8Array(32),
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
  });
  const sealed = await sealSecret({
    name: 'bank',
    purpose: 'credential',
    version,
    value: Buffer.from('token'),
    manifestDigest: await manifestDigest(manifest),
    hpkeKey: bootBinding.hpkeKey ?? '',
    owner: OWNER,
  });
  await keyd.acceptSecret(sealed);
}

const changes: readonly [what: string, credential: CredentialSpec, usable: boolean][] = [
  ['the same entry: usable', BANK, true],
  ['another owner: not usable', { ...BANK, owner: owner().publicKey }, false],
  ['another host: not usable', OTHER_HOST, false],
  ['one path more: not usable', { ...BANK, allow: [...BANK.allow, ...OTHER_HOST.allow] }, false],
  ['another header: not usable', { ...BANK, header: 'x-token' }, false],
  ['a prefix: not usable', { ...BANK, prefix: 'Bearer ' }, false],
];
for (const [what, credential, usable] of changes) {
  promise('P1', `a credential after a release with ${what}`, async () => {
    const from = manifestWith({ credentials: { bank: BANK }, upgrade: UPGRADE });
    const to = manifestWith({ number: 2, credentials: { bank: credential }, store: 'sealed', upgrade: UPGRADE });
    const second = await upgraded(from, to, (keyd) => handIn(keyd, from, 5));
    expect(await second.credential('bank')).toBe(usable ? 'token' : undefined);
  });
}

promise('P1', 'its owner hands it in again for the new entry, with a higher version', async () => {
  const from = manifestWith({ credentials: { bank: BANK }, upgrade: UPGRADE });
  const to = manifestWith({ number: 2, credentials: { bank: OTHER_HOST }, upgrade: UPGRADE });
  const second = await upgraded(from, to, (keyd) => handIn(keyd, from, 5));
  await expect(handIn(second, to, 5)).rejects.toMatchObject({ code: 'secret.version' });
  expect(await second.credential('bank')).toBeUndefined();
});

promise('P1', 'handed in again it is used', async () => {
  const from = manifestWith({ credentials: { bank: BANK }, upgrade: UPGRADE });
  const to = manifestWith({ number: 2, credentials: { bank: OTHER_HOST }, upgrade: UPGRADE });
  const second = await upgraded(from, to, (keyd) => handIn(keyd, from, 5));
  await handIn(second, to, 6);
  expect(await second.credential('bank')).toBe('token');
});
