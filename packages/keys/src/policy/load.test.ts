import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ALICE, address, BOB, keySpec, NFT, SOLANA_ALICE, TOKEN, VAULT } from '../testing/policies.ts';
import { loadPolicy } from './load.ts';

/** Everything that a policy of Ethereum can say. */
const full = (): Written => ({
  rules: [
    {
      id: 'pay',
      effect: 'allow',
      action: 'evm.transaction',
      chains: ['eip155:1', 'eip155:10'],
      effects: [
        { kind: 'native-transfer', to: [ALICE], max: '1000' },
        { kind: 'erc20-transfer', token: [TOKEN], to: 'any', max: '5' },
        { kind: 'erc20-approval', token: [TOKEN], spender: [VAULT], max: '5' },
        { kind: 'nft-transfer', token: [NFT], to: [BOB], max: '1' },
        { kind: 'nft-approval', token: [NFT], spender: [BOB] },
        {
          kind: 'call',
          contract: [VAULT],
          function: 'deposit(uint256,address,bool,bytes4,int8)',
          arguments: [
            { kind: 'max', index: 0, max: '100' },
            { kind: 'in', index: 1, values: [ALICE] },
            { kind: 'in', index: 2, values: ['true'] },
            { kind: 'in', index: 3, values: ['0x01020304'] },
            { kind: 'in', index: 4, values: ['-128', '0'] },
          ],
        },
      ],
      fee: { max: '100' },
      hours: { days: ['mon', 'fri'], from: '09:00', to: '24:00' },
      tools: ['send'],
      principals: ['ada'],
      confirm: 'elicitation',
      approval: { threshold: 2, of: ['cfo', 'ceo'] },
    },
    { id: 'greet', effect: 'allow', action: 'evm.message', startsWith: ['Hello '] },
    {
      id: 'permit',
      effect: 'allow',
      action: 'evm.typed-data',
      chains: ['eip155:1'],
      contracts: [TOKEN],
      primaryTypes: ['Permit'],
      effects: [{ kind: 'erc20-approval', token: [TOKEN], spender: [VAULT], max: 'any' }],
    },
    {
      id: 'never',
      effect: 'deny',
      action: 'evm.transaction',
      effects: [{ kind: 'erc20-transfer', token: 'any', to: [BOB], max: 'any' }],
    },
  ],
  limits: [
    { id: 'daily', kind: 'value', chain: 'eip155:1', asset: 'native', max: '5000', window: 86400, per: 'key' },
    { id: 'tokens', kind: 'value', chain: 'eip155:10', asset: TOKEN, max: '50', window: 86400, per: 'tool' },
    { id: 'often', kind: 'rate', max: 10, window: 60, per: 'principal' },
  ],
  copies: 'per-live-copy',
  approvers: {
    cfo: { kind: 'ed25519', publicKey: '01'.repeat(32) },
    ceo: { kind: 'webauthn', publicKey: '02'.repeat(64), rpId: 'example.org', origin: 'https://login.example.org' },
    cto: { kind: 'p256', publicKey: '03'.repeat(64) },
  },
});

interface Written {
  rules: Record<string, unknown>[];
  limits?: Record<string, unknown>[];
  copies?: string;
  approvers?: Record<string, Record<string, unknown>>;
}
type Change = (policy: Written, members: Record<string, unknown>) => void;

const set =
  (path: string, value: unknown): Change =>
  (policy) => {
    const steps = path.split('.');
    const last = steps.pop() ?? '';
    const holder = steps.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], policy);
    const record = holder as Record<string, unknown>;
    if (value === undefined) delete record[last];
    else record[last] = value;
  };
const add =
  (list: 'rules' | 'limits', entry: Record<string, unknown>): Change =>
  (policy) => {
    policy[list]?.push(entry);
  };

const outcome = (change: Change, isolated = true): string => {
  const policy = full();
  const members: Record<string, unknown> = {};
  change(policy, members);
  try {
    loadPolicy('hot', keySpec(policy, members), { isolated });
    return 'loads';
  } catch (error) {
    return `${(error as { code?: string }).code} ${(error as Error).message}`;
  }
};

promise('P4', 'a policy that says all that policies can say loads', () => {
  expect(outcome(() => undefined)).toBe('loads');
  expect(outcome(set('rules.1.startsWith', ['Sign in:\n\tGrüße']))).toBe('loads');
});

const call = 'rules.0.effects.5';
const twoTo256 = (2n ** 256n).toString();
const message = { effect: 'allow', action: 'evm.message', startsWith: 'any' };
const limit = { kind: 'rate', max: 1, window: 60, per: 'key' };

const refused: Readonly<Record<string, readonly [change: Change, starts: string]>> = {
  'a rule id twice': [add('rules', { id: 'pay', ...message }), 'policy.duplicate keys.hot.policy.rules[4].id'],
  'a limit id twice': [add('limits', { id: 'daily', ...limit }), 'policy.duplicate keys.hot.policy.limits[3].id'],
  'an id of a rule and a limit': [
    add('limits', { id: 'pay', ...limit }),
    'policy.duplicate keys.hot.policy.limits[3].id',
  ],
  'an amount of 2^256': [
    set('rules.0.effects.0.max', twoTo256),
    'policy.amount keys.hot.policy.rules[0].effects[0].max',
  ],
  'a fee of 2^256': [set('rules.0.fee.max', twoTo256), 'policy.amount keys.hot.policy.rules[0].fee.max'],
  'a limit of 2^256': [set('limits.0.max', twoTo256), 'policy.amount keys.hot.policy.limits[0].max'],
  'a limit of 0': [set('limits.0.max', '0'), 'policy.zero keys.hot.policy.limits[0].max'],
  'a window of more than a year': [
    set('limits.0.window', 366 * 86400 + 1),
    'policy.window keys.hot.policy.limits[0].window',
  ],
  'an action for another algorithm': [
    (_, members) => Object.assign(members, { algorithm: 'p256' }),
    'policy.algorithm keys.hot.policy.rules[0].action: evm.transaction needs secp256k1, but the key is p256',
  ],
  'actions of two families': [
    add('rules', { id: 'other', effect: 'deny', action: 'sign' }),
    'policy.mixed-actions keys.hot.policy.rules[4].action: found sign beside evm.transaction',
  ],
  'a chain of Solana for Ethereum': [
    set('rules.0.chains.1', 'solana'),
    'policy.chain keys.hot.policy.rules[0].chains[1]',
  ],
  'a chain id that is none': [
    set('rules.0.chains.1', 'eip155:9223372036854775772'),
    'policy.chain keys.hot.policy.rules[0].chains[1]',
  ],
  'a limit on the wrong chain': [set('limits.0.chain', 'solana'), 'policy.chain keys.hot.policy.limits[0].chain'],
  'a limit on an asset of another chain': [
    set('limits.0.asset', SOLANA_ALICE),
    'policy.address keys.hot.policy.limits[0].asset',
  ],
  'a token of two standards': [
    set('rules.2.effects.0.token', [NFT]),
    'policy.two-readings keys.hot.policy.rules[2].effects[0].token[0]',
  ],
  'a token of two standards, once denied': [
    set('rules.3.effects.0.token', [BOB, NFT]),
    'policy.two-readings keys.hot.policy.rules[3].effects[0].token[1]',
  ],
  'a function with a dynamic type': [
    set(`${call}.function`, 'deposit(uint256,string)'),
    'policy.function keys.hot.policy.rules[0].effects[5].function',
  ],
  'a function with an alias': [
    set(`${call}.function`, 'deposit(uint,address,bool,bytes4,int8)'),
    'policy.function keys.hot.policy.rules[0].effects[5].function',
  ],
  'a function that moves tokens': [
    (policy) => {
      set(`${call}.function`, 'transfer(address,uint256)')(policy, {});
      set(`${call}.arguments`, undefined)(policy, {});
    },
    'policy.function keys.hot.policy.rules[0].effects[5].function',
  ],
  'a function with the selector of one that moves tokens': [
    (policy) => {
      // The selector of transfer(address,uint256), 0xa9059cbb, by another name.
      set(`${call}.function`, 'many_msg_babbage(bytes1)')(policy, {});
      set(`${call}.arguments`, undefined)(policy, {});
    },
    'policy.function keys.hot.policy.rules[0].effects[5].function',
  ],
  'two functions with one selector': [
    (policy) => {
      const effects = policy.rules[0]?.['effects'] as unknown[];
      // Both 0x42966c68.
      for (const name of ['burn(uint256)', 'collate_propagate_storage(bytes16)']) {
        effects.push({ kind: 'call', contract: [VAULT], function: name });
      }
    },
    'policy.two-readings keys.hot.policy.rules[0].effects[7].function',
  ],
  'an argument that the function has not': [
    set(`${call}.arguments.4.index`, 5),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[4].index',
  ],
  'two conditions on one argument': [
    set(`${call}.arguments.1.index`, 0),
    'policy.duplicate keys.hot.policy.rules[0].effects[5].arguments[1].index',
  ],
  'a maximum for an address': [
    set(`${call}.arguments.1`, { kind: 'max', index: 1, max: '1' }),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[1]',
  ],
  'a maximum for a signed number': [
    set(`${call}.arguments.4`, { kind: 'max', index: 4, max: '1' }),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[4]',
  ],
  'a maximum beyond the type': [
    set(`${call}.arguments.0.max`, twoTo256),
    'policy.amount keys.hot.policy.rules[0].effects[5].arguments[0].max',
  ],
  'an address value in upper case': [
    set(`${call}.arguments.1.values`, [ALICE.toUpperCase()]),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[1].values[0]',
  ],
  'a boolean value as a number': [
    set(`${call}.arguments.2.values`, ['1']),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[2].values[0]',
  ],
  'a value of too few bytes': [
    set(`${call}.arguments.3.values`, ['0x010203']),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[3].values[0]',
  ],
  'a number out of range': [
    set(`${call}.arguments.4.values`, ['128']),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[4].values[0]',
  ],
  'a number with a leading zero': [
    set(`${call}.arguments.4.values`, ['01']),
    'policy.argument keys.hot.policy.rules[0].effects[5].arguments[4].values[0]',
  ],
  'a list that says something twice': [
    set('rules.0.effects.0.to', [ALICE, BOB, ALICE]),
    'policy.duplicate keys.hot.policy.rules[0].effects[0].to[2]',
  ],
  'an approver twice': [
    set('rules.0.approval.of', ['cfo', 'cfo']),
    'policy.duplicate keys.hot.policy.rules[0].approval.of[1]',
  ],
  'an unknown approver': [
    set('rules.0.approval.of', ['cfo', 'cxo']),
    'policy.approver keys.hot.policy.rules[0].approval.of[1]',
  ],
  'more approvals than approvers': [
    set('rules.0.approval.threshold', 3),
    'policy.threshold keys.hot.policy.rules[0].approval.threshold',
  ],
  'the key of one approver for another': [
    set('approvers.cto.publicKey', '02'.repeat(64)),
    'policy.same-approver keys.hot.policy.approvers.cto.publicKey',
  ],
  'an origin of somebody else': [
    set('approvers.ceo.origin', 'https://login.example.com'),
    'policy.origin keys.hot.policy.approvers.ceo.origin',
  ],
  'an origin whose name only ends alike': [
    set('approvers.ceo.origin', 'https://notexample.org'),
    'policy.origin keys.hot.policy.approvers.ceo.origin',
  ],
  'hours of no length': [set('rules.0.hours.to', '09:00'), 'policy.hours keys.hot.policy.rules[0].hours'],
  'hours of a night': [set('rules.0.hours.to', '06:00'), 'policy.hours keys.hot.policy.rules[0].hours'],
  'a day twice': [set('rules.0.hours.days', ['mon', 'mon']), 'policy.duplicate keys.hot.policy.rules[0].hours.days[1]'],
  'limits that do not say what copies do': [set('copies', undefined), 'policy.copies keys.hot.policy'],
  'copies without limits': [set('limits', undefined), 'policy.copies keys.hot.policy.copies'],
  'a limit on a token that nothing moves': [
    set('limits.1.asset', VAULT),
    'policy.idle-limit keys.hot.policy.limits[1].asset',
  ],
  'a limit on a chain that no rule has': [
    set('limits.0.chain', 'eip155:5'),
    'policy.idle-limit keys.hot.policy.limits[0].asset',
  ],
  'a denied maximum': [set('rules.3.effects.0.max', '5'), 'policy.deny-max keys.hot.policy.rules[3].effects[0].max'],
  'amounts above the maximum': [
    set('rules.0.effects.0.above', '1000'),
    'policy.never-matches keys.hot.policy.rules[0].effects[0].above: found 1000, expected less than max 1000',
  ],
  'amounts above 2^256': [
    (policy) => {
      set('rules.0.effects.0.max', 'any')(policy, {});
      set('rules.0.effects.0.above', twoTo256)(policy, {});
    },
    'policy.amount keys.hot.policy.rules[0].effects[0].above',
  ],
  'denied amounts above another': [
    set('rules.3.effects.0.above', '5'),
    'policy.deny-max keys.hot.policy.rules[3].effects[0].above',
  ],
  'a denied maximum of an argument': [
    set('rules.3.effects', [
      { kind: 'call', contract: [VAULT], function: 'a(uint8)', arguments: [{ kind: 'max', index: 0, max: '1' }] },
    ]),
    'policy.deny-max keys.hot.policy.rules[3].effects[0].arguments[0]',
  ],
  'a denial that never matches': [
    set('rules.3', {
      id: 'never',
      effect: 'deny',
      action: 'evm.typed-data',
      effects: [{ kind: 'native-transfer', to: 'any', max: 'any' }],
    }),
    'policy.never-matches keys.hot.policy.rules[3].effects[0].kind',
  ],
  'a permission that never matches': [
    set('rules.2.effects.0', { kind: 'call', contract: [VAULT], function: 'a()' }),
    'policy.never-matches keys.hot.policy.rules[2].effects[0].kind',
  ],
  'a beginning that every text has': [
    set('rules.1.startsWith', ['']),
    'policy.prefix keys.hot.policy.rules[1].startsWith[0]',
  ],
  'a retired version that is not earlier': [
    (_, members) => Object.assign(members, { version: 3, retired: [1, 3] }),
    'policy.retired keys.hot.retired[1]',
  ],
  'a retired version twice': [
    (_, members) => Object.assign(members, { version: 3, retired: [1, 1] }),
    'policy.duplicate keys.hot.retired[1]',
  ],
  'a retired version of a key that is made anew': [
    (_, members) => Object.assign(members, { origin: 'generated', version: 3, retired: [1] }),
    'policy.retired keys.hot.retired',
  ],
  'too many rules': [
    (policy) => {
      policy.rules = Array.from({ length: 1001 }, (_, index) => ({ id: `r${index}`, ...message }));
    },
    'policy.size keys.hot.policy.rules',
  ],
  'too many limits': [
    (policy) => {
      policy.limits = Array.from({ length: 101 }, (_, index) => ({ id: `l${index}`, ...limit }));
    },
    'policy.size keys.hot.policy.limits',
  ],
  'a list of 100,000': [
    set(
      'rules.0.effects.0.to',
      Array.from({ length: 100_000 }, (_, index) => address('0').slice(0, 34) + String(index).padStart(8, '0')),
    ),
    'policy.size keys.hot.policy.rules[0].effects[0].to',
  ],
  'too many effects': [
    set(
      'rules.0.effects',
      Array.from({ length: 1001 }, () => ({ kind: 'native-transfer', to: 'any', max: 'any' })),
    ),
    'policy.size keys.hot.policy.rules[0].effects',
  ],
  'a limit on a token whose contract is called': [
    (policy) => {
      const effects = policy.rules[0]?.['effects'] as unknown[];
      effects.push({ kind: 'call', contract: [TOKEN], function: 'increaseApproval(address,uint256)' });
    },
    'policy.uncounted keys.hot.policy.limits[1].asset: rule "pay"',
  ],
  'a limit on a token whose contract takes typed data that is not decoded': [
    (policy) => {
      add('rules', {
        id: 'any-type',
        effect: 'allow',
        action: 'evm.typed-data',
        chains: ['eip155:10'],
        contracts: [TOKEN],
        primaryTypes: ['Approve'],
      })(policy, {});
    },
    'policy.uncounted keys.hot.policy.limits[1].asset: rule "any-type"',
  ],
  'a limit for each tool beside a rule for tools of any name': [
    add('limits', { id: 'each', ...limit, per: 'tool' }),
    'policy.unbounded-limit keys.hot.policy.limits[3].per: counts for each tool by itself, and rule',
  ],
  'a lower bound at the highest amount there is': [
    (policy) => {
      set('rules.0.effects.0.max', 'any')(policy, {});
      set('rules.0.effects.0.above', (2n ** 256n - 1n).toString())(policy, {});
    },
    'policy.never-matches keys.hot.policy.rules[0].effects[0].above',
  ],
  'a tool whose name hides something': [
    set('rules.0.tools', ['send', 'send\u202e']),
    'policy.unseen-character keys.hot.policy.rules[0].tools[1]: has U+202E',
  ],
  'a principal with a line of its own': [
    set('rules.0.principals', ['ada\n  pay: deny']),
    'policy.unseen-character keys.hot.policy.rules[0].principals[0]: has U+000A',
  ],
  'a beginning with a character that shows nothing': [
    set('rules.1.startsWith', ['Sign\u200b in']),
    'policy.unseen-character keys.hot.policy.rules[1].startsWith[0]: has U+200B',
  ],
  'more text than is read': [set('rules.1.startsWith', ['x'.repeat(1 << 20)]), 'policy.size keys.hot.policy'],
};

for (const [what, [change, starts]] of Object.entries(refused)) {
  promise('P4', `a policy does not load with ${what}`, () => {
    expect(outcome(change).slice(0, starts.length)).toBe(starts);
  });
}

const accepted: Readonly<Record<string, Change>> = {
  'two limits that differ in their ids alone': add('limits', {
    id: 'daily-again',
    kind: 'value',
    chain: 'eip155:1',
    asset: 'native',
    max: '5000',
    window: 86400,
    per: 'key',
  }),
  'the highest amount': set('rules.0.effects.0.max', (2n ** 256n - 1n).toString()),
  'an amount of 0': set('rules.0.effects.0.max', '0'),
  'amounts that leave one between them': set('rules.0.effects.0.above', '999'),
  'amounts above another, without end': (policy) => {
    set('rules.0.effects.0.max', 'any')(policy, {});
    set('rules.0.effects.0.above', '1000')(policy, {});
  },
  'earlier versions': (_, members) => Object.assign(members, { version: 3, retired: [1, 2] }),
  'a limit on native value where only fees are paid': (policy) => {
    set('rules.0.effects', [{ kind: 'erc20-transfer', token: [TOKEN], to: 'any', max: '5' }])(policy, {});
  },
};
for (const [what, change] of Object.entries(accepted)) {
  promise('P4', `a policy loads with ${what}`, () => expect(outcome(change)).toBe('loads'));
}

for (const [what, keep] of [
  ['a rule for tools', 'tools'],
  ['a rule for principals', 'principals'],
  ['a limit per tool', 'limits.1'],
  ['a limit per principal', 'limits.2'],
] as const) {
  promise('P4', `${what} does not load for a server that several callers share`, () => {
    const found = outcome((policy) => {
      for (const member of ['tools', 'principals'])
        if (member !== keep) set(`rules.0.${member}`, undefined)(policy, {});
      for (const index of [1, 2]) if (`limits.${index}` !== keep) set(`limits.${index}.per`, 'key')(policy, {});
    }, false);
    expect(found).toMatch(
      /^policy\.not-isolated keys\.hot\.policy\.(rules\[0\]\.(tools|principals)|limits\[[12]\]\.per)/,
    );
  });
}

const solana = (max: string, to = SOLANA_ALICE, asset = 'native'): string => {
  try {
    const policy = {
      rules: [
        {
          id: 'pay',
          effect: 'allow',
          action: 'solana.message',
          effects: [{ kind: 'sol-transfer', to: [to], max }],
          fee: { max: '1' },
        },
      ],
      limits: [{ id: 'daily', kind: 'value', chain: 'solana', asset, max: '1', window: 60, per: 'key' }],
      copies: 'strict',
    };
    loadPolicy('hot', keySpec(policy, { algorithm: 'ed25519' }), { isolated: false });
    return 'loads';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

promise('P4', 'amounts and addresses of Solana are those that Solana has', () => {
  expect(solana((2n ** 64n - 1n).toString())).toBe('loads');
  expect(solana((2n ** 64n).toString())).toBe('policy.amount');
  // Base58 by its letters, but of 31 bytes.
  expect(solana('1', 'E'.repeat(42))).toBe('policy.address');
  expect(solana('1', SOLANA_ALICE, SOLANA_ALICE)).toBe('policy.idle-limit');
  expect(solana('1', SOLANA_ALICE, 'E'.repeat(42))).toBe('policy.address');
});

promise('P4', 'a limit on value does not load for a key that moves none', () => {
  const policy = {
    rules: [{ id: 'all', effect: 'allow', action: 'mac', contexts: ['a'] }],
    limits: [{ id: 'daily', kind: 'value', chain: 'solana', asset: 'native', max: '1', window: 60, per: 'key' }],
    copies: 'strict',
  };
  expect(() => loadPolicy('hot', keySpec(policy, { algorithm: 'aes256' }), { isolated: true })).toThrow(
    /keys\.hot\.policy\.limits\[0\]: this key moves no value/,
  );
});

promise('P4', 'the algorithms of each family are the ones that can do it', () => {
  const loads = (algorithm: string, action: string): boolean => {
    try {
      const rule = { id: 'all', effect: 'deny', action };
      loadPolicy('hot', keySpec({ rules: [rule] }, { algorithm }), { isolated: true });
      return true;
    } catch {
      return false;
    }
  };
  const algorithms = ['secp256k1', 'ed25519', 'p256', 'x25519', 'aes256'];
  const table = [
    'evm.transaction',
    'evm.message',
    'evm.typed-data',
    'solana.message',
    'jws',
    'sign',
    'encrypt',
    'decrypt',
    'mac',
  ];
  expect(table.map((action) => [action, algorithms.filter((algorithm) => loads(algorithm, action)).join(' ')])).toEqual(
    [
      ['evm.transaction', 'secp256k1'],
      ['evm.message', 'secp256k1'],
      ['evm.typed-data', 'secp256k1'],
      ['solana.message', 'ed25519'],
      ['jws', 'ed25519 p256'],
      ['sign', 'ed25519 p256'],
      ['encrypt', 'x25519 aes256'],
      ['decrypt', 'x25519 aes256'],
      ['mac', 'aes256'],
    ],
  );
});
