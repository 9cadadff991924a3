import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { canonicalBytes } from './canonical.ts';
import { type KeyStatement, keyStatementRoot, keyStatementsShape } from './key-statement.ts';

const statement = (name: string, given: Partial<KeyStatement> = {}): KeyStatement => ({
  type: 'vitrine/key-statement/v1',
  name,
  algorithm: 'ed25519',
  version: 1,
  state: 'active',
  publicKey: 'ab'.repeat(32),
  origin: 'derived',
  exportable: false,
  scope: 'service',
  policy: 'cd'.repeat(48),
  ...given,
});
const sha256 = (...parts: readonly Uint8Array[]): Uint8Array => {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return digest.digest();
};
const leaf = (one: KeyStatement): Uint8Array => sha256(Uint8Array.of(0), canonicalBytes(one));
const node = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(Uint8Array.of(1), left, right);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

const all = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((name) => statement(name));
const L = all.map(leaf);
const at = (index: number): Uint8Array => L[index] ?? new Uint8Array(0);

describe('the shapes of RFC 6962, section 2.1', () => {
  const four = node(node(at(0), at(1)), node(at(2), at(3)));
  const shapes: readonly [count: number, root: Uint8Array][] = [
    [0, sha256()],
    [1, at(0)],
    [2, node(at(0), at(1))],
    [3, node(node(at(0), at(1)), at(2))],
    [4, four],
    [5, node(four, at(4))],
    [6, node(four, node(at(4), at(5)))],
    [7, node(four, node(node(at(4), at(5)), at(6)))],
    [8, node(four, node(node(at(4), at(5)), node(at(6), at(7))))],
  ];
  for (const [count, root] of shapes) {
    promise('P4', `${count} statements`, async () => {
      expect(await keyStatementRoot(all.slice(0, count))).toBe(hex(root));
    });
  }

  test('known answers', async () => {
    expect(await keyStatementRoot([])).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(await keyStatementRoot(all.slice(0, 1))).toBe(
      'e2c7a7407712fb3d023c48c1cf38842c1508c213b5aa50d686fc9faff094b067',
    );
    expect(await keyStatementRoot(all.slice(0, 5))).toBe(
      '51cc895d60fbd3d1ecee96a43eeffbc9142c07bfe919756d46318f2c63d88169',
    );
  });
});

interface Vector {
  readonly statements: readonly KeyStatement[];
  /** Hashes of the leaves. */
  readonly leaves: readonly string[];
  readonly root: string;
}
const vector = JSON.parse(readFileSync(new URL('../vectors/key-statements.json', import.meta.url), 'utf8')) as Vector;

promise('P4', 'the root of the published statements, which a published boot binding has', async () => {
  const document = { type: 'vitrine/key-statements/v1', statements: vector.statements };
  expect(keyStatementsShape.parse(document)).toMatchObject({ ok: true });
  expect(vector.statements.map((one) => hex(leaf(one)))).toEqual(vector.leaves);
  expect(await keyStatementRoot(vector.statements)).toBe(vector.root);
  expect(readFileSync(new URL('../vectors/report-data.json', import.meta.url), 'utf8')).toContain(
    `"keyStatements": "${vector.root}"`,
  );
});

promise('P4', 'the order of statements matters', async () => {
  const [a, b, c] = all as [KeyStatement, KeyStatement, KeyStatement];
  const roots = await Promise.all(
    [
      [a, b, c],
      [a, c, b],
      [b, a, c],
      [c, b, a],
    ].map(keyStatementRoot),
  );
  expect(new Set(roots).size).toBe(4);
});

promise('P4', 'a statement twice, or one left out, is another root', async () => {
  const [a, b, c] = all as [KeyStatement, KeyStatement, KeyStatement];
  const roots = await Promise.all([[a, b, c], [a, b, c, c], [a, b], [a], [a, a]].map(keyStatementRoot));
  expect(new Set(roots).size).toBe(5);
});

promise('P4', 'each member of a statement is in the root', async () => {
  const base = statement('a', { address: 'x', path: 'm/0', previous: '00'.repeat(32) });
  const before = await keyStatementRoot([base]);
  const changes: Partial<KeyStatement>[] = [
    { name: 'b' },
    { algorithm: 'p256' },
    { version: 2 },
    { state: 'retired' },
    { publicKey: `ac${'ab'.repeat(31)}` },
    { address: 'y' },
    { origin: 'imported' },
    { exportable: true },
    { scope: 'instance' },
    { path: 'm/1' },
    { policy: `ce${'cd'.repeat(47)}` },
    { previous: `01${'00'.repeat(31)}` },
  ];
  for (const change of changes)
    expect(await keyStatementRoot([{ ...base, ...change }]), JSON.stringify(change)).not.toBe(before);
  for (const absent of ['publicKey', 'address', 'path', 'previous'] as const) {
    const { [absent]: _, ...rest } = base;
    expect(await keyStatementRoot([rest]), absent).not.toBe(before);
  }
});

promise('P4', 'a leaf never passes for a node: their hashes begin with another byte', async () => {
  const root = await keyStatementRoot(all.slice(0, 2));
  const joined = Uint8Array.of(...at(0), ...at(1));
  expect(root).not.toBe(hex(sha256(Uint8Array.of(0), joined)));
  expect(root).not.toBe(hex(sha256(joined)));
  expect(await keyStatementRoot(all.slice(0, 1))).not.toBe(hex(sha256(canonicalBytes(all[0] ?? {}))));
  expect(await keyStatementRoot(all.slice(0, 1))).not.toBe(hex(sha256(Uint8Array.of(1), canonicalBytes(all[0] ?? {}))));
});

describe('statements from elsewhere', () => {
  const document = (one: Record<string, unknown>): unknown => ({
    type: 'vitrine/key-statements/v1',
    statements: [one],
  });
  const good = statement('a');
  test('a good one is read', () => {
    expect(keyStatementsShape.parse(document(good))).toMatchObject({ ok: true });
  });

  const bad: readonly [what: string, one: Record<string, unknown>][] = [
    ['an unknown member', { ...good, private: 'x' }],
    ['an unknown origin', { ...good, origin: 'found' }],
    ['an unknown scope', { ...good, scope: 'global' }],
    ['an unknown state', { ...good, state: 'compromised' }],
    ['an unknown algorithm', { ...good, algorithm: 'rsa' }],
    ['exportable as text', { ...good, exportable: 'false' }],
    ['version 0', { ...good, version: 0 }],
    ['a compressed public key', { ...good, publicKey: `02${'ab'.repeat(32)}` }],
    ['an upper-case public key', { ...good, publicKey: 'AB'.repeat(32) }],
    ['a short policy digest', { ...good, policy: 'cd'.repeat(32) }],
    ['a name with a slash', { ...good, name: 'a/b' }],
    ['another type', { ...good, type: 'vitrine/key-statement/v2' }],
  ];
  test.each(bad)('%s is refused', (_, one) => {
    expect(keyStatementsShape.parse(document(one))).toMatchObject({ ok: false });
  });

  test.each(['type', 'name', 'algorithm', 'version', 'state', 'origin', 'exportable', 'scope', 'policy'] as const)(
    '%s must be there',
    (member) => {
      const { [member]: _, ...rest } = good;
      expect(keyStatementsShape.parse(document(rest))).toMatchObject({ ok: false });
    },
  );

  test('an empty list is refused', () => {
    expect(keyStatementsShape.parse({ type: 'vitrine/key-statements/v1', statements: [] })).toMatchObject({
      ok: false,
    });
  });
});
