import { hash, randomBytes } from 'node:crypto';
import {
  documentDigest,
  fromHex,
  type KeySpec,
  type KeyStatement,
  keyStatementRoot,
  keyStatementsShape,
  toHex,
} from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openKeyRing } from '../ring/key-ring.ts';
import { privateKeyObject, rawPublicKey } from '../ring/raw-keys.ts';
import { derivedSpec, fixedRoot, generatedSpec, importedSpec } from '../ring/testing/key-specs.ts';
import { keyStatements } from './key-statements.ts';

const root = fixedRoot(5);
const secret = new Uint8Array(32).fill(9);
const importedPublic = toHex(rawPublicKey(privateKeyObject('ed25519', secret)));

async function statementsOf(keys: Record<string, KeySpec>): Promise<readonly KeyStatement[]> {
  return keyStatements(keys, await openKeyRing({ keys, root, randomBytes }), root);
}
async function one(spec: KeySpec): Promise<KeyStatement> {
  const [statement] = await statementsOf({ key: spec });
  if (statement === undefined) throw new Error('no statement');
  return statement;
}

promise('P4', 'every version of every key has a statement, in the order of name and version', async () => {
  const keys = {
    zeta: derivedSpec('aes256', { version: 12, retired: [9, 2, 10] }),
    alpha: derivedSpec('secp256k1', { path: "m/44'/60'/0'/0/0" }),
    'alpha-2': generatedSpec('p256'),
    given: importedSpec('ed25519', importedPublic),
  };
  const statements = await statementsOf(keys);
  expect(statements.map(({ name, version, state }) => [name, version, state])).toEqual([
    ['alpha', 1, 'active'],
    ['alpha-2', 1, 'active'],
    ['given', 1, 'active'],
    ['zeta', 2, 'retired'],
    ['zeta', 9, 'retired'],
    ['zeta', 10, 'retired'],
    ['zeta', 12, 'active'],
  ]);
  const document = { type: 'vitrine/key-statements/v1', statements } as const;
  expect(keyStatementsShape.parse(document)).toEqual({ ok: true, value: document });
  const ring = await openKeyRing({ keys, root, randomBytes });
  expect(statements[0]).toEqual({
    type: 'vitrine/key-statement/v1',
    name: 'alpha',
    algorithm: 'secp256k1',
    version: 1,
    state: 'active',
    publicKey: toHex(ring.publicKey('alpha') ?? new Uint8Array(0)),
    address: ring.address('alpha'),
    origin: 'derived',
    exportable: false,
    scope: 'service',
    path: "m/44'/60'/0'/0/0",
    policy: await documentDigest(keys.alpha.policy),
  });
});

promise('P4', 'an imported key is exportable, before and after it is handed in, whatever else is written', async () => {
  const spec = importedSpec('ed25519', importedPublic, { version: 3 });
  const washed = { ...spec, exportable: false, scope: 'instance', path: "m/0'" };
  for (const keys of [{ key: spec }, { key: washed }]) {
    const ring = await openKeyRing({ keys, root, randomBytes });
    const before = await keyStatements(keys, ring, root);
    await ring.importKey('key', secret);
    const after = await keyStatements(keys, ring, root);
    expect(after).toEqual(before);
    expect(after).toHaveLength(1);
    expect(after[0]).toMatchObject({
      origin: 'imported',
      exportable: true,
      scope: 'service',
      publicKey: importedPublic,
    });
    expect(after[0]).not.toHaveProperty('path');
    expect(after[0]).not.toHaveProperty('previous');
  }
});

promise('P4', 'exportable and scope follow from the origin alone', async () => {
  expect(await one(derivedSpec('ed25519'))).toMatchObject({ origin: 'derived', exportable: false, scope: 'service' });
  expect(await one(generatedSpec('ed25519'))).toMatchObject({
    origin: 'generated',
    exportable: false,
    scope: 'instance',
  });
});

promise('P4', 'symmetric keys show no public key, address or previous one', async () => {
  for (const spec of [derivedSpec('aes256', { version: 2, retired: [1] }), generatedSpec('aes256')]) {
    for (const statement of await statementsOf({ key: spec })) {
      for (const member of ['publicKey', 'address', 'previous']) expect(statement).not.toHaveProperty(member);
    }
  }
});

promise('P4', 'a derived key names the one before it, also where that version is gone', async () => {
  const first = await one(derivedSpec('ed25519'));
  const publicKey = fromHex(first.publicKey ?? '') ?? new Uint8Array(0);
  const second = await one(derivedSpec('ed25519', { version: 2 }));
  expect(first).not.toHaveProperty('previous');
  expect(second.previous).toBe(hash('sha256', publicKey));
  expect(second.publicKey).not.toBe(first.publicKey);
  const kept = await statementsOf({ key: derivedSpec('ed25519', { version: 2, retired: [1] }) });
  expect(kept[0]).toEqual({ ...first, state: 'retired' });
  expect(kept[1]).toEqual(second);
});

promise('P4', 'the digest of the policy changes with the policy and with nothing else', async () => {
  const before = await one(derivedSpec('ed25519'));
  const changed = await one(
    derivedSpec('ed25519', { policy: { rules: [{ id: 'all', effect: 'allow', action: 'sign', contexts: ['b'] }] } }),
  );
  expect(changed.policy).not.toBe(before.policy);
  expect({ ...changed, policy: before.policy }).toEqual(before);
});

promise('P4', 'the root over the statements changes with any of them', async () => {
  const keys = { a: derivedSpec('ed25519'), b: derivedSpec('p256') };
  const base = await keyStatementRoot(await statementsOf(keys));
  expect(await keyStatementRoot(await statementsOf(keys))).toBe(base);
  const others = [
    { ...keys, b: derivedSpec('p256', { version: 2 }) },
    { ...keys, c: derivedSpec('aes256') },
    { a: keys.a },
    { a: keys.b, b: keys.a },
  ];
  for (const other of others) expect(await keyStatementRoot(await statementsOf(other))).not.toBe(base);
});

test('derived keys need their root here, too', async () => {
  const keys = { key: derivedSpec('ed25519', { version: 2 }) };
  const ring = await openKeyRing({ keys, root, randomBytes });
  await expect(keyStatements(keys, ring)).rejects.toMatchObject({ code: 'keys.root-needed' });
});

test('no keys, no statements', async () => {
  const ring = await openKeyRing({ keys: undefined, randomBytes });
  expect(await keyStatements(undefined, ring)).toEqual([]);
});
