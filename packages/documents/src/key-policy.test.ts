import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { keyPolicyShape } from './key-policy.ts';
import { showPath } from './shape.ts';
import { ABSENT, changed } from './testing/changed.ts';
import { accepts } from './testing/json-schema.ts';

const ALICE = `0x${'a'.repeat(40)}`;
const TOKEN = `0x${'1'.repeat(40)}`;
const MINT = 'So11111111111111111111111111111111111111112';
const SPL = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA';

const demands = {
  tools: ['send'],
  principals: ['ada'],
  hours: { days: ['mon', 'sun'], from: '09:00', to: '24:00' },
  confirm: 'elicitation',
  approval: { threshold: 1, of: ['cfo'] },
};
const evmEffects = [
  { kind: 'native-transfer', to: [ALICE], above: '0', max: '1000' },
  { kind: 'erc20-transfer', token: [TOKEN], to: 'any', max: 'any' },
  { kind: 'erc20-approval', token: 'any', spender: [ALICE], max: '5' },
  { kind: 'nft-transfer', token: [TOKEN], to: [ALICE], max: '1' },
  { kind: 'nft-approval', token: [TOKEN], spender: 'any' },
  {
    kind: 'call',
    contract: [TOKEN],
    function: 'deposit(uint256,address)',
    arguments: [
      { kind: 'max', index: 0, max: '100' },
      { kind: 'in', index: 1, values: [ALICE] },
    ],
  },
];
const solanaEffects = [
  { kind: 'sol-transfer', to: [MINT], above: '1', max: '5' },
  { kind: 'spl-transfer', mint: [SPL], to: 'any', max: 'any' },
];

/** Everything that the shape has; which actions go together is for the loader. */
const FULL = {
  rules: [
    {
      id: 'pay',
      effect: 'allow',
      action: 'evm.transaction',
      chains: ['eip155:1'],
      effects: evmEffects,
      fee: { max: '100' },
      ...demands,
    },
    { id: 'text', effect: 'allow', action: 'evm.message', startsWith: ['Hello'], ...demands },
    {
      id: 'typed',
      effect: 'allow',
      action: 'evm.typed-data',
      chains: ['eip155:10'],
      contracts: [TOKEN],
      primaryTypes: ['Permit'],
      effects: [{ kind: 'erc20-approval', token: [TOKEN], spender: [ALICE], max: '5' }],
      ...demands,
    },
    { id: 'sol', effect: 'allow', action: 'solana.message', effects: solanaEffects, fee: { max: 'any' }, ...demands },
    { id: 'token', effect: 'allow', action: 'jws', types: ['JWT'], audiences: ['a'], maxLifetime: 60, ...demands },
    { id: 'sign', effect: 'allow', action: 'sign', contexts: ['notes/v1'], ...demands },
    { id: 'encrypt', effect: 'allow', action: 'encrypt', contexts: ['notes/v1'], ...demands },
    { id: 'decrypt', effect: 'allow', action: 'decrypt', contexts: ['notes/v1'], ...demands },
    { id: 'mac', effect: 'allow', action: 'mac', contexts: ['notes/v1'], ...demands },
    { id: 'no-pay', effect: 'deny', action: 'evm.transaction', chains: ['eip155:1'], effects: evmEffects },
    { id: 'no-text', effect: 'deny', action: 'evm.message', startsWith: ['Bye'] },
    {
      id: 'no-typed',
      effect: 'deny',
      action: 'evm.typed-data',
      chains: ['eip155:1'],
      contracts: [TOKEN],
      primaryTypes: ['Order'],
      effects: evmEffects,
    },
    { id: 'no-sol', effect: 'deny', action: 'solana.message', effects: solanaEffects },
    { id: 'no-token', effect: 'deny', action: 'jws', audiences: ['b'] },
    { id: 'no-sign', effect: 'deny', action: 'sign', contexts: ['x'], tools: ['send'], principals: ['bob'] },
    { id: 'no-encrypt', effect: 'deny', action: 'encrypt', contexts: ['x'] },
    { id: 'no-decrypt', effect: 'deny', action: 'decrypt' },
    { id: 'no-mac', effect: 'deny', action: 'mac' },
  ],
  limits: [
    { kind: 'value', id: 'daily', chain: 'eip155:1', asset: 'native', window: 86_400, per: 'key', max: '1' },
    { kind: 'value', id: 'tokens', chain: 'solana', asset: MINT, window: 60, per: 'tool', max: '2' },
    { kind: 'rate', id: 'pace', window: 60, per: 'principal', max: 3 },
  ],
  copies: 'per-live-copy',
  approvers: {
    cfo: { kind: 'ed25519', publicKey: '01'.repeat(32) },
    cto: { kind: 'p256', publicKey: '02'.repeat(64) },
    ceo: {
      kind: 'webauthn',
      publicKey: '03'.repeat(64),
      rpId: 'example.org',
      origin: 'https://login.example.org:8443',
    },
  },
};
const LEAST = { rules: [{ id: 'a', effect: 'deny', action: 'mac' }] };

/** Where the first thing is wrong. */
const wrong = (policy: unknown): string => {
  const parsed = keyPolicyShape.parse(policy);
  return parsed.ok ? 'nothing' : showPath(parsed.issues[0]?.path ?? []);
};

for (const [what, policy] of [
  ['says all that policies can say', FULL],
  ['says the least', LEAST],
] as const) {
  promise('P4', `a policy that ${what} is read as it stands, and the schema says so too`, () => {
    const parsed = keyPolicyShape.parse(policy);
    expect(parsed.ok ? JSON.parse(JSON.stringify(parsed.value)) : parsed.issues).toEqual(policy);
    expect(accepts(keyPolicyShape.schema, policy)).toBe(true);
  });
}

const pay = 'rules.0';
const native = `${pay}.effects.0`;
const call = `${pay}.effects.5`;

/** What is wrong, by where it stands; where the error names another place, that too. */
const REFUSED: readonly (readonly [what: string, path: string, value: unknown, at?: string])[] = [
  // Amounts are exact only as texts.
  ['an amount as a number', `${native}.max`, 1000],
  ['an amount as a large number', `${native}.max`, 1e21],
  ['an amount with a leading zero', `${native}.max`, '01'],
  ['an amount in hexadecimal', `${native}.max`, '0x10'],
  ['a negative amount', `${native}.max`, '-1'],
  ['an amount with a fraction', `${native}.max`, '1.0'],
  ['an amount with an exponent', `${native}.max`, '1e3'],
  ['an amount with separators', `${native}.max`, '1_000'],
  ['an amount with a blank', `${native}.max`, ' 1'],
  ['an amount with a line break', `${native}.max`, '1\n'],
  ['an empty amount', `${native}.max`, ''],
  ['an amount of 79 digits', `${native}.max`, '1'.repeat(79)],
  ['an amount in other digits', `${native}.max`, '١'],
  ['an amount that is null', `${native}.max`, null],
  ['no maximum', `${native}.max`, ABSENT, native],
  ['any for an amount above', `${native}.above`, 'any'],
  ['above as a number', `${native}.above`, 1],
  ['above for a single token', `${pay}.effects.3.above`, '1'],
  ['a maximum for an approval of single tokens', `${pay}.effects.4.max`, '1'],
  ['a fee as a number', `${pay}.fee.max`, 100],
  ['a fee without maximum', `${pay}.fee`, {}],
  ['a fee that is an amount', `${pay}.fee`, '100'],
  ['no fee', `${pay}.fee`, ABSENT, pay],
  ['no fee on Solana', 'rules.3.fee', ABSENT, 'rules.3'],
  ['a fee for typed data', 'rules.2.fee', { max: '1' }],
  // Addresses have one spelling.
  ['an address in upper case', `${native}.to.0`, ALICE.toUpperCase().replace('X', 'x')],
  ['an address with a checksum', `${native}.to.0`, `0xA${'a'.repeat(39)}`],
  ['an address without 0x', `${native}.to.0`, 'a'.repeat(40)],
  ['an address with 0X', `${native}.to.0`, `0X${'a'.repeat(40)}`],
  ['a short address', `${native}.to.0`, `0x${'a'.repeat(39)}`],
  ['a long address', `${native}.to.0`, `0x${'a'.repeat(41)}`],
  ['an address as a number', `${native}.to.0`, 0xaa],
  ['a name for an address', `${native}.to.0`, 'alice.eth'],
  ['any within a list', `${native}.to`, ['any'], `${native}.to.0`],
  ['an address for a list', `${native}.to`, ALICE],
  ['all for any', `${native}.to`, 'all'],
  ['an empty list of recipients', `${native}.to`, []],
  ['no recipients', `${native}.to`, ABSENT, native],
  ['an address of Ethereum on Solana', 'rules.3.effects.0.to.0', ALICE],
  ['an address of Solana with a 0', 'rules.3.effects.0.to.0', `0${MINT.slice(1)}`],
  ['a short address of Solana', 'rules.3.effects.0.to.0', '1'.repeat(31)],
  ['a long address of Solana', 'rules.3.effects.0.to.0', '1'.repeat(45)],
  ['a contract that may be any', `${call}.contract`, 'any'],
  // Chains.
  ['a chain as a number', `${pay}.chains.0`, 1],
  ['a chain id alone', `${pay}.chains.0`, '1'],
  ['the chain 0', `${pay}.chains.0`, 'eip155:0'],
  ['a chain id with a leading zero', `${pay}.chains.0`, 'eip155:01'],
  ['a chain of another namespace', `${pay}.chains.0`, 'cosmos:1'],
  ['an empty list of chains', `${pay}.chains`, []],
  ['chains that may be any', `${pay}.chains`, 'any'],
  ['no chains', `${pay}.chains`, ABSENT, pay],
  ['chains on Solana', 'rules.3.chains', ['solana']],
  // Rules.
  ['no rules', 'rules', ABSENT, ''],
  ['an empty list of rules', 'rules', []],
  ['a rule without an id', `${pay}.id`, ABSENT, pay],
  ['an id in upper case', `${pay}.id`, 'Pay'],
  ['an id with a blank', `${pay}.id`, 'pay small'],
  ['an id of 65 letters', `${pay}.id`, 'a'.repeat(65)],
  ['an effect that is neither allow nor deny', `${pay}.effect`, 'permit'],
  ['no effect', `${pay}.effect`, ABSENT],
  ['an unknown action', `${pay}.action`, 'evm.transfer'],
  ['an action of Object', `${pay}.action`, 'constructor'],
  ['an unknown member', `${pay}.note`, 'x'],
  ['a misspelt member', `${pay}.tool`, ['send']],
  ['an empty list of effects', `${pay}.effects`, []],
  ['no effects', `${pay}.effects`, ABSENT, pay],
  ['an unknown kind of effect', `${native}.kind`, 'transfer'],
  ['an effect of Solana', `${native}.kind`, 'sol-transfer'],
  ['an unknown member of an effect', `${native}.data`, '0x'],
  ['an empty list of tools', `${pay}.tools`, []],
  ['tools that are a text', `${pay}.tools`, 'send'],
  ['an empty list of principals', `${pay}.principals`, []],
  ['a principal as a number', `${pay}.principals.0`, 7],
  ['a confirmation that is true', `${pay}.confirm`, true],
  ['another way of confirmation', `${pay}.confirm`, 'email'],
  ['a threshold of 0', `${pay}.approval.threshold`, 0],
  ['a threshold as text', `${pay}.approval.threshold`, '1'],
  ['a threshold with a fraction', `${pay}.approval.threshold`, 1.5],
  ['an approval of nobody', `${pay}.approval.of`, []],
  ['a function without arguments', `${call}.function`, 'deposit'],
  ['a function with a blank', `${call}.function`, 'deposit(uint256, address)'],
  ['a selector for a function', `${call}.function`, '0xb6b55f25'],
  ['no function', `${call}.function`, ABSENT, call],
  ['an empty list of conditions', `${call}.arguments`, []],
  ['a negative index', `${call}.arguments.0.index`, -1],
  ['an index as text', `${call}.arguments.0.index`, '0'],
  ['an unknown condition', `${call}.arguments.0.kind`, 'min'],
  ['a value as a number', `${call}.arguments.1.values`, [7], `${call}.arguments.1.values.0`],
  ['an empty list of values', `${call}.arguments.1.values`, []],
  ['an empty list of beginnings', 'rules.1.startsWith', []],
  ['no beginnings', 'rules.1.startsWith', ABSENT, 'rules.1'],
  ['contracts that may be any', 'rules.2.contracts', 'any'],
  ['no contracts', 'rules.2.contracts', ABSENT, 'rules.2'],
  ['an empty list of types', 'rules.2.primaryTypes', []],
  ['no types', 'rules.2.primaryTypes', ABSENT, 'rules.2'],
  ['no audiences', 'rules.4.audiences', ABSENT, 'rules.4'],
  ['a token without a lifetime', 'rules.4.maxLifetime', ABSENT, 'rules.4'],
  ['a lifetime of 0', 'rules.4.maxLifetime', 0],
  ['a lifetime as text', 'rules.4.maxLifetime', '60'],
  ['a lifetime for ever', 'rules.4.maxLifetime', 'any'],
  ['contexts that may be any', 'rules.5.contexts', 'any'],
  ['an empty context', 'rules.5.contexts.0', ''],
  ['a context with a blank', 'rules.5.contexts.0', 'a b'],
  ['a context of 129 characters', 'rules.5.contexts.0', 'x'.repeat(129)],
  ['no contexts', 'rules.6.contexts', ABSENT, 'rules.6'],
  // Hours.
  ['hours without days', `${pay}.hours.days`, ABSENT, `${pay}.hours`],
  ['an empty list of days', `${pay}.hours.days`, []],
  ['a day in full', `${pay}.hours.days.0`, 'monday'],
  ['an hour of one digit', `${pay}.hours.from`, '9:00'],
  ['a beginning at 24:00', `${pay}.hours.from`, '24:00'],
  ['an end after 24:00', `${pay}.hours.to`, '24:01'],
  ['an hour as YAML 1.1 would read it', `${pay}.hours.from`, 540],
  ['a time zone', `${pay}.hours.zone`, 'Europe/Vienna'],
  // What a denial cannot say.
  ['hours on a deny rule', 'rules.9.hours', demands.hours],
  ['a confirmation on a deny rule', 'rules.9.confirm', 'elicitation'],
  ['an approval on a deny rule', 'rules.9.approval', demands.approval],
  ['a fee on a deny rule', 'rules.9.fee', { max: '1' }],
  ['any beginning on a deny rule', 'rules.10.startsWith', 'any'],
  ['types on a deny rule for tokens', 'rules.13.types', ['JWT']],
  ['any audience on a deny rule', 'rules.13.audiences', 'any'],
  ['a lifetime on a deny rule', 'rules.13.maxLifetime', 60],
  ['an empty list of effects on a deny rule', 'rules.9.effects', []],
  ['an empty list of contexts on a deny rule', 'rules.14.contexts', []],
  // Limits.
  ['an empty list of limits', 'limits', []],
  ['a limit without a window', 'limits.0.window', ABSENT, 'limits.0'],
  ['a window of 0', 'limits.0.window', 0],
  ['a window as text', 'limits.0.window', '1d'],
  ['a window with a fraction', 'limits.0.window', 0.5],
  ['a limit per server', 'limits.0.per', 'server'],
  ['a limit per nothing', 'limits.0.per', ABSENT, 'limits.0'],
  ['a limit of any value', 'limits.0.max', 'any'],
  ['a value as a number', 'limits.0.max', 1],
  ['a limit of no asset', 'limits.0.asset', ABSENT, 'limits.0'],
  ['a limit of any asset', 'limits.0.asset', 'any'],
  ['an asset in upper case', 'limits.0.asset', `0x${'A'.repeat(40)}`],
  ['a rate as text', 'limits.2.max', '3'],
  ['a rate of 0', 'limits.2.max', 0],
  ['a rate of an asset', 'limits.2.asset', 'native'],
  ['an unknown kind of limit', 'limits.2.kind', 'count'],
  ['copies that are unbounded', 'copies', 'unbounded'],
  // Approvers.
  ['no approver in approvers', 'approvers', {}],
  ['an approver with a capital', 'approvers.CFO', FULL.approvers.cfo],
  ['an approver without a key', 'approvers.cfo.publicKey', ABSENT, 'approvers.cfo'],
  ['an Ed25519 approver with a key of P-256', 'approvers.cfo.publicKey', '01'.repeat(64)],
  ['a P-256 approver with a compressed key', 'approvers.cto.publicKey', `02${'02'.repeat(32)}`],
  ['a P-256 approver with the first byte of a point', 'approvers.cto.publicKey', `04${'02'.repeat(64)}`],
  ['a key in upper case', 'approvers.cfo.publicKey', 'AB'.repeat(32)],
  ['an approver of another kind', 'approvers.cfo.kind', 'rsa'],
  ['an authenticator without an origin', 'approvers.ceo.origin', ABSENT, 'approvers.ceo'],
  ['an origin without TLS', 'approvers.ceo.origin', 'http://login.example.org'],
  ['an origin with a path', 'approvers.ceo.origin', 'https://login.example.org/'],
  ['an origin in upper case', 'approvers.ceo.origin', 'https://LOGIN.example.org'],
  ['a relying party for a plain key', 'approvers.cto.rpId', 'example.org'],
  ['an unknown member of the policy', 'default', 'allow'],
];

for (const [what, path, value, at = path] of REFUSED) {
  promise('P4', `a policy is refused with ${what}, and the schema says so too`, () => {
    const policy = changed(FULL, path, value);
    expect(wrong(policy)).toBe(at.replaceAll(/\.(\d+)/g, '[$1]'));
    expect(accepts(keyPolicyShape.schema, policy)).toBe(false);
  });
}

promise('P4', 'what is no policy at all is refused', () => {
  for (const policy of [null, undefined, [], 'deny', 1, {}, [FULL]]) {
    expect(keyPolicyShape.parse(policy).ok).toBe(false);
    expect(accepts(keyPolicyShape.schema, policy)).toBe(false);
  }
});

promise('P4', 'any JSON value in place of a part is read or refused, as the schema says', () => {
  const paths = REFUSED.map(([, path]) => path).filter((path) => !path.includes('note'));
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.jsonValue(), (path, value) => {
      // A schema knows no bound of exact integers.
      fc.pre(!Number.isInteger(value) || Number.isSafeInteger(value));
      const policy = changed(FULL, path, value);
      expect(keyPolicyShape.parse(policy).ok).toBe(accepts(keyPolicyShape.schema, policy));
    }),
  );
});
