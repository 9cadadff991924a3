import { keysShape } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Asker, Effect, Intent } from '../intent.ts';
import {
  ALICE,
  address,
  asker,
  BOB,
  load,
  NFT,
  NOON,
  pay,
  rules,
  SOLANA_ALICE,
  SOLANA_BOB,
  send,
  TOKEN,
  transaction,
  VAULT,
} from '../testing/policies.ts';
import { type Decision, evaluate } from './evaluate.ts';
import type { LoadedPolicy } from './loaded-policy.ts';

const decide = (policy: LoadedPolicy, intent: Intent, by: Asker = asker, now: Date = NOON): Decision =>
  evaluate(policy, intent, by, now);
const reason = (policy: LoadedPolicy, intent: Intent, by?: Asker, now?: Date): string =>
  decide(policy, intent, by, now).reason;
const CLOSEST = 'no rule allows it; closest is ';
const ETHER = 10n ** 18n;

promise('P4', 'nothing is allowed but what a rule covers, and the refusal names the rule that came closest', () => {
  const policy = rules(pay());
  expect(decide(policy, transaction([send(ETHER)]))).toEqual({
    outcome: 'allow',
    rules: ['pay-small'],
    confirm: false,
    approvals: [],
    charges: [],
    reason: 'allowed by pay-small',
  });
  expect(decide(policy, transaction([send(2n * ETHER)]))).toEqual({
    outcome: 'deny',
    rules: [],
    reason: `${CLOSEST}pay-small: 2000000000000000000 wei is above max 1000000000000000000`,
  });
  const text: Intent = { action: 'evm.message', bytes: new Uint8Array(0), text: 'Hello' };
  expect(reason(policy, text)).toBe('no rule allows evm.message');
});

const misses: Readonly<
  Record<string, readonly [effects: readonly Effect[], more: Record<string, unknown>, why: string]>
> = {
  'one unit more': [[send(ETHER + 1n)], {}, 'pay-small: 1000000000000000001 wei is above max 1000000000000000000'],
  'the maximum in two parts': [
    [send(ETHER), send(1n)],
    {},
    'pay-small: 1000000000000000001 wei is above max 1000000000000000000',
  ],
  'another recipient': [[send(1n, BOB)], {}, `pay-small: ${BOB} is not among its recipients`],
  'one more effect': [
    [send(1n), { kind: 'token-transfer', token: TOKEN, to: ALICE, standard: 'erc20', amount: 0n }],
    {},
    'pay-small: none of its effects is of the kind erc20-transfer',
  ],
  'a call': [
    [{ kind: 'call', contract: ALICE, selector: '0x00000000', data: new Uint8Array(0) }],
    {},
    'pay-small: none of its effects is of the kind call',
  ],
  'no effect': [[], {}, 'pay-small: has effects, but of the request none is known'],
  'another chain': [[send(1n)], { chain: 'eip155:2' }, 'pay-small: eip155:2 is not among its chains'],
  'a fee of one unit more': [[send(1n)], { fee: 1001n }, 'pay-small: a fee of up to 1001 wei is above fee.max 1000'],
};
for (const [what, [effects, more, why]] of Object.entries(misses)) {
  promise('P4', `a rule does not cover a request with ${what}`, () => {
    const policy = rules(pay(), { ...pay('5'), id: 'z-far-away', chains: ['eip155:99'] });
    expect(reason(policy, transaction(effects, more))).toBe(CLOSEST + why);
  });
}

promise('P4', 'rules for small and for large amounts meet without a gap and without a unit in common', () => {
  const over = { ...pay('any'), id: 'large', confirm: 'elicitation' };
  const policy = rules(pay('10'), {
    ...over,
    effects: [{ kind: 'native-transfer', to: [ALICE], above: '10', max: '20' }],
  });
  const by = (...amounts: readonly bigint[]): string =>
    reason(policy, transaction(amounts.map((amount) => send(amount))));
  expect([by(0n), by(10n), by(11n), by(20n)]).toEqual([
    'allowed by pay-small',
    'allowed by pay-small',
    'allowed by large',
    'allowed by large',
  ]);
  expect(by(21n)).toBe(`${CLOSEST}large: 21 wei is above max 20`);
  // What counts is what all effects come to, so parts are as large as the whole.
  expect([by(5n, 5n), by(5n, 6n)]).toEqual(['allowed by pay-small', 'allowed by large']);
  const alone = rules({ ...over, effects: [{ kind: 'native-transfer', to: [ALICE], above: '10', max: 'any' }] });
  expect(reason(alone, transaction([send(10n)]))).toBe(`${CLOSEST}large: 10 wei is not above 10`);
});

const unjudgeable: Readonly<Record<string, Intent>> = {
  'a negative amount': transaction([send(-1n)]),
  'an amount of 2^256': transaction([send(2n ** 256n)]),
  'an amount that is no integer': transaction([send(1 as unknown as bigint)]),
  'a negative fee': transaction([send(1n)], { fee: -1n }),
  'a fee that is text': transaction([send(1n)], { fee: '0x1' }),
  'a chain with a leading zero': transaction([send(1n)], { chain: 'eip155:01' }),
  'a chain in hexadecimal': transaction([send(1n)], { chain: 'eip155:0x1' }),
  'an address in mixed case': transaction([send(1n, `0xA${'a'.repeat(39)}`)]),
  'a kind of effect that is unknown': transaction([{ ...send(1n), kind: 'burn' } as unknown as Effect]),
  'a standard that is unknown': transaction([
    { kind: 'token-transfer', token: TOKEN, to: ALICE, standard: 'toString', amount: 1n } as unknown as Effect,
  ]),
  'an action that is unknown': { action: 'eth.sign', bytes: new Uint8Array(0) } as unknown as Intent,
  'more effects than are judged': transaction(Array.from({ length: 65 }, () => send(1n))),
};
for (const [what, intent] of Object.entries(unjudgeable)) {
  promise('P4', `a request with ${what} is denied whatever the policy says`, () => {
    const open = rules({
      ...pay('any'),
      effects: [
        { kind: 'native-transfer', to: 'any', max: 'any' },
        { kind: 'erc20-transfer', token: 'any', to: 'any', max: 'any' },
      ],
      fee: { max: 'any' },
    });
    expect(decide(open, transaction([send(1n)])).outcome).toBe('allow');
    expect(decide(open, intent)).toMatchObject({ outcome: 'deny', rules: [], reason: /^the request cannot be judged/ });
  });
}

promise('P4', 'amounts of a policy have one way to be written', () => {
  const shaped = (max: unknown): boolean =>
    keysShape.parse({
      hot: { origin: 'derived', algorithm: 'secp256k1', version: 1, policy: { rules: [{ ...pay(), fee: { max } }] } },
    }).ok;
  expect(['0', '1', '9'.repeat(78), 'any'].filter((max) => !shaped(max))).toEqual([]);
  const wrong = [
    '',
    '-1',
    '+1',
    '0x1',
    '1e3',
    '1.0',
    '1.5',
    '01',
    '00',
    ' 1',
    '1 ',
    '1_000',
    '1,000',
    '٣',
    'Any',
    '1n',
    '9'.repeat(79),
  ];
  expect([...wrong, 1, 1e21, 0.5, -0, null, true, ['1']].filter(shaped)).toEqual([]);
});

promise('P4', 'a deny rule wins, whatever else allows the request, and however little of it it concerns', () => {
  const denyBob = {
    id: 'not-bob',
    effect: 'deny',
    action: 'evm.transaction',
    effects: [{ kind: 'native-transfer', to: [BOB], max: 'any' }],
  };
  const all = { ...pay('any'), effects: [{ kind: 'native-transfer', to: 'any', max: 'any' }] };
  const policy = rules(all, denyBob, { ...denyBob, id: 'not-bob-again', chains: ['eip155:1'] });
  expect(decide(policy, transaction([send(1n)])).outcome).toBe('allow');
  expect(decide(policy, transaction([send(1n), send(0n, BOB)]))).toEqual({
    outcome: 'deny',
    rules: ['not-bob', 'not-bob-again'],
    reason: 'denied by not-bob, not-bob-again',
  });
  const everything = rules(all, { id: 'stop', effect: 'deny', action: 'evm.transaction' });
  expect(reason(everything, transaction([send(1n)]))).toBe('denied by stop');
});

promise('P4', 'what all rules that cover a request demand applies together', () => {
  const approvers = {
    cfo: { kind: 'ed25519', publicKey: '01'.repeat(32) },
    ceo: { kind: 'ed25519', publicKey: '02'.repeat(32) },
  };
  const policy = load({
    rules: [
      { ...pay(), id: 'plain' },
      { ...pay(), id: 'asked', confirm: 'elicitation' },
      { ...pay(), id: 'one', approval: { threshold: 1, of: ['ceo', 'cfo'] } },
      { ...pay(), id: 'same', approval: { threshold: 1, of: ['cfo', 'ceo'] } },
      { ...pay(), id: 'both', approval: { threshold: 2, of: ['cfo', 'ceo'] } },
      { ...pay('0'), id: 'not-this', approval: { threshold: 1, of: ['cfo'] } },
    ],
    approvers,
  });
  expect(decide(policy, transaction([send(1n)]))).toMatchObject({
    rules: ['asked', 'both', 'one', 'plain', 'same'],
    confirm: true,
    approvals: [
      { threshold: 2, of: ['ceo', 'cfo'] },
      { threshold: 1, of: ['ceo', 'cfo'] },
    ],
  });
});

promise('P4', 'a rule for tools covers a request only while tools are running, and all of them are its own', () => {
  const policy = rules({ ...pay(), tools: ['send', 'pay'] });
  const by = (tools: readonly string[]): string => decide(policy, transaction([send(1n)]), { ...asker, tools }).reason;
  expect(by(['send'])).toBe('allowed by pay-small');
  expect(by(['pay', 'send', 'pay'])).toBe('allowed by pay-small');
  expect(by([])).toBe(`${CLOSEST}pay-small: is for tools, and none is running`);
  expect(by(['send', 'read'])).toBe(`${CLOSEST}pay-small: "read" is running and not among its tools`);
  expect(reason(policy, transaction([send(1n)]), { ...asker, isolated: false })).toBe(
    `${CLOSEST}pay-small: needs a server of its own for each caller`,
  );
});

promise('P4', 'a deny rule for tools holds while any of them is running, or where nobody knows', () => {
  const policy = rules(pay(), { id: 'not-read', effect: 'deny', action: 'evm.transaction', tools: ['read'] });
  const by = (more: Partial<Asker>): string => decide(policy, transaction([send(1n)]), { ...asker, ...more }).outcome;
  expect([by({}), by({ tools: [] }), by({ tools: ['send', 'read'] }), by({ isolated: false })]).toEqual([
    'allow',
    // A server could let the call end and ask then.
    'deny',
    'deny',
    'deny',
  ]);
});

promise('P4', 'principals are compared exactly', () => {
  const policy = rules(
    { ...pay(), principals: ['ada'] },
    { id: 'not-eve', effect: 'deny', action: 'evm.transaction', principals: ['eve'] },
  );
  const by = (principal: string): string => reason(policy, transaction([send(1n)]), { ...asker, principal });
  expect(by('ada')).toBe('allowed by pay-small');
  expect(by('eve')).toBe('denied by not-eve');
  for (const other of ['Ada', 'ada ', '', 'аda'])
    expect(by(other)).toBe(`${CLOSEST}pay-small: ${JSON.stringify(other)} is not among its principals`);
});

promise('P4', 'hours begin at their first minute and end before their last, on their days, in UTC', () => {
  const policy = rules({ ...pay(), hours: { days: ['wed'], from: '09:00', to: '17:30' } });
  const at = (time: string): string => decide(policy, transaction([send(1n)]), asker, new Date(time)).outcome;
  expect(at('2026-11-18T09:00:00.000Z')).toBe('allow');
  expect(at('2026-11-18T17:29:59.999Z')).toBe('allow');
  expect(at('2026-11-18T08:59:59.999Z')).toBe('deny');
  expect(at('2026-11-18T17:30:00.000Z')).toBe('deny');
  expect(at('2026-11-17T12:00:00Z')).toBe('deny');
  expect(at('2026-11-18T07:00:00-05:00')).toBe('allow');
  expect(at('no time')).toBe('deny');
  expect(reason(policy, transaction([send(1n)]), asker, new Date('2026-11-19T12:00:00Z'))).toBe(
    `${CLOSEST}pay-small: holds at wed 09:00-17:30 UTC only`,
  );
  const wholeDay = rules({ ...pay(), hours: { days: ['wed'], from: '00:00', to: '24:00' } });
  for (const [time, outcome] of [
    ['2026-11-18T00:00:00Z', 'allow'],
    ['2026-11-18T23:59:59.999Z', 'allow'],
    ['2026-11-19T00:00:00Z', 'deny'],
  ] as const) {
    expect(decide(wholeDay, transaction([send(1n)]), asker, new Date(time)).outcome).toBe(outcome);
  }
});

const tokenRule = (...effects: readonly unknown[]): Record<string, unknown> => ({ ...pay(), id: 'tokens', effects });
const moved = (standard: string, amount: bigint, token = TOKEN): Effect =>
  ({ kind: 'token-transfer', token, to: ALICE, standard, amount }) as Effect;
const approved = (standard: string, amount: bigint, token = TOKEN): Effect =>
  ({ kind: 'token-approval', token, spender: VAULT, standard, amount }) as Effect;

promise('P4', 'a token that may be of two standards matches only where the rule names it', () => {
  const any = rules(
    tokenRule(
      { kind: 'erc20-transfer', token: 'any', to: 'any', max: 'any' },
      { kind: 'nft-transfer', token: 'any', to: 'any', max: 'any' },
    ),
  );
  expect(decide(any, transaction([moved('erc20', 5n)])).outcome).toBe('allow');
  expect(decide(any, transaction([moved('erc721', 1n)])).outcome).toBe('allow');
  expect(reason(any, transaction([moved('erc20-or-erc721', 5n)]))).toBe(
    `${CLOSEST}tokens: ${TOKEN} may be ERC-20 or ERC-721 by the function called, and the rule does not name it`,
  );
  const named = rules(
    tokenRule(
      { kind: 'erc20-transfer', token: [TOKEN], to: 'any', max: '5' },
      { kind: 'nft-transfer', token: [NFT], to: 'any', max: '2' },
    ),
  );
  const outcome = (...effects: readonly Effect[]): string => decide(named, transaction(effects)).outcome;
  expect(outcome(moved('erc20-or-erc721', 5n))).toBe('allow');
  expect(outcome(moved('erc20-or-erc721', 6n))).toBe('deny');
  // Of one that is named as ERC-721 the number is no amount.
  expect(outcome(moved('erc20-or-erc721', 777n, NFT), moved('erc20-or-erc721', 778n, NFT))).toBe('allow');
  expect(outcome(moved('erc20-or-erc721', 1n, NFT), moved('erc721', 1n, NFT), moved('erc1155', 1n, NFT))).toBe('deny');
  expect(outcome(moved('erc721', 1n))).toBe('deny');
  expect(outcome(moved('erc20', 1n, NFT))).toBe('deny');
});

promise('P4', 'a deny rule concerns a token that may be of its standard', () => {
  const policy = rules(tokenRule({ kind: 'nft-transfer', token: [NFT], to: 'any', max: 'any' }), {
    id: 'no-coins',
    effect: 'deny',
    action: 'evm.transaction',
    effects: [{ kind: 'erc20-transfer', token: 'any', to: [ALICE], max: 'any' }],
  });
  expect(decide(policy, transaction([moved('erc721', 1n, NFT)])).outcome).toBe('allow');
  expect(reason(policy, transaction([moved('erc20-or-erc721', 1n, NFT)]))).toBe('denied by no-coins');
});

promise('P4', 'an unlimited allowance is covered only by a rule without maximum', () => {
  const unlimited = 2n ** 256n - 1n;
  const policy = (max: string): LoadedPolicy =>
    rules(tokenRule({ kind: 'erc20-approval', token: [TOKEN], spender: [VAULT], max }));
  for (const amount of [unlimited, 2n ** 255n]) {
    const intent = transaction([approved('erc20-or-erc721', amount)]);
    expect(decide(policy('any'), intent).outcome).toBe('allow');
    expect(decide(policy(String(amount)), intent).outcome).toBe('allow');
    expect(decide(policy(String(amount - 1n)), intent).outcome).toBe('deny');
  }
  const nft = rules(tokenRule({ kind: 'nft-approval', token: [NFT], spender: [VAULT] }));
  expect(decide(nft, transaction([approved('erc721', unlimited, NFT)])).outcome).toBe('allow');
  expect(decide(nft, transaction([approved('erc721', unlimited)])).outcome).toBe('deny');
  expect(decide(nft, transaction([{ ...approved('erc721', 1n, NFT), spender: BOB } as Effect])).outcome).toBe('deny');
});

const word = (value: bigint): string => value.toString(16).padStart(64, '0');
const deposit = (hex: string, more: Partial<Extract<Effect, { kind: 'call' }>> = {}): Effect => ({
  kind: 'call',
  contract: VAULT,
  // deposit(uint256,address)
  selector: '0x6e553f65',
  data: Uint8Array.from(Buffer.from(hex, 'hex')),
  ...more,
});
const depositPattern = {
  kind: 'call',
  contract: [VAULT],
  function: 'deposit(uint256,address)',
  arguments: [
    { kind: 'max', index: 0, max: '100' },
    { kind: 'in', index: 1, values: [ALICE] },
  ],
};

const calls: Readonly<Record<string, readonly [effect: Effect, why: string]>> = {
  'an argument above its maximum': [deposit(word(101n) + word(BigInt(ALICE))), 'argument 0, 101, is above max 100'],
  'an argument that is not among its values': [
    deposit(word(100n) + word(BigInt(BOB))),
    `argument 1, ${BOB}, is not among its values`,
  ],
  'bits above an address': [
    deposit(word(100n) + word(BigInt(ALICE) | (1n << 200n))),
    'the data of the call is not exactly the arguments of deposit(uint256,address)',
  ],
  'data after the last argument': [
    deposit(`${word(100n)}${word(BigInt(ALICE))}00`),
    'the data of the call is not exactly the arguments of deposit(uint256,address)',
  ],
  'an argument too few': [
    deposit(word(100n)),
    'the data of the call is not exactly the arguments of deposit(uint256,address)',
  ],
  'another function': [
    deposit(word(100n) + word(BigInt(ALICE)), { selector: '0x6e553f66' }),
    'selector 0x6e553f66 is not 0x6e553f65 of deposit(uint256,address)',
  ],
  'another contract': [
    deposit(word(100n) + word(BigInt(ALICE)), { contract: BOB }),
    `${BOB} is not among its contracts`,
  ],
};
for (const [what, [effect, why]] of Object.entries(calls)) {
  promise('P4', `a rule for a function does not cover a call with ${what}`, () => {
    const policy = rules(tokenRule(depositPattern));
    expect(decide(policy, transaction([deposit(word(100n) + word(BigInt(ALICE)))])).outcome).toBe('allow');
    expect(reason(policy, transaction([effect]))).toBe(`${CLOSEST}tokens: ${why}`);
  });
}

promise('P4', 'a deny rule for a function concerns calls whose arguments cannot be read', () => {
  const policy = rules(tokenRule({ kind: 'call', contract: [VAULT], function: 'deposit(uint256,address)' }), {
    id: 'not-bob',
    effect: 'deny',
    action: 'evm.transaction',
    effects: [{ ...depositPattern, arguments: [{ kind: 'in', index: 1, values: [BOB] }] }],
  });
  const by = (hex: string): string => reason(policy, transaction([deposit(hex)]));
  expect(by(word(1n) + word(BigInt(ALICE)))).toBe('allowed by tokens');
  expect(by(word(1n) + word(BigInt(BOB)))).toBe('denied by not-bob');
  expect(by(word(1n) + word(BigInt(BOB) | (1n << 160n)))).toBe('denied by not-bob');
});

const permit = (more: Record<string, unknown> = {}): Intent =>
  ({
    action: 'evm.typed-data',
    bytes: new Uint8Array(0),
    chain: 'eip155:1',
    contract: TOKEN,
    primaryType: 'Permit',
    effects: [approved('erc20', 5n)],
    shown: '{}',
    ...more,
  }) as Intent;
const permitRule = {
  id: 'permit',
  effect: 'allow',
  action: 'evm.typed-data',
  chains: ['eip155:1'],
  contracts: [TOKEN],
  primaryTypes: ['Permit'],
  effects: [{ kind: 'erc20-approval', token: [TOKEN], spender: [VAULT], max: '5' }],
};

const typed: Readonly<Record<string, readonly [more: Record<string, unknown>, why: string]>> = {
  'of another chain': [{ chain: 'eip155:2' }, 'eip155:2 is not among its chains'],
  'for another contract': [{ contract: BOB }, `${BOB} is not among its contracts`],
  'of another type': [{ primaryType: 'permit' }, '"permit" is not among its primaryTypes'],
  'of an amount above the maximum': [{ effects: [approved('erc20', 6n)] }, '6 is above max 5'],
  'that a decoder did not know': [{ effects: [] }, 'has effects, but of the request none is known'],
};
for (const [what, [more, why]] of Object.entries(typed)) {
  promise('P4', `a rule for permits does not cover typed data ${what}`, () => {
    expect(decide(rules(permitRule), permit()).outcome).toBe('allow');
    expect(reason(rules(permitRule), permit(more))).toBe(`${CLOSEST}permit: ${why}`);
  });
}

promise('P4', 'a rule without effects is for typed data that spends nothing', () => {
  const { effects: _, ...login } = permitRule;
  expect(decide(rules(login), permit({ effects: [] })).outcome).toBe('allow');
  expect(reason(rules(login), permit())).toBe(`${CLOSEST}permit: has no effects, but the request moves value`);
});

promise('P4', 'texts, tokens and contexts are compared as their rules say', () => {
  const bytes = new Uint8Array(0);
  const message = rules({ id: 'login', effect: 'allow', action: 'evm.message', startsWith: ['Login to '] });
  expect(decide(message, { action: 'evm.message', bytes, text: 'Login to example.org' }).outcome).toBe('allow');
  expect(reason(message, { action: 'evm.message', bytes, text: 'login to example.org' })).toBe(
    `${CLOSEST}login: the message starts with none of startsWith`,
  );
  const jws = load(
    { rules: [{ id: 'api', effect: 'allow', action: 'jws', types: ['JWT'], audiences: ['a', 'b'], maxLifetime: 300 }] },
    { algorithm: 'p256' },
  );
  const token = (more: Record<string, unknown>): string =>
    reason(jws, { action: 'jws', bytes, type: 'JWT', audiences: ['a'], lifetime: 300, shown: '{}', ...more } as Intent);
  expect(token({})).toBe('allowed by api');
  expect(token({ audiences: ['a', 'b'] })).toBe('allowed by api');
  for (const [more, why] of [
    [{ audiences: ['a', 'c'] }, 'audience "c" is not among its audiences'],
    [{ audiences: [] }, 'the token names no audience'],
    [{ type: 'at+jwt' }, 'typ "at+jwt" is not among its types'],
    [{ lifetime: 301 }, 'a lifetime of 301 seconds is not from 1 to maxLifetime 300'],
    [{ lifetime: 0 }, 'a lifetime of 0 seconds is not from 1 to maxLifetime 300'],
    [{ lifetime: Number.NaN }, 'a lifetime of NaN seconds is not from 1 to maxLifetime 300'],
  ] as const) {
    expect(token(more)).toBe(`${CLOSEST}api: ${why}`);
  }
  const denied = load(
    {
      rules: [
        { id: 'api', effect: 'allow', action: 'jws', types: ['JWT'], audiences: 'any', maxLifetime: 300 },
        { id: 'not-c', effect: 'deny', action: 'jws', audiences: ['c'] },
      ],
    },
    { algorithm: 'ed25519' },
  );
  const intent = (audiences: readonly string[]): Intent => ({
    action: 'jws',
    bytes,
    type: 'JWT',
    audiences,
    lifetime: 1,
    shown: '',
  });
  expect(decide(denied, intent([])).outcome).toBe('allow');
  expect(decide(denied, intent(['a', 'c'])).outcome).toBe('deny');
  const mac = load(
    { rules: [{ id: 'mac', effect: 'allow', action: 'mac', contexts: ['session'] }] },
    { algorithm: 'aes256' },
  );
  expect(decide(mac, { action: 'mac', bytes, context: 'session' }).outcome).toBe('allow');
  expect(reason(mac, { action: 'mac', bytes, context: 'sessions' })).toBe(
    `${CLOSEST}mac: "sessions" is not among its contexts`,
  );
  expect(reason(mac, { action: 'decrypt', bytes, context: 'session' })).toBe('no rule allows decrypt');
});

promise('P4', 'messages of Solana are judged by recipients, mints, amounts and fees', () => {
  const policy = load(
    {
      rules: [
        {
          id: 'pay',
          effect: 'allow',
          action: 'solana.message',
          effects: [
            { kind: 'sol-transfer', to: [SOLANA_ALICE], max: '10' },
            { kind: 'spl-transfer', mint: [SOLANA_BOB], to: [SOLANA_ALICE], max: '10' },
          ],
          fee: { max: '5000' },
        },
      ],
      limits: [
        { id: 'sol', kind: 'value', chain: 'solana', asset: 'native', max: '100', window: 60, per: 'key' },
        { id: 'spl', kind: 'value', chain: 'solana', asset: SOLANA_BOB, max: '100', window: 60, per: 'key' },
      ],
      copies: 'per-live-copy',
    },
    { algorithm: 'ed25519' },
  );
  const intent = (effects: readonly Effect[], fee = 5000n): Intent => ({
    action: 'solana.message',
    bytes: new Uint8Array(0),
    chain: 'solana',
    signers: [SOLANA_ALICE],
    effects,
    fee,
  });
  const sol = (amount: bigint, to = SOLANA_ALICE): Effect => ({ kind: 'sol-transfer', to, amount });
  const spl = (amount: bigint, mint = SOLANA_BOB): Effect => ({
    kind: 'spl-transfer',
    mint,
    from: SOLANA_BOB,
    to: SOLANA_ALICE,
    amount,
  });
  expect(decide(policy, intent([sol(4n), spl(7n), sol(6n)]))).toMatchObject({
    outcome: 'allow',
    charges: [
      { limit: 'sol', chain: 'solana', asset: 'native', amount: 5010n },
      { limit: 'spl', chain: 'solana', asset: SOLANA_BOB, amount: 7n },
    ],
  });
  for (const [effects, fee, why] of [
    [[sol(5n), sol(6n)], 5000n, '11 lamports is above max 10'],
    [[sol(1n, SOLANA_BOB)], 5000n, `${SOLANA_BOB} is not among its recipients`],
    [[spl(11n)], 5000n, '11 is above max 10'],
    [[spl(1n, SOLANA_ALICE)], 5000n, `${SOLANA_ALICE} is not among its mints`],
    [[sol(1n)], 5001n, 'a fee of up to 5001 lamports is above fee.max 5000'],
  ] as const) {
    expect(reason(policy, intent(effects, fee))).toBe(`${CLOSEST}pay: ${why}`);
  }
});

promise('P4', 'limits are charged with transfers, allowances, permits and the highest possible fee', () => {
  const policy = load({
    rules: [
      {
        ...pay('any'),
        chains: ['eip155:1', 'eip155:2'],
        effects: [
          { kind: 'native-transfer', to: 'any', max: 'any' },
          { kind: 'erc20-transfer', token: [TOKEN], to: 'any', max: 'any' },
          { kind: 'erc20-approval', token: [TOKEN], spender: 'any', max: 'any' },
          { kind: 'nft-transfer', token: [NFT], to: 'any', max: 'any' },
        ],
      },
      { ...permitRule, effects: [{ kind: 'erc20-approval', token: [TOKEN], spender: 'any', max: 'any' }] },
    ],
    limits: [
      { id: 'native', kind: 'value', chain: 'eip155:1', asset: 'native', max: '1', window: 60, per: 'key' },
      { id: 'nfts', kind: 'value', chain: 'eip155:1', asset: NFT, max: '1', window: 60, per: 'key' },
      { id: 'token', kind: 'value', chain: 'eip155:1', asset: TOKEN, max: '1', window: 60, per: 'key' },
      { id: 'often', kind: 'rate', max: 1, window: 60, per: 'key' },
    ],
    copies: 'per-live-copy',
  });
  const charges = (intent: Intent): Readonly<Record<string, bigint>> => {
    const decision = decide(policy, intent);
    if (decision.outcome === 'deny') throw new Error(decision.reason);
    return Object.fromEntries(decision.charges.map(({ limit, amount }) => [limit, amount]));
  };
  expect(charges(transaction([send(5n), send(6n, BOB)]))).toEqual({ native: 1011n, often: 1n });
  expect(charges(transaction([send(5n)], { fee: 0n }))).toEqual({ native: 5n, often: 1n });
  expect(charges(transaction([send(0n)], { fee: 0n }))).toEqual({ often: 1n });
  expect(charges(transaction([send(5n)], { chain: 'eip155:2' }))).toEqual({ often: 1n });
  expect(charges(transaction([moved('erc20', 3n), approved('erc20-or-erc721', 4n)]))).toEqual({
    native: 1000n,
    token: 7n,
    often: 1n,
  });
  expect(charges(transaction([moved('erc20-or-erc721', 999n, NFT)]))).toEqual({ native: 1000n, nfts: 1n, often: 1n });
  expect(charges(permit())).toEqual({ token: 5n, often: 1n });
});

promise('P4', 'copies: strict signs nothing while nothing tells which copy is the last', () => {
  const policy = load({
    rules: [pay()],
    limits: [{ id: 'often', kind: 'rate', max: 1, window: 60, per: 'key' }],
    copies: 'strict',
  });
  expect(decide(policy, transaction([send(1n)]))).toMatchObject({ outcome: 'deny', reason: /^copies: strict needs/ });
});

promise('P4', 'a hostile policy and a hostile request end in a decision', () => {
  const many = Array.from({ length: 1000 }, (_, index) => ({
    kind: 'native-transfer',
    to: Array.from(
      { length: 10 },
      (_, other) => address('0').slice(0, 34) + String(index * 10 + other).padStart(8, '0'),
    ),
    max: '1',
  }));
  const policy = rules({ ...pay(), effects: many });
  const effects = Array.from({ length: 64 }, () => send(0n, address('0').slice(0, 34) + String(9999).padStart(8, '0')));
  expect(decide(policy, transaction(effects)).outcome).toBe('allow');
  expect(decide(policy, transaction([...effects.slice(1), send(1n, BOB)])).outcome).toBe('deny');
});
