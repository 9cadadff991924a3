import { createECDH, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Address } from '@solana/kit';
import {
  fromBase64Url,
  type KeyPolicy,
  keyStatementRoot,
  type Manifest,
  manifestDigest,
  toBase64Url,
  toHex,
} from '@vitrine/documents';
import {
  parseTransaction,
  recoverMessageAddress,
  recoverTransactionAddress,
  serializeTransaction,
  type TransactionSerializableEIP1559,
  verifyTypedData,
} from 'viem';
import { privateKeyToAddress } from 'viem/accounts';
import { afterAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { sealSecret } from '../../../client/src/secrets/seal-secret.ts';
import { approvalBytes } from '../approval/approval-document.ts';
import { message, PAYEE as PAYEE_OF_SOLANA, PAYER, systemTransfer } from '../solana/testing/messages.ts';
import {
  ADA,
  admitServer,
  gateway,
  manifestWith,
  openTestKeyd,
  removeTemporaryDirectories,
  temporaryDirectory,
  testPlatform,
} from '../testing/open-test-keyd.ts';
import type { Explanation, PublicKey } from '../wire.ts';

const PAYEE = `0x${'a'.repeat(40)}`;
const OTHER = `0x${'b'.repeat(40)}`;
const CHAIN = 11155111;

afterAll(removeTemporaryDirectories);

type Rule = KeyPolicy['rules'][number];
const pay = (more: object = {}): Rule =>
  ({
    id: 'pay',
    effect: 'allow',
    action: 'evm.transaction',
    chains: [`eip155:${CHAIN}`, 'eip155:1'],
    effects: [{ kind: 'native-transfer', to: [PAYEE], max: '1000' }],
    fee: { max: 'any' },
    ...more,
  }) as Rule;

function wallet(policy: KeyPolicy, members: Partial<Manifest> = {}): Manifest {
  return manifestWith({ keys: { hot: { origin: 'derived', algorithm: 'secp256k1', version: 1, policy } }, ...members });
}

function unsigned(changes: Partial<TransactionSerializableEIP1559> = {}): string {
  return serializeTransaction({
    type: 'eip1559',
    chainId: CHAIN,
    nonce: 0,
    gas: 21_000n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    to: PAYEE as `0x${string}`,
    value: 5n,
    ...changes,
  });
}

const asking = (changes?: Partial<TransactionSerializableEIP1559>): object => ({
  key: 'hot',
  transaction: unsigned(changes),
});

async function server(manifest: Manifest, changes: Parameters<typeof openTestKeyd>[1] = {}) {
  const keyd = await openTestKeyd(manifest, changes);
  return { keyd, ...admitServer(keyd) };
}

describe('signing', () => {
  promise('P4', 'what is signed is what was asked, by the key that is listed', async () => {
    const { get } = await server(wallet({ rules: [pay()] }));
    const [key] = await get<readonly PublicKey[]>('keys.list', {});
    const { transaction } = await get<{ transaction: `0x02${string}` }>('evm.signTransaction', asking());
    expect(await recoverTransactionAddress({ serializedTransaction: transaction })).toBe(key?.address);
    expect(parseTransaction(transaction)).toMatchObject({ value: 5n, to: PAYEE, chainId: CHAIN });
  });

  test('messages and typed data verify as wallets verify them', async () => {
    const domain = { name: 'Example', version: '1', chainId: CHAIN, verifyingContract: OTHER as `0x${string}` };
    const types = { Greeting: [{ name: 'amount', type: 'uint256' }] } as const;
    const message = { amount: 7n };
    const { get } = await server(
      wallet({
        rules: [
          { id: 'hello', effect: 'allow', action: 'evm.message', startsWith: ['Hello'] },
          {
            id: 'greeting',
            effect: 'allow',
            action: 'evm.typed-data',
            chains: [`eip155:${CHAIN}`],
            contracts: [OTHER],
            primaryTypes: ['Greeting'],
          },
        ],
      }),
    );
    const [{ address } = { address: '' }] = await get<readonly PublicKey[]>('keys.list', {});
    const text = await get<{ signature: `0x${string}` }>('evm.signMessage', {
      key: 'hot',
      message: `0x${Buffer.from('Hello there').toString('hex')}`,
    });
    expect(await recoverMessageAddress({ message: 'Hello there', signature: text.signature })).toBe(address);
    const EIP712Domain = [
      { name: 'name', type: 'string' },
      { name: 'version', type: 'string' },
      { name: 'chainId', type: 'uint256' },
      { name: 'verifyingContract', type: 'address' },
    ];
    const typedData = { types: { EIP712Domain, ...types }, primaryType: 'Greeting', domain, message: { amount: '7' } };
    const greeting = await get<{ signature: `0x${string}` }>('evm.signTypedData', { key: 'hot', typedData });
    expect(
      await verifyTypedData({
        address: address as `0x${string}`,
        domain,
        types,
        primaryType: 'Greeting',
        message,
        signature: greeting.signature,
      }),
    ).toBe(true);
  });

  test('tokens, contexts, ciphertexts and MACs', async () => {
    const policy = (...actions: string[]): KeyPolicy => ({
      rules: actions.map((action) => ({ id: action, effect: 'allow', action, contexts: ['notes'] }) as Rule),
    });
    const { get, ask } = await server(
      manifestWith({
        keys: {
          token: {
            origin: 'generated',
            algorithm: 'ed25519',
            version: 3,
            policy: {
              rules: [
                { id: 'any', effect: 'allow', action: 'jws', types: ['JWT'], audiences: ['bank'], maxLifetime: 60 },
              ],
            },
          },
          signs: { origin: 'generated', algorithm: 'ed25519', version: 1, policy: policy('sign') },
          hides: { origin: 'generated', algorithm: 'aes256', version: 1, policy: policy('encrypt', 'decrypt') },
          macs: { origin: 'generated', algorithm: 'aes256', version: 1, policy: policy('mac') },
        },
      }),
    );
    const keys = await get<readonly PublicKey[]>('keys.list', {});
    const raw = keys.find(({ name }) => name === 'token')?.publicKey ?? '';
    const exp = Math.floor(Date.parse('2026-11-18T12:00:30Z') / 1000);
    const { jws } = await get<{ jws: string }>('jws.sign', { key: 'token', type: 'JWT', claims: { aud: 'bank', exp } });
    const [header = '', payload = '', signature = ''] = jws.split('.');
    const publicKey = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw, 'hex').toString('base64url') },
      format: 'jwk',
    });
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'EdDSA',
      typ: 'JWT',
      kid: 'token.3',
    });
    expect(verify(null, Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
    const message = toBase64Url(Buffer.from('hello'));
    expect(await get('sign', { key: 'signs', context: 'notes', message })).toMatchObject({
      signature: expect.stringMatching(/^.{86}$/),
    });
    const { ciphertext } = await get<{ ciphertext: string }>('encrypt', {
      key: 'hides',
      context: 'notes',
      plaintext: message,
    });
    expect(await get('decrypt', { key: 'hides', context: 'notes', ciphertext })).toEqual({ plaintext: message });
    const { mac } = await get<{ mac: string }>('mac', { key: 'macs', context: 'notes', message });
    expect(fromBase64Url(mac)).toHaveLength(32);
    expect((await ask('sign', { key: 'signs', context: 'other', message })).error?.data.code).toBe('policy.denied');
    expect((await ask('sign', { key: 'macs', context: 'notes', message })).error?.data.code).toBe('policy.denied');
    expect((await ask('mac', { key: 'signs', context: 'notes', message })).error?.data.code).toBe('policy.denied');
  });

  test.each<[string, string, object, number, string]>([
    ['another payee', 'evm.signTransaction', asking({ to: OTHER as `0x${string}` }), -32051, 'policy.denied'],
    ['too much', 'evm.signTransaction', asking({ value: 1001n }), -32051, 'policy.denied'],
    ['another chain', 'evm.signTransaction', asking({ chainId: 5 }), -32051, 'policy.denied'],
    ['no key of that name', 'evm.signTransaction', { ...asking(), key: 'cold' }, -32050, 'keys.unknown-key'],
    [
      'a key called like a method of objects',
      'evm.signTransaction',
      { ...asking(), key: 'constructor' },
      -32050,
      'keys.unknown-key',
    ],
    [
      'bytes that are no transaction',
      'evm.signTransaction',
      { key: 'hot', transaction: '0x00' },
      -32050,
      'evm.unknown-type',
    ],
    ['an unknown member', 'evm.signTransaction', { ...asking(), force: true }, -32602, 'keys.parameters'],
    ['a list of parameters', 'evm.signTransaction', [], -32602, 'keys.parameters'],
    ['a method that does not exist', 'keys.export', { key: 'hot' }, -32601, 'keys.method'],
    ['a method of objects', 'toString', {}, -32601, 'keys.method'],
    ['documents without a store', 'store.get', { collection: 'a', id: 'b' }, -32601, 'keys.no-store'],
    ['too much randomness', 'random', { bytes: (1 << 19) + 1 }, -32602, 'keys.parameters'],
    ['an action of another family', 'sign', { key: 'hot', context: 'a', message: '' }, -32051, 'policy.denied'],
    ['bytes with spare bits', 'sign', { key: 'hot', context: 'a', message: 'AB' }, -32602, 'keys.parameters'],
    [
      'a solana message that is none',
      'solana.signMessage',
      { key: 'hot', message: 'AAAA' },
      -32050,
      'solana.malformed',
    ],
  ])('refuses %s', async (_name, method, params, code, text) => {
    const { ask } = await server(wallet({ rules: [pay()] }));
    const { error } = await ask(method, params);
    expect(error?.data.code).toBe(text);
    expect(error?.code).toBe(code);
  });

  promise('P4', 'a message of Solana is signed by a key that is one of its signers, and by no other', async () => {
    const rule = {
      id: 'pay',
      effect: 'allow',
      action: 'solana.message',
      effects: [{ kind: 'sol-transfer', to: 'any', max: '9' }],
      fee: { max: 'any' },
    } as const;
    const { get, ask } = await server(
      manifestWith({
        keys: { sol: { origin: 'generated', algorithm: 'ed25519', version: 1, policy: { rules: [rule] } } },
      }),
    );
    const [own] = await get<readonly PublicKey[]>('keys.list', {});
    const mine = message([systemTransfer((own?.address ?? '') as Address, PAYEE_OF_SOLANA, 9n)]);
    const { signature } = await get<{ signature: string }>('solana.signMessage', {
      key: 'sol',
      message: toBase64Url(mine),
    });
    const x = Buffer.from(own?.publicKey ?? '', 'hex').toString('base64url');
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    expect(verify(null, mine, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
    const foreign = message([systemTransfer(PAYER, PAYEE_OF_SOLANA, 9n)]);
    const refused = await ask('solana.signMessage', { key: 'sol', message: toBase64Url(foreign) });
    expect(refused.error).toMatchObject({ code: -32050, data: { code: 'keys.other-signer' } });
  });

  promise('P7', 'keys of a simulator refuse main networks', async () => {
    const changes = { platform: testPlatform({ isSimulated: true }) };
    const { ask } = await server(wallet({ rules: [pay()] }), changes);
    expect((await ask('evm.signTransaction', asking({ chainId: 1 }))).error?.data.code).toBe('keys.simulated');
    expect(
      (await ask('explain', { method: 'evm.signTransaction', params: asking({ chainId: 1 }) })).error?.data.code,
    ).toBe('keys.simulated');
    expect((await ask('evm.signTransaction', asking())).result).toBeDefined();
    const real = await server(wallet({ rules: [pay()] }));
    expect((await real.ask('evm.signTransaction', asking({ chainId: 1 }))).result).toBeDefined();
  });
});

describe('limits', () => {
  const limited = (copies: 'strict' | 'per-live-copy' = 'per-live-copy'): KeyPolicy => ({
    rules: [pay()],
    limits: [{ kind: 'rate', id: 'ten', window: 60, per: 'key', max: 10 }],
    copies,
  });

  promise('P4', 'parallel requests at a limit give exactly as many signatures', async () => {
    const keyd = await openTestKeyd(wallet(limited()));
    const servers = ['a', 'b', 'c', 'd'].map((id) => admitServer(keyd, { ...ADA, id }));
    const replies = await Promise.all(
      servers.flatMap(({ ask }) =>
        Array.from({ length: 15 }, (_, nonce) => ask('evm.signTransaction', asking({ nonce }))),
      ),
    );
    expect(replies.filter(({ result }) => result !== undefined)).toHaveLength(10);
    const refused = replies.filter(({ error }) => error !== undefined);
    expect(new Set(refused.map(({ error }) => `${error?.code} ${error?.data.code} ${error?.data.rule}`))).toEqual(
      new Set(['-32051 policy.limit ten']),
    );
  });

  promise('P4', 'after a restart the window counts as spent, and keys and volumes are the same', async () => {
    const directory = temporaryDirectory();
    const manifest = wallet(limited());
    const first = await openTestKeyd(manifest, { directory });
    const before = admitServer(first);
    const key = await before.get('keys.list', {});
    const volume = await first.volumeKey('data');
    expect((await before.ask('evm.signTransaction', asking())).result).toBeDefined();
    await first.close();
    const second = await openTestKeyd(manifest, { directory, genesis: false });
    const after = admitServer(second);
    expect(await after.get('keys.list', {})).toEqual(key);
    expect(await second.volumeKey('data')).toEqual(volume);
    expect(await second.volumeKey('other')).not.toEqual(volume);
    expect((await after.ask('evm.signTransaction', asking())).error?.data).toEqual({
      code: 'policy.limit',
      rule: 'ten',
    });
    expect(second.appRoot).toEqual({ id: first.appRoot?.id, isNew: false });
  });

  test('strict copies sign nothing without an anchor', async () => {
    const { ask } = await server(wallet(limited('strict')));
    expect((await ask('evm.signTransaction', asking())).error?.message).toContain('freshness anchor');
  });

  test('keys of one boot start fresh, and need no root', async () => {
    const manifest = manifestWith({
      keys: { hot: { origin: 'generated', algorithm: 'secp256k1', version: 1, policy: limited() } },
    });
    const { keyd, ask } = await server(manifest, { genesis: false, platform: testPlatform({ roots: [] }) });
    expect(keyd.appRoot).toBeUndefined();
    expect(keyd.survivesRestart).toBe(false);
    expect((await ask('evm.signTransaction', asking())).result).toBeDefined();
  });
});

describe('people', () => {
  const consenting = wallet({
    rules: [pay({ confirm: 'elicitation' })],
    limits: [{ kind: 'rate', id: 'two', window: 60, per: 'key', max: 2 }],
    copies: 'per-live-copy',
  });

  promise('P4', 'a question shows what happens, and nothing is signed without consent', async () => {
    for (const said of ['accepted', 'declined', 'unavailable'] as const) {
      const { keyd, ask } = await server(consenting);
      const people = gateway(said);
      keyd.attend(people);
      const { error, result } = await ask('evm.signTransaction', asking());
      expect(people.questions).toHaveLength(1);
      expect(people.questions[0]).toContain(PAYEE);
      expect(people.questions[0]).toContain('5 wei');
      expect(people.questions[0]).toContain('"hot"');
      expect(error?.data).toEqual(
        {
          accepted: undefined,
          declined: { code: 'policy.declined', rule: 'pay' },
          unavailable: { code: 'policy.not-confirmed', rule: 'pay' },
        }[said],
      );
      expect(result !== undefined).toBe(said === 'accepted');
    }
  });

  test('without a gateway nobody can agree', async () => {
    const { ask } = await server(consenting);
    expect((await ask('evm.signTransaction', asking())).error?.data.code).toBe('policy.not-confirmed');
  });

  test('what is at its limit is not asked about, and consent does not lift a limit', async () => {
    const { keyd, ask } = await server(consenting);
    const people = gateway();
    keyd.attend(people);
    const replies = await Promise.all([1, 2, 3, 4].map((nonce) => ask('evm.signTransaction', asking({ nonce }))));
    expect(replies.filter(({ result }) => result !== undefined)).toHaveLength(2);
    const asked = people.questions.length;
    expect((await ask('evm.signTransaction', asking())).error?.data.code).toBe('policy.limit');
    expect(people.questions).toHaveLength(asked);
  });

  test('a server that goes takes its question back', async () => {
    const { keyd, write, end } = await server(consenting);
    const aborted = new Promise<void>((resolve) => {
      keyd.attend({
        runningTools: () => [],
        confirm: (_instance, _question, signal) =>
          new Promise((answer) => {
            signal.addEventListener('abort', () => {
              resolve();
              answer('accepted');
            });
            end();
          }),
      });
    });
    write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'evm.signTransaction', params: asking() })}\n`);
    await aborted;
    const next = admitServer(keyd, { ...ADA, id: 'i2' });
    keyd.attend(gateway());
    expect(
      (await Promise.all([next.ask('evm.signTransaction', asking()), next.ask('evm.signTransaction', asking())])).every(
        ({ result }) => result !== undefined,
      ),
    ).toBe(true);
  });

  test('tools are those that run now', async () => {
    const { keyd, ask } = await server(wallet({ rules: [pay({ tools: ['send'] })] }));
    for (const [tools, isAllowed] of [
      [['send'], true],
      [[], false],
      [['other'], false],
    ] as const) {
      keyd.attend(gateway('accepted', tools));
      expect((await ask('evm.signTransaction', asking())).result !== undefined).toBe(isAllowed);
    }
  });

  promise('P4', 'an approval is over these bytes, by this approver, once', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = toHex(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
    const { ask } = await server(
      wallet({
        rules: [pay({ approval: { threshold: 1, of: ['boss'] } })],
        approvers: { boss: { kind: 'ed25519', publicKey: raw } },
      }),
    );
    const first = await ask('evm.signTransaction', asking());
    expect(first.error?.code).toBe(-32052);
    const document = first.error?.data.approval ?? '';
    const explained = (await ask('explain', { method: 'evm.signTransaction', params: asking() })).result as Explanation;
    expect(explained).toMatchObject({ decision: 'approve', rules: ['pay'], approval: document });
    const signature = toBase64Url(sign(null, approvalBytes(document), privateKey));
    const approvals = [{ approver: 'boss', document, signature }];
    expect((await ask('evm.signTransaction', { ...asking({ value: 6n }), approvals })).error?.data.code).toBe(
      'policy.approval',
    );
    const flipped = [
      { approver: 'boss', document, signature: toBase64Url(sign(null, Buffer.from(document), privateKey)) },
    ];
    expect((await ask('evm.signTransaction', { ...asking(), approvals: flipped })).error?.data.code).toBe(
      'policy.approval',
    );
    const both = await Promise.all([1, 2].map(() => ask('evm.signTransaction', { ...asking(), approvals })));
    expect(both.filter(({ result }) => result !== undefined)).toHaveLength(1);
    expect(both.find(({ error }) => error !== undefined)?.error?.data).toEqual({
      code: 'policy.approval',
      rule: 'pay',
    });
  });

  test('explain shows effects and limits, and charges nothing', async () => {
    const { get } = await server(
      wallet({
        rules: [pay()],
        limits: [{ kind: 'rate', id: 'one', window: 60, per: 'key', max: 1 }],
        copies: 'per-live-copy',
      }),
    );
    const params = { method: 'evm.signTransaction', params: asking() };
    for (let round = 0; round < 3; round++) {
      expect(await get<Explanation>('explain', params)).toMatchObject({ decision: 'allow', rules: ['pay'] });
    }
    await get('evm.signTransaction', asking());
    expect(await get<Explanation>('explain', params)).toMatchObject({ decision: 'deny', rules: ['one'] });
  });
});

describe('state', () => {
  promise('P1', 'documents are of one principal', async () => {
    const keyd = await openTestKeyd(manifestWith({ store: 'sealed' }));
    const ada = admitServer(keyd);
    const bob = admitServer(keyd, { id: 'i2', principal: 'bob', isolated: true });
    expect(await ada.get('store.put', { collection: 'c', id: 'd', document: { a: 1 } })).toEqual({ version: 1 });
    expect(await ada.get('store.get', { collection: 'c', id: 'd' })).toEqual({ document: { a: 1 } });
    expect(await bob.get('store.get', { collection: 'c', id: 'd' })).toBeNull();
    expect(await bob.get('store.list', { collection: 'c' })).toEqual([]);
    expect(await ada.get('store.delete', { collection: 'c', id: 'd' })).toEqual({ deleted: true });
    expect((await ada.ask('store.put', { collection: '', id: 'd', document: 1 })).error?.data.code).toBe(
      'storage.name',
    );
  });

  test.each<[string, Parameters<typeof openTestKeyd>[1], string]>([
    ['no root and no genesis', { genesis: false }, 'keys.no-root'],
    ['no source of a root', { platform: testPlatform({ roots: [] }) }, 'keys.root-terms'],
  ])('does not open with %s', async (_name, changes, code) => {
    await expect(openTestKeyd(manifestWith({ store: 'sealed' }), changes)).rejects.toMatchObject({ code });
  });

  promise('P4', 'a root without its store is an error, and so is a second genesis', async () => {
    const directory = temporaryDirectory();
    const manifest = manifestWith({ store: 'sealed' });
    await (await openTestKeyd(manifest, { directory })).close();
    await expect(openTestKeyd(manifest, { directory })).rejects.toMatchObject({ code: 'keys.root-exists' });
    const missing = {
      code: 'keys.store-missing',
      message: expect.stringMatching(/very first start was interrupted.* remove .* --genesis/),
    };
    rmSync(join(directory, 'store.sqlite'));
    await expect(openTestKeyd(manifest, { directory, genesis: false })).rejects.toMatchObject(missing);
    // As a start leaves it that ends between making the file and writing to it.
    writeFileSync(join(directory, 'store.sqlite'), '');
    await expect(openTestKeyd(manifest, { directory, genesis: false })).rejects.toMatchObject(missing);
  });

  promise('P4', 'secrets that are handed in take effect at once, outlive a restart, and do not go back', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const owner = toHex(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'));
    const secret = new Uint8Array(32).fill(0x5a);
    const address = privateKeyToAddress(`0x${toHex(secret)}`);
    const point = createPublicKeyPoint(secret);
    const manifest = manifestWith({
      keys: {
        hot: {
          origin: 'imported',
          algorithm: 'secp256k1',
          version: 1,
          publicKey: point,
          owner,
          policy: { rules: [pay()] },
        },
      },
      credentials: {
        bank: {
          owner,
          header: 'authorization',
          allow: [{ host: 'bank.example', port: 443, methods: ['GET'], paths: ['/'] }],
        },
      },
    });
    const directory = temporaryDirectory();
    const first = await openTestKeyd(manifest, { directory });
    const { bootBinding } = await first.bind({
      tlsSpki: new Uint8Array(32),
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    });
    const digest = await manifestDigest(manifest);
    const seal = (
      name: string,
      purpose: 'key' | 'credential',
      version: number,
      value: Uint8Array,
      hpkeKey = bootBinding.hpkeKey,
    ) =>
      sealSecret({
        name,
        purpose,
        version,
        value,
        manifestDigest: digest,
        hpkeKey: hpkeKey ?? '',
        owner: { publicKey: owner, sign: (bytes) => sign(null, bytes, privateKey) },
      });
    const one = admitServer(first);
    expect((await one.ask('evm.signTransaction', asking())).error?.data.code).toBe('keys.not-imported');
    expect(await first.credential('bank')).toBeUndefined();
    expect(await first.acceptSecret(await seal('bank', 'credential', 2, Buffer.from('token')))).toEqual({
      name: 'bank',
      version: 2,
    });
    expect(await first.credential('bank')).toBe('token');
    await expect(first.acceptSecret(await seal('bank', 'credential', 2, Buffer.from('older')))).rejects.toMatchObject({
      code: 'secret.version',
    });
    await expect(first.acceptSecret(await seal('hot', 'key', 1, new Uint8Array(32).fill(1)))).rejects.toMatchObject({
      code: 'secret.key',
    });
    await first.acceptSecret(await seal('hot', 'key', 1, secret));
    const { transaction } = await one.get<{ transaction: `0x02${string}` }>('evm.signTransaction', asking());
    expect(await recoverTransactionAddress({ serializedTransaction: transaction })).toBe(address);
    const race = await Promise.allSettled(
      [
        await seal('bank', 'credential', 3, Buffer.from('x')),
        await seal('bank', 'credential', 3, Buffer.from('y')),
      ].map((sealed) => first.acceptSecret(sealed)),
    );
    expect(race.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    await first.close();
    const second = await openTestKeyd(manifest, { directory, genesis: false });
    expect(await second.credential('bank')).toBe('x');
    expect((await admitServer(second).ask('evm.signTransaction', asking())).result).toBeDefined();
    await expect(second.acceptSecret(await seal('bank', 'credential', 4, Buffer.from('z')))).rejects.toMatchObject({
      code: 'secret.recipient',
    });
    await expect(second.acceptSecret({})).rejects.toMatchObject({ code: 'secret.malformed' });
  });
});

describe('evidence', () => {
  promise('P4', 'the boot binding names statements, root and the keys of the boot, and is made once', async () => {
    const manifest = wallet({ rules: [pay()] });
    const { keyd } = await server(manifest);
    const what = {
      tlsSpki: new Uint8Array(32),
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    } as const;
    const service = await keyd.bind(what);
    expect(service.bootBinding).toMatchObject({
      keyStatements: await keyStatementRoot(keyd.statements),
      appRoot: { id: keyd.appRoot?.id, copies: 'unbounded', sources: [{ kind: 'test' }] },
      hpkeKey: expect.any(String),
      receiptKey: expect.any(String),
    });
    await expect(keyd.bind(what)).rejects.toMatchObject({ code: 'keys.bound' });
    const receipt = await keyd.signReceipt({ tool: 'send' });
    const [header = '', payload = '', signature = ''] = receipt.split('.');
    const publicKey = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: service.bootBinding.receiptKey ?? '' },
      format: 'jwk',
    });
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      alg: 'EdDSA',
      typ: 'vitrine-receipt+jwt',
    });
    expect(verify(null, Buffer.from(`${header}.${payload}`), publicKey, Buffer.from(signature, 'base64url'))).toBe(
      true,
    );
  });

  test('without keys there are no statements, no root and no key to seal to', async () => {
    const keyd = await openTestKeyd(manifestWith({}), { genesis: false });
    const { bootBinding } = await keyd.bind({
      tlsSpki: new Uint8Array(32),
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    });
    expect(Object.keys(bootBinding)).not.toEqual(expect.arrayContaining(['keyStatements']));
    expect(bootBinding.appRoot).toBeUndefined();
    expect(bootBinding.hpkeKey).toBeUndefined();
    await expect(keyd.acceptSecret({})).rejects.toMatchObject({ code: 'secret.unknown' });
  });

  test('no instance is admitted twice', async () => {
    const { keyd } = await server(manifestWith({}));
    expect(() => admitServer(keyd)).toThrow('admitted before');
    keyd.dismiss(ADA.id);
    expect(() => admitServer(keyd)).toThrow('admitted before');
  });
});

function createPublicKeyPoint(secret: Uint8Array): string {
  const curve = createECDH('secp256k1');
  curve.setPrivateKey(secret);
  return curve.getPublicKey('hex', 'uncompressed').slice(2);
}
