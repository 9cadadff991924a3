import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { contextIntent } from '../context/context-bytes.ts';
import type { Effect, Intent } from '../intent.ts';
import {
  ALICE,
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
import { describeEffect, describeIntent } from './describe.ts';
import { evaluate } from './evaluate.ts';
import { explainDecision } from './explain.ts';

const bytes = new Uint8Array(0);
const cfo = { kind: 'ed25519', publicKey: '01'.repeat(32) };
const ceo = { kind: 'ed25519', publicKey: '02'.repeat(32) };
const intent = transaction([send(1_500_000_000_000_000_000n)]);
const effects = [
  `sends 1500000000000000000 wei (1.5 × 10^18) to ${ALICE} on eip155:1`,
  'pays a fee of at most 1000 wei',
];

promise('P4', 'an explanation names the decision, the rules, why, and what the request does', () => {
  const explain = (policy: Parameters<typeof evaluate>[0]): unknown =>
    explainDecision(evaluate(policy, intent, asker, NOON), intent);
  expect(explain(rules(pay('any')))).toEqual({
    decision: 'allow',
    rules: ['pay-small'],
    reason: 'allowed by pay-small',
    effects,
  });
  expect(explain(rules(pay()))).toEqual({
    decision: 'deny',
    rules: [],
    reason: 'no rule allows it; closest is pay-small: 1500000000000000000 wei is above max 1000000000000000000',
    effects,
  });
  expect(explain(rules({ ...pay('any'), confirm: 'elicitation' }))).toEqual({
    decision: 'confirm',
    rules: ['pay-small'],
    reason: 'allowed by pay-small; the user must confirm',
    effects,
  });
});

promise('P4', 'an explanation of what needs approval says who, and holds what they sign', () => {
  const policy = load({
    rules: [
      { ...pay('any'), confirm: 'elicitation', approval: { threshold: 1, of: ['cfo', 'ceo'] } },
      { ...pay('any'), id: 'second', approval: { threshold: 1, of: ['ceo'] } },
    ],
    approvers: { cfo, ceo },
  });
  const decision = evaluate(policy, intent, asker, NOON);
  const reason =
    'allowed by pay-small, second; 1 of {ceo, cfo} must approve; 1 of ceo must approve; the user must confirm';
  expect(explainDecision(decision, intent)).toEqual({
    decision: 'approve',
    rules: ['pay-small', 'second'],
    reason,
    effects,
  });
  expect(explainDecision(decision, intent, '{"a":1}')).toMatchObject({ decision: 'approve', approval: '{"a":1}' });
  expect(explainDecision(evaluate(rules(pay('any')), intent, asker, NOON), intent, '{"a":1}')).not.toHaveProperty(
    'approval',
  );
});

promise('P4', 'what people are shown says exactly what moves, from whom, to whom', () => {
  const lines: readonly (readonly [Effect, string])[] = [
    [send(0n), `sends 0 wei to ${ALICE}`],
    [send(10n ** 12n), `sends 1000000000000 wei (0.000001 × 10^18) to ${ALICE}`],
    [send(10n ** 18n), `sends 1000000000000000000 wei (1 × 10^18) to ${ALICE}`],
    [
      { kind: 'sol-transfer', to: SOLANA_ALICE, amount: 2_500_000_000n },
      `sends 2500000000 lamports (2.5 × 10^9) to ${SOLANA_ALICE}`,
    ],
    [
      { kind: 'spl-transfer', mint: SOLANA_BOB, from: SOLANA_ALICE, to: SOLANA_BOB, amount: 7n },
      `sends 7 units of the token ${SOLANA_BOB} from ${SOLANA_ALICE} to ${SOLANA_BOB}`,
    ],
    [
      { kind: 'token-transfer', token: TOKEN, from: BOB, to: ALICE, standard: 'erc20-or-erc721', amount: 7n },
      `sends 7 units of the token ${TOKEN} (or, if it is ERC-721, the one of this number) from ${BOB} to ${ALICE}`,
    ],
    [
      { kind: 'token-transfer', token: NFT, to: ALICE, standard: 'erc721', amount: 1n, id: 9n },
      `sends 1 units of the token ${NFT}, number 9, to ${ALICE}`,
    ],
    [
      { kind: 'token-approval', token: TOKEN, spender: VAULT, standard: 'erc20', amount: 7n, deadline: 99n },
      `lets ${VAULT} take 7 units of the token ${TOKEN}, until 99 seconds after 1970`,
    ],
    [
      { kind: 'token-approval', token: TOKEN, spender: VAULT, standard: 'erc20', amount: 2n ** 255n },
      `lets ${VAULT} take without limit from the token ${TOKEN}`,
    ],
    [
      { kind: 'call', contract: VAULT, selector: '0x6e553f65', data: bytes },
      `calls the function 0x6e553f65 of ${VAULT} without arguments`,
    ],
    [
      { kind: 'call', contract: VAULT, selector: '0x6e553f65', data: Uint8Array.of(1, 255) },
      `calls the function 0x6e553f65 of ${VAULT} with 0x01ff`,
    ],
    [
      { kind: 'token-approval', token: TOKEN, spender: VAULT, standard: 'erc20', amount: 2n ** 160n - 1n },
      `lets ${VAULT} take without limit from the token ${TOKEN}`,
    ],
    [
      { kind: 'token-approval', token: TOKEN, spender: VAULT, standard: 'erc20', amount: 2n ** 96n - 1n },
      `lets ${VAULT} take without limit from the token ${TOKEN}`,
    ],
  ];
  for (const [effect, line] of lines) expect(describeEffect(effect)).toBe(line);
});

promise('P4', 'texts of a request cannot pass for lines of ours', () => {
  const hostile = 'Hi"\n\u202eevil\u001b[2J\u200b\u0085\ufeff';
  const shown = (one: unknown): string => describeIntent(one as Intent).join('\n');
  for (const one of [
    { action: 'evm.message', bytes, text: hostile },
    {
      action: 'evm.typed-data',
      bytes,
      chain: 'eip155:1',
      contract: TOKEN,
      primaryType: hostile,
      effects: [],
      shown: hostile,
    },
    { action: 'jws', bytes, type: hostile, audiences: [hostile], lifetime: 1, shown: hostile },
    { action: 'sign', bytes, context: hostile },
    { action: 'decrypt', bytes, context: hostile },
    { action: 'mac', bytes, context: hostile },
  ]) {
    expect(shown(one)).toMatch(/^[\x20-\x7e×…]+$/);
    expect(shown(one)).toContain('"Hi\\"\\n\\u202eevil\\u001b[2J\\u200b\\u0085\\ufeff"');
  }
  expect(shown({ action: 'evm.message', bytes, text: 'x'.repeat(10_000) })).toMatch(
    /^signs the message "x{500}… \(10000 characters\)"$/,
  );
  expect(
    shown({
      action: 'evm.typed-data',
      bytes,
      chain: 'eip155:1',
      contract: TOKEN,
      primaryType: 'Permit',
      shown: '{}',
      effects: [send(1n)],
    }),
  ).toBe(`signs typed data "Permit" for ${TOKEN} on eip155:1: "{}"\nwith it, sends 1 wei to ${ALICE} on eip155:1`);
  expect(shown({ action: 'jws', bytes, type: 'JWT', audiences: [], lifetime: 60, shown: '{}' })).toBe(
    'signs a token of type "JWT" for no audience, valid for 60 seconds: "{}"',
  );
  expect(shown({ action: 'solana.message', bytes, chain: 'solana', signers: [], effects: [], fee: 5n })).toBe(
    'pays a fee of at most 5 lamports',
  );
});

promise('P4', 'what is signed in a context is shown, and so is a memo', () => {
  const shown = (one: Intent): string => describeIntent(one).join('\n');
  const text = new TextEncoder().encode('pay \u202e10');
  expect(shown(contextIntent('sign', 'orders', text))).toBe('signs in the context "orders": "pay \\u202e10"');
  expect(shown(contextIntent('mac', 'orders', Uint8Array.of(255)))).toBe('authenticates in the context "orders": 0xff');
  expect(shown(contextIntent('decrypt', 'orders', text))).toBe('decrypts 9 bytes in the context "orders"');
  expect(
    shown({
      action: 'solana.message',
      bytes,
      chain: 'solana',
      signers: [],
      memos: ['to account 7\n- pays nothing'],
      effects: [],
      fee: 5n,
    }),
  ).toBe('leaves the memo "to account 7\\n- pays nothing"\npays a fee of at most 5 lamports');
});

promise('P4', 'no character is left that is shown as nothing or as a blank', () => {
  for (const character of ['\u3164', '\u034f', '\u115f', '\ufe0f', '\u2003', '\u3000', '\ue000', '\u{e0041}']) {
    const [line = ''] = describeIntent({ action: 'evm.message', bytes, text: `a${character}b` });
    expect(line).toMatch(/^signs the message "a(?:\\u[0-9a-f]{4})+b"$/);
  }
});
