import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type KeyPolicy, type Manifest, manifestDigest, toHex } from '@vitrine/documents';
import { serializeTransaction } from 'viem';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { sealSecret } from '../../../client/src/secrets/seal-secret.ts';
import { type AnchorMemory, anchorMemory } from '../testing/memory-anchor.ts';
import {
  ADA,
  admitServer,
  manifestWith,
  openTestKeyd,
  removeTemporaryDirectories,
  type TestServer,
  temporaryDirectory,
  testPlatform,
} from '../testing/open-test-keyd.ts';
import type { Keyd } from './contract.ts';
import type { Platform } from './platform.ts';

afterAll(removeTemporaryDirectories);

const PAYEE: `0x${string}` = `0x${'a'.repeat(40)}`;
const CHAIN = 11155111;
const policy = (changes: Partial<KeyPolicy> = {}): KeyPolicy => ({
  rules: [
    {
      id: 'pay',
      effect: 'allow',
      action: 'evm.transaction',
      chains: [`eip155:${CHAIN}`],
      effects: [{ kind: 'native-transfer', to: [PAYEE], max: '1000' }],
      fee: { max: 'any' },
    },
  ],
  limits: [{ kind: 'rate', id: 'ten', window: 86_400, per: 'key', max: 10 }],
  copies: 'strict',
  ...changes,
});
const manifest = (changes: Partial<Manifest> = {}): Manifest =>
  manifestWith({
    anchor: { kind: 'tpm' },
    store: 'sealed',
    keys: { hot: { origin: 'derived', algorithm: 'secp256k1', version: 1, policy: policy() } },
    ...changes,
  });

interface Started {
  readonly keyd: Keyd;
  readonly server: TestServer;
  /** How many of so many requests are signed, and why others are not. */
  sign(count: number): Promise<readonly string[]>;
}

const anchoredPlatform = (memory: AnchorMemory): Platform => testPlatform({ openAnchor: async () => memory.open() });

async function start(
  directory: string,
  memory: AnchorMemory,
  genesis: boolean,
  changes: Partial<Manifest> = {},
): Promise<Started> {
  const keyd = await openTestKeyd(manifest(changes), { directory, genesis, platform: anchoredPlatform(memory) });
  onTestFinished(() => keyd.close());
  const server = admitServer(keyd);
  return {
    keyd,
    server,
    sign: async (count) => {
      const replies = await Promise.all(
        Array.from({ length: count }, (_, nonce) =>
          server.ask('evm.signTransaction', {
            key: 'hot',
            transaction: serializeTransaction({
              type: 'eip1559',
              chainId: CHAIN,
              nonce,
              gas: 21_000n,
              maxFeePerGas: 10n,
              to: PAYEE,
            }),
          }),
        ),
      );
      return replies.map(({ error }) => error?.data.code ?? 'signed');
    },
  };
}

const count = (all: readonly string[], one: string): number => all.filter((said) => said === one).length;
const put = (document: unknown): object => ({ collection: 'c', id: 'd', document });
const sandbox = { process: 'none', seccomp: false, cgroup: false, volume: 'directory' } as const;

describe('a key service with an anchor', () => {
  promise('P4', 'signs under strict limits, and a restart leaves exactly what was left', async () => {
    const [directory, memory] = [temporaryDirectory(), anchorMemory()];
    const first = await start(directory, memory, true);
    expect(count(await first.sign(5), 'signed')).toBe(5);
    await first.keyd.close();
    const second = await start(directory, memory, false);
    const said = await second.sign(8);
    expect([count(said, 'signed'), count(said, 'policy.limit')]).toEqual([5, 3]);
    await second.keyd.close();
    const third = await start(directory, memory, false);
    expect(count(await third.sign(2), 'policy.limit')).toBe(2);
  });

  promise('P1', 'refuses an older copy of its directory, with its root and without', async () => {
    const [directory, memory, copy] = [temporaryDirectory(), anchorMemory(), temporaryDirectory()];
    const first = await start(directory, memory, true);
    cpSync(directory, copy, { recursive: true });
    await first.sign(1);
    await first.keyd.close();
    await expect(start(copy, memory, false)).rejects.toMatchObject({ code: 'keys.state-older' });
    cpSync(join(copy, 'store.sqlite'), join(directory, 'store.sqlite'));
    rmSync(join(directory, 'store.sqlite-wal'), { force: true });
    await expect(start(directory, memory, false)).rejects.toMatchObject({ code: 'keys.state-older' });
  });

  promise('P4', 'of which another copy was started signs and stores nothing any more', async () => {
    const [directory, memory, copy] = [temporaryDirectory(), anchorMemory(), temporaryDirectory()];
    const first = await start(directory, memory, true);
    await first.sign(4);
    cpSync(directory, copy, { recursive: true });
    const second = await start(copy, memory, false);
    expect(await first.sign(2)).toEqual(['keys.state-moved', 'keys.state-moved']);
    expect((await first.server.ask('store.put', put(1))).error?.data.code).toBe('keys.state-moved');
    expect((await first.server.ask('store.get', { collection: 'c', id: 'd' })).error?.message).toContain('newest');
    expect((await first.keyd.outdated).message).toContain('freshness anchor');
    const said = await second.sign(8);
    expect([count(said, 'signed'), count(said, 'policy.limit')]).toEqual([6, 2]);
  });

  promise('P4', 'signs also what no limit counts only while it is the newest, and the anchor says so', async () => {
    const [directory, memory, copy] = [temporaryDirectory(), anchorMemory(), temporaryDirectory()];
    const rules: KeyPolicy['rules'] = [{ id: 'all', effect: 'allow', action: 'sign', contexts: ['c'] }];
    const key = { algorithm: 'ed25519', version: 1, policy: { rules } } as const;
    const keys: Manifest['keys'] = { k: { ...key, origin: 'derived' }, own: { ...key, origin: 'generated' } };
    const first = await start(directory, memory, true, { keys });
    const ask = async (name = 'k'): Promise<string> =>
      (await first.server.ask('sign', { key: name, context: 'c', message: 'AAAA' })).error?.data.code ?? 'signed';
    const { moves } = memory;
    expect(await ask()).toBe('signed');
    memory.isDown = true;
    expect(await ask()).toBe('keys.anchor-unavailable');
    memory.isDown = false;
    expect(await Promise.all([ask(), ask()])).toEqual(['signed', 'signed']);
    expect(memory.moves).toBe(moves);
    cpSync(directory, copy, { recursive: true });
    await start(copy, memory, false, { keys });
    expect(await Promise.all([ask(), ask()])).toEqual(['keys.state-moved', 'keys.state-moved']);
    expect((await first.keyd.outdated).message).toContain('freshness anchor');
  });

  promise('P4', 'one charge is not used twice by a machine that was copied while it ran', async () => {
    const [directory, memory, copy] = [temporaryDirectory(), anchorMemory(), temporaryDirectory()];
    const limits = [{ kind: 'rate', id: 'one', window: 86_400, per: 'key', max: 1 }] as const;
    const keys: Manifest['keys'] = {
      hot: { origin: 'derived', algorithm: 'secp256k1', version: 1, policy: policy({ limits }) },
    };
    const made = await start(directory, memory, true, { keys });
    await made.keyd.close();
    cpSync(directory, copy, { recursive: true });
    const before = memory.head;
    // One memory, one source of randomness, one clock: what a copy of a running machine has.
    const open = (where: string): Promise<Keyd> => {
      let drawn = 0;
      return openTestKeyd(manifest({ keys }), {
        directory: where,
        genesis: false,
        platform: anchoredPlatform(memory),
        monotonic: () => 5000,
        randomBytes: (length) =>
          Uint8Array.from(createHash('shake256', { outputLength: length }).update(`${++drawn}`).digest()),
      });
    };
    const first = await open(directory);
    const opened = memory.head;
    memory.head = before;
    const second = await open(copy);
    onTestFinished(async () => void (await Promise.all([first.close(), second.close()])));
    expect(memory.head).toEqual(opened);
    const ask = async (keyd: Keyd, value: bigint): Promise<string> => {
      const transaction = serializeTransaction({
        type: 'eip1559',
        chainId: CHAIN,
        nonce: 0,
        gas: 21_000n,
        maxFeePerGas: 10n,
        to: PAYEE,
        value,
      });
      const { error } = await admitServer(keyd).ask('evm.signTransaction', { key: 'hot', transaction });
      return error?.data.code ?? 'signed';
    };
    expect([await ask(first, 1n), await ask(second, 2n)]).toEqual(['signed', 'keys.state-moved']);
  });

  promise('P1', 'acknowledges documents when the anchor has moved', async () => {
    const memory = anchorMemory();
    const { server } = await start(temporaryDirectory(), memory, true);
    const { moves } = memory;
    expect((await server.ask('store.put', put({ n: 1 }))).result).toEqual({ version: 1 });
    expect(memory.moves).toBe(moves + 1);
    memory.isDown = true;
    expect((await server.ask('store.put', put({ n: 2 }))).error?.data.code).toBe('keys.anchor-unavailable');
    expect((await server.ask('store.get', { collection: 'c', id: 'd' })).error?.data.code).toBe(
      'keys.anchor-unavailable',
    );
    memory.isDown = false;
    expect((await server.ask('store.get', { collection: 'c', id: 'd' })).result).toEqual({ document: { n: 2 } });
    expect((await server.ask('store.list', { collection: 'c' })).result).toEqual(['d']);
    expect((await server.ask('store.delete', { collection: 'c', id: 'd' })).result).toEqual({ deleted: true });
  });

  promise(
    'P4',
    'takes a secret when the anchor has moved, and the same once more where that was not known',
    async () => {
      const memory = anchorMemory();
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const owner = toHex(Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)));
      const allow = [{ host: 'bank.example', port: 443, methods: ['GET'], paths: ['/'] }] as const;
      const credentials = { bank: { owner, header: 'authorization', allow } };
      const { keyd } = await start(temporaryDirectory(), memory, true, { credentials });
      const { bootBinding } = await keyd.bind({ tlsSpki: new Uint8Array(32), sandbox });
      const digest = await manifestDigest(manifest({ credentials }));
      const sealed = await sealSecret({
        name: 'bank',
        purpose: 'credential',
        version: 1,
        value: Buffer.from('token'),
        manifestDigest: digest,
        hpkeKey: bootBinding.hpkeKey ?? '',
        owner: { publicKey: owner, sign: (bytes) => sign(null, bytes, privateKey) },
      });
      memory.isDown = true;
      await expect(keyd.acceptSecret(sealed)).rejects.toMatchObject({ code: 'keys.anchor-unavailable' });
      expect(await keyd.credential('bank')).toBeUndefined();
      memory.isDown = false;
      expect(await keyd.acceptSecret(sealed)).toEqual({ name: 'bank', version: 1 });
      expect(await keyd.credential('bank')).toBe('token');
      await expect(keyd.acceptSecret(sealed)).rejects.toMatchObject({ code: 'secret.version' });
    },
  );

  promise('P4', 'without its anchor signs nothing, and everything again when it is back', async () => {
    const memory = anchorMemory();
    const { sign } = await start(temporaryDirectory(), memory, true);
    memory.isDown = true;
    for (let round = 0; round < 4; round++) expect(count(await sign(5), 'keys.anchor-unavailable')).toBe(5);
    memory.isDown = false;
    // What failed has used up nothing.
    const said = await sign(12);
    expect([count(said, 'signed'), count(said, 'policy.limit')]).toEqual([10, 2]);
  });

  promise('P7', 'says so in its boot binding, and how far it is on each channel', async () => {
    const memory = anchorMemory();
    const { keyd, sign } = await start(temporaryDirectory(), memory, true);
    const evidence = await keyd.bind({ tlsSpki: new Uint8Array(32), sandbox });
    expect(evidence.bootBinding.appRoot).toMatchObject({
      copies: 'anchored',
      anchor: { kind: 'test', rolledBackBy: ['the test'] },
    });
    const request = { nonce: new Uint8Array(32), exporter: new Uint8Array(32), leafSpki: new Uint8Array(32) };
    const before = (await evidence.channel(request)).channel?.state;
    expect(before).toEqual(memory.head);
    await sign(1);
    const after = (await evidence.channel(request)).channel?.state;
    expect(after).toEqual(memory.head);
    expect(after?.sequence).toBe((before?.sequence ?? 0) + 1);
    // What is on the disk alone is not yet what a client may remember.
    memory.isDown = true;
    await sign(1);
    expect((await evidence.channel(request)).channel?.state).toEqual(after);
    memory.isDown = false;
    memory.head = { sequence: 99, digest: 'f'.repeat(64) };
    await sign(1);
    await expect(evidence.channel(request)).rejects.toMatchObject({ code: 'keys.state-moved' });
  });

  test('gives its anchor the name and the key of its root', async () => {
    const memory = anchorMemory();
    const asked: unknown[] = [];
    const platform = testPlatform({
      openAnchor: async (terms, store, { publicKey, sign }) => {
        asked.push([terms, store, publicKey, sign(Uint8Array.of(1))]);
        return memory.open();
      },
    });
    const directory = temporaryDirectory();
    const first = await openTestKeyd(manifest(), { directory, platform });
    await first.close();
    await (await openTestKeyd(manifest(), { directory, platform, genesis: false })).close();
    expect(asked).toHaveLength(2);
    expect(asked[1]).toEqual(asked[0]);
    expect(asked[0]).toMatchObject([{ kind: 'tpm' }, first.appRoot?.id, { length: 32 }, { length: 64 }]);
  });
});

describe('an anchor of the manifest', () => {
  test('that the platform has not is refused by name', async () => {
    await expect(openTestKeyd(manifest())).rejects.toThrow(/anchor of kind tpm, and the platform test/);
  });

  test('without anything that lasts is refused', async () => {
    const { store: _, keys: _keys, ...rest } = manifest();
    await expect(openTestKeyd(rest)).rejects.toMatchObject({ code: 'keys.anchor-unused' });
  });

  test('that cannot be asked is no start, and harms nothing', async () => {
    const [directory, memory] = [temporaryDirectory(), anchorMemory()];
    const first = await start(directory, memory, true);
    await first.sign(3);
    await first.keyd.close();
    memory.isDown = true;
    await expect(start(directory, memory, false)).rejects.toMatchObject({ code: 'anchor.unavailable' });
    memory.isDown = false;
    const said = await (await start(directory, memory, false)).sign(8);
    expect(count(said, 'signed')).toBe(7);
  });
});

test('without an anchor there is a state on each channel, and copies are unbounded', async () => {
  const { anchor: _, ...without } = manifest({
    keys: {
      hot: { origin: 'derived', algorithm: 'secp256k1', version: 1, policy: policy({ copies: 'per-live-copy' }) },
    },
  });
  const keyd = await openTestKeyd(without);
  const evidence = await keyd.bind({ tlsSpki: new Uint8Array(32), sandbox });
  expect(evidence.bootBinding.appRoot?.copies).toBe('unbounded');
  expect(evidence.bootBinding.appRoot?.anchor).toBeUndefined();
  const request = { nonce: new Uint8Array(32), exporter: new Uint8Array(32), leafSpki: new Uint8Array(32) };
  expect((await evidence.channel(request)).channel?.state?.sequence).toBe(0);
  await admitServer(keyd, ADA).get('store.put', put(1));
  expect((await evidence.channel(request)).channel?.state?.sequence).toBe(1);
  await keyd.close();
});
