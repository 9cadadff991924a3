import { type KeySpec, UsageError } from '@vitrine/documents';
import { serializeTransaction } from 'viem';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { explainRequest } from './explain-request.ts';
import { ALICE, BOB, keySpec, NOON, pay } from './testing/policies.ts';
import type { Explanation } from './wire.ts';

const ETHER = 10n ** 18n;
const unsigned = (value: bigint, to = ALICE, chainId = 1): string =>
  serializeTransaction({
    chainId,
    nonce: 0,
    gas: 100n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    to: to as `0x${string}`,
    value,
  });
const hex = (text: string): string => `0x${Buffer.from(text).toString('hex')}`;

const keys: Readonly<Record<string, KeySpec>> = {
  hot: keySpec({
    rules: [
      { ...pay(), id: 'small' },
      {
        ...pay('any'),
        id: 'asks',
        effects: [{ kind: 'native-transfer', to: [BOB], max: 'any' }],
        confirm: 'elicitation',
      },
      {
        ...pay('any'),
        id: 'board',
        effects: [{ kind: 'native-transfer', to: [ALICE], above: String(ETHER), max: 'any' }],
        approval: { threshold: 1, of: ['cfo'] },
      },
      { id: 'hello', effect: 'allow', action: 'evm.message', startsWith: ['Hello'], tools: ['greet'] },
      { id: 'not-bob', effect: 'deny', action: 'evm.message', principals: ['bob'] },
      {
        id: 'by-day',
        effect: 'allow',
        action: 'evm.message',
        startsWith: ['Good day'],
        hours: { days: ['wed'], from: '12:00', to: '13:00' },
      },
    ],
    approvers: { cfo: { kind: 'ed25519', publicKey: '01'.repeat(32) } },
  }),
  notes: keySpec(
    { rules: [{ id: 'notes', effect: 'allow', action: 'encrypt', contexts: ['notes'] }] },
    { algorithm: 'aes256', origin: 'generated' },
  ),
};

interface Asked {
  readonly tools?: readonly string[];
  readonly principal?: string;
  readonly isolated?: boolean;
  readonly anchored?: boolean;
  readonly now?: Date;
  readonly keys?: Readonly<Record<string, KeySpec>>;
}
const explain = (request: unknown, given: Asked = {}): Explanation =>
  explainRequest({
    keys: given.keys ?? keys,
    request,
    asker: { principal: given.principal ?? 'ada', tools: given.tools ?? ['greet'] },
    isolated: given.isolated ?? true,
    ...(given.anchored === undefined ? {} : { anchored: given.anchored }),
    now: given.now ?? NOON,
  });
const transaction = (transaction: unknown, key = 'hot'): unknown => ({
  method: 'evm.signTransaction',
  params: { key, transaction },
});
const message = (text: string): unknown => ({ method: 'evm.signMessage', params: { key: 'hot', message: hex(text) } });

promise('P4', 'a request that a rule covers is allowed, and what it does is said', () => {
  expect(explain(transaction(unsigned(ETHER)))).toEqual({
    decision: 'allow',
    rules: ['small'],
    reason: 'allowed by small',
    effects: [`sends 1000000000000000000 wei (1 × 10^18) to ${ALICE} on eip155:1`, 'pays a fee of at most 1000 wei'],
  });
});

promise('P4', 'a request for the user or for approvers says so, and gives no document to sign', () => {
  expect(explain(transaction(unsigned(1n, BOB)))).toMatchObject({ decision: 'confirm', rules: ['asks'] });
  const approve = explain(transaction(unsigned(ETHER + 1n)));
  expect(approve).toMatchObject({ decision: 'approve', rules: ['board'] });
  expect(approve.reason).toContain('1 of cfo must approve');
  expect(approve).not.toHaveProperty('approval');
});

promise('P4', 'a request that no rule covers, or that one denies, is denied with the rule and the condition', () => {
  const elsewhere = explain(transaction(unsigned(1n, ALICE, 5)));
  expect(elsewhere).toMatchObject({ decision: 'deny', rules: [] });
  expect(elsewhere.reason).toMatch(/closest is \S+: eip155:5 is not among its chains$/);
  expect(explain(message('Hello'), { principal: 'bob' })).toMatchObject({
    decision: 'deny',
    rules: ['not-bob'],
    reason: 'denied by not-bob',
  });
});

promise('P4', 'the tools, the caller and the time are those that were stated', () => {
  expect(explain(message('Hello')).decision).toBe('allow');
  expect(explain(message('Hello'), { tools: [] }).decision).toBe('deny');
  expect(explain(message('Hello'), { tools: ['send'] }).decision).toBe('deny');
  expect(explain(message('Good day')).decision).toBe('allow');
  expect(explain(message('Good day'), { now: new Date('2026-11-18T13:00:00Z') }).decision).toBe('deny');
  expect(explain(message('Good day'), { now: new Date('2026-11-19T12:00:00Z') }).decision).toBe('deny');
});

for (const [what, request, code] of [
  ['a transaction of a kind that is never signed', transaction('0x03c0'), 'evm.blob'],
  ['bytes that are no transaction', transaction('0x02ff'), 'evm.rlp'],
  ['a transaction with bytes after its end', transaction(`${unsigned(1n)}00`), 'evm.rlp'],
  ['a hash dressed as a message', message('ab'.repeat(32)), 'evm.raw-hash'],
] as const) {
  promise('P4', `${what} is denied by the name of its refusal`, () => {
    const found = explain(request);
    expect(found).toMatchObject({ decision: 'deny', rules: [], effects: [] });
    expect(found.reason.endsWith(`(${code})`)).toBe(true);
  });
}

const wrong = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return `${(error as UsageError).code} ${(error as UsageError).message}`;
  }
  return 'decided';
};

const unusable: readonly (readonly [what: string, request: unknown, says: RegExp])[] = [
  [
    'an unknown key',
    transaction(unsigned(1n), 'cold'),
    /^request\.key the configuration has no key "cold"; it has: hot, notes$/,
  ],
  ['a key called as members of objects are', transaction(unsigned(1n), 'constructor'), /^request\.key /],
  [
    'an unknown method',
    { method: 'evm.sendTransaction', params: {} },
    /^request\.method "evm\.sendTransaction" uses no key/,
  ],
  ['a method that uses no key', { method: 'random', params: { bytes: 1 } }, /^request\.method "random" uses no key/],
  ['a method of Object', { method: 'toString', params: {} }, /^request\.method /],
  [
    'params without a key',
    { method: 'sign', params: { context: 'a', message: '' } },
    /^request\.parameters sign: .*"key"/,
  ],
  ['params of another form', transaction(12), /^request\.parameters evm\.signTransaction: transaction expected 0x/],
  [
    'params that say more',
    { method: 'sign', params: { key: 'hot', x: 1 } },
    /^request\.parameters sign: x unknown field/,
  ],
  ['params that are a list', { method: 'sign', params: [] }, /^request\.parameters sign: expected an object/],
  [
    'bytes in another spelling',
    { method: 'encrypt', params: { key: 'notes', context: 'notes', plaintext: 'AB' } },
    /^request\.parameters encrypt: plaintext is not canonical/,
  ],
  ['a request without params', { method: 'sign' }, /^request\.shape the request: missing field "params"/],
  ['a request with an id', { id: 1, method: 'sign', params: {} }, /^request\.shape the request: id unknown field/],
  ['a list', [], /^request\.shape the request: expected an object, found a list$/],
  ['nothing', undefined, /^request\.shape the request: expected an object, found nothing$/],
  ['a slip', { method: 'evm.signTransacton', params: {} }, /no key.*; did you mean "evm\.signTransaction"\?$/],
];
for (const [what, request, says] of unusable) {
  promise('P4', `${what} is a mistake of the asker, and no decision`, () => {
    expect(wrong(() => explain(request))).toMatch(says);
  });
}

promise('P4', 'a configuration without keys says so', () => {
  expect(wrong(() => explain(transaction(unsigned(1n)), { keys: {} }))).toContain('it has: none');
});

promise('P4', 'a policy that does not load decides nothing, not even for another key', () => {
  const twice = keySpec({ rules: [pay(), pay()] });
  const found = wrong(() => explain(transaction(unsigned(1n)), { keys: { ...keys, cold: twice } }));
  expect(found).toMatch(/^policy\.duplicate keys\.cold\.policy\.rules\[1\]\.id/);
  expect(wrong(() => explain(message('Hello'), { isolated: false }))).toMatch(/^policy\.not-isolated /);
});

promise('P4', 'it needs no key: nothing is signed, encrypted or counted', () => {
  const request = { method: 'encrypt', params: { key: 'notes', context: 'notes', plaintext: 'AA' } };
  expect(explain(request)).toMatchObject({ decision: 'allow', rules: ['notes'] });
  const limited = keySpec({
    rules: [pay()],
    limits: [{ kind: 'rate', id: 'once', window: 60, per: 'key', max: 1 }],
    copies: 'per-live-copy',
  });
  const asked = { keys: { hot: limited } };
  for (let time = 0; time < 3; time++) expect(explain(transaction(unsigned(1n)), asked).decision).toBe('allow');
});

promise('P4', 'strict limits are explained as they are decided: with an anchor alone', () => {
  const strict = {
    hot: keySpec({
      rules: [pay()],
      limits: [{ id: 'often', kind: 'rate', max: 1, window: 60, per: 'key' }],
      copies: 'strict',
    }),
  };
  expect(explain(transaction(unsigned(1n)), { keys: strict }).decision).toBe('deny');
  expect(explain(transaction(unsigned(1n)), { keys: strict, anchored: false }).decision).toBe('deny');
  expect(explain(transaction(unsigned(1n)), { keys: strict, anchored: true }).decision).toBe('allow');
});
