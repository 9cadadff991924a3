import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Intent } from '../intent.ts';
import { gateway } from '../testing/open-test-keyd.ts';
import { VAULT } from '../testing/policies.ts';
import { confirmRequest, questionFor } from './confirm-request.ts';

const key = { name: 'hot', algorithm: 'secp256k1', version: 1, address: VAULT };
const bytes = new Uint8Array(0);
const typed = (shown: string): Intent => ({
  action: 'evm.typed-data',
  bytes,
  chain: 'eip155:1',
  contract: VAULT,
  primaryType: 'Bet',
  effects: [],
  shown,
});

promise('P4', 'a question hides nothing of what is signed behind a long beginning', () => {
  const padding = 'x'.repeat(2_000);
  const asked = (intent: Intent): string => questionFor(intent, key, 'bet');
  expect(asked(typed(`{"note":"${padding}","stake":"everything"}`))).toContain('everything');
  expect(asked({ action: 'evm.message', bytes, text: `${padding} I give everything` })).toContain('I give everything');
  const data = new Uint8Array(512).fill(0xab);
  const call = { kind: 'call', contract: VAULT, selector: '0x6e553f65', data } as const;
  const transaction: Intent = {
    action: 'evm.transaction',
    bytes,
    chain: 'eip155:1',
    nonce: 0n,
    effects: [call],
    fee: 1n,
  };
  expect(asked(transaction)).toContain('ab'.repeat(512));
});

promise('P4', 'what is too long for a person is not asked, and not signed', async () => {
  const people = gateway('accepted');
  const asked = confirmRequest({
    gateway: people,
    instance: 'i1',
    intent: typed('x'.repeat(20_000)),
    key,
    rule: 'bet',
    signal: new AbortController().signal,
    timeoutMs: 1000,
  });
  await expect(asked).rejects.toMatchObject({ code: 'policy.not-confirmed' });
  expect(people.questions).toEqual([]);
});
