import type { KeyPolicy, KeyRule } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { policyLines } from './policy-lines.ts';

const A = `0x${'a'.repeat(40)}`;
const B = `0x${'b'.repeat(40)}`;
const CHAIN = 'eip155:10';

const ruleText = (rule: object): string => policyLines({ rules: [{ id: 'r', ...rule } as KeyRule] })[0] ?? '';

const allowing: Readonly<Record<string, readonly [object, string]>> = {
  'a payment of native value': [
    {
      action: 'evm.transaction',
      chains: [CHAIN],
      effects: [{ kind: 'native-transfer', to: [A], max: '1500000000000000000' }],
      fee: { max: '100' },
    },
    `r: allow evm.transaction on ${CHAIN}; sends up to 1500000000000000000 wei (1.5 × 10^18) to ${A}; fee up to 100 wei`,
  ],
  'a range of amounts, to anybody, at any fee': [
    {
      action: 'evm.transaction',
      chains: [CHAIN, 'eip155:1'],
      effects: [{ kind: 'native-transfer', to: 'any', above: '5', max: '1000000000000000000' }],
      fee: { max: 'any' },
    },
    `r: allow evm.transaction on ${CHAIN}, eip155:1; sends more than 5 wei and up to 1000000000000000000 wei (1 × 10^18) to anybody; fee any amount`,
  ],
  'tokens, allowances and calls': [
    {
      action: 'evm.transaction',
      chains: [CHAIN],
      effects: [
        { kind: 'erc20-transfer', token: [A], to: [B], max: '7' },
        { kind: 'erc20-approval', token: [A], spender: [B], max: 'any' },
        { kind: 'nft-transfer', token: 'any', to: [B], max: '1' },
        { kind: 'nft-approval', token: [A], spender: 'any' },
        {
          kind: 'call',
          contract: [A],
          function: 'deposit(uint256,address)',
          arguments: [
            { kind: 'max', index: 0, max: '9' },
            { kind: 'in', index: 1, values: [A, B] },
          ],
        },
      ],
      fee: { max: '1' },
    },
    `r: allow evm.transaction on ${CHAIN}; sends up to 7 units of ${A} to ${B}; lets ${B} take any amount of ${A}; sends up to 1 units of any token to ${B}; lets anybody take ${A}; calls deposit(uint256,address) of ${A} with argument 0 up to 9 with argument 1 one of ${A}, ${B}; fee up to 1 wei`,
  ],
  'typed data': [
    { action: 'evm.typed-data', chains: [CHAIN], contracts: [A], primaryTypes: ['Mail'] },
    `r: allow evm.typed-data on ${CHAIN}; types Mail; of ${A}`,
  ],
  'any text': [{ action: 'evm.message', startsWith: 'any' }, 'r: allow evm.message any text'],
  'some texts': [
    { action: 'evm.message', startsWith: ['a "b"', 'c'] },
    'r: allow evm.message text that begins with "a \\"b\\"" or "c"',
  ],
  Solana: [
    {
      action: 'solana.message',
      effects: [
        { kind: 'sol-transfer', to: 'any', max: '2500000000' },
        { kind: 'spl-transfer', mint: ['M'], to: ['T'], max: '3' },
      ],
      fee: { max: '5000' },
    },
    'r: allow solana.message sends up to 2500000000 lamports (2.5 × 10^9) to anybody; sends up to 3 units of M to T; fee up to 5000 lamports (0.000005 × 10^9)',
  ],
  'tokens of an issuer': [
    { action: 'jws', types: ['JWT'], audiences: 'any', maxLifetime: 60 },
    'r: allow jws typ JWT; for at most 60 s; audience anybody',
  ],
  'a context': [{ action: 'mac', contexts: ['a', 'b'] }, 'r: allow mac in the context a, b'],
  'all demands': [
    {
      action: 'sign',
      contexts: ['a'],
      tools: ['send', 'pay'],
      principals: ['ada'],
      hours: { days: ['mon', 'fri'], from: '09:00', to: '17:30' },
      confirm: 'elicitation',
      approval: { threshold: 2, of: ['cfo', 'ceo'] },
    },
    'r: allow sign in the context a; while send, pay runs; for ada; mon fri 09:00–17:30 UTC; the user is asked; 2 of cfo, ceo must sign',
  ],
};
for (const [what, [rule, text]] of Object.entries(allowing)) {
  promise('P4', `a rule about ${what} is shown whole`, () => {
    expect(ruleText({ effect: 'allow', ...rule })).toBe(text);
  });
}

promise('P4', 'a deny rule says how much it denies, down to everything', () => {
  expect(ruleText({ effect: 'deny', action: 'evm.transaction' })).toBe('r: deny evm.transaction');
  expect(
    ruleText({
      effect: 'deny',
      action: 'evm.transaction',
      effects: [{ kind: 'erc20-transfer', token: 'any', to: [B], max: 'any' }],
    }),
  ).toBe(`r: deny evm.transaction sends any amount of any token to ${B}`);
  expect(ruleText({ effect: 'deny', action: 'evm.message' })).toBe('r: deny evm.message');
  expect(ruleText({ effect: 'deny', action: 'jws', audiences: ['x'] })).toBe('r: deny jws audience x');
  expect(ruleText({ effect: 'deny', action: 'decrypt' })).toBe('r: deny decrypt');
});

promise('P4', 'limits say how much, of what, in which time and for whom', () => {
  const limit = {
    id: 'l',
    kind: 'value',
    chain: CHAIN,
    asset: 'native',
    window: 86_400,
    per: 'key',
    max: '10',
  } as const;
  const lines = (...limits: NonNullable<KeyPolicy['limits']>): readonly string[] => policyLines({ rules: [], limits });
  expect(
    lines(
      limit,
      { ...limit, asset: A, window: 90, per: 'tool' },
      { ...limit, chain: 'solana', window: 7200, per: 'principal', max: '1000000000' },
      { id: 'l', kind: 'rate', window: 60, per: 'key', max: 3 },
    ),
  ).toEqual([
    `l: at most 10 wei on ${CHAIN} in any day`,
    `l: at most 10 units of ${A} on ${CHAIN} in any 90 seconds for each tool`,
    'l: at most 1000000000 lamports (1 × 10^9) on solana in any 2 hours for each principal',
    'l: at most 3 signatures in any minute',
  ]);
});

promise('P4', 'what copies mean, and who approves, are said', () => {
  const publicKey = 'ab'.repeat(64);
  expect(
    policyLines({
      rules: [],
      copies: 'per-live-copy',
      approvers: {
        cfo: { kind: 'p256', publicKey },
        ceo: { kind: 'webauthn', publicKey, rpId: 'a.example', origin: 'https://a.example' },
      },
    }),
  ).toEqual([
    'limits: for each running copy; a restart counts as a full window spent',
    `approver cfo: p256 ${publicKey}`,
    `approver ceo: webauthn at https://a.example ${publicKey}`,
  ]);
  expect(policyLines({ rules: [], copies: 'strict' })[0]).toMatch(/strict, so nothing is signed/);
});

test('an amount of any size is shown exactly', () => {
  const max = '9'.repeat(77);
  const rule = { effect: 'allow', action: 'evm.transaction', chains: [CHAIN], fee: { max: '0' } };
  const shown = ruleText({ ...rule, effects: [{ kind: 'native-transfer', to: 'any', max }] });
  expect(shown).toContain(`${max} wei (${max.slice(0, -18)}.${max.slice(-18)} × 10^18)`);
  expect(shown).toContain('fee up to 0 wei');
});
