/**
 * Keys with policies, and requests to them, for tests.
 *
 * @module
 */
import { type KeyPolicy, type KeySpec, keysShape } from '@vitrine/documents';
import type { Asker, Effect, Intent } from '../intent.ts';
import { loadPolicy } from '../policy/load.ts';
import type { LoadedPolicy } from '../policy/loaded-policy.ts';

/** `0x` and 40 times the digit. */
export function address(digit: string): string {
  return `0x${digit.repeat(40)}`;
}

export const ALICE: string = address('a');
export const BOB: string = address('b');
export const TOKEN: string = address('1');
export const NFT: string = address('2');
export const VAULT: string = address('3');
export const SOLANA_ALICE = 'So11111111111111111111111111111111111111112';
export const SOLANA_BOB = 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA';

/** A key of the shape that manifests demand. @throws Error where it is not. */
export function keySpec(policy: unknown, members: Readonly<Record<string, unknown>> = {}): KeySpec {
  const spec = { origin: 'derived', algorithm: 'secp256k1', version: 1, policy, ...members };
  const parsed = keysShape.parse({ hot: spec });
  if (!parsed.ok) throw new Error(parsed.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n'));
  return parsed.value['hot'] as KeySpec;
}

export function load(policy: unknown, members: Readonly<Record<string, unknown>> = {}): LoadedPolicy {
  return loadPolicy('hot', keySpec(policy, members), { isolated: true });
}

/** A policy with these rules alone. */
export function rules(...written: readonly Readonly<Record<string, unknown>>[]): LoadedPolicy {
  return load({ rules: written });
}

export const pay = (max = '1000000000000000000'): KeyPolicy['rules'][number] => ({
  id: 'pay-small',
  effect: 'allow',
  action: 'evm.transaction',
  chains: ['eip155:1'],
  effects: [{ kind: 'native-transfer', to: [ALICE], max }],
  fee: { max: '1000' },
});

export const asker: Asker = { instance: 'i1', principal: 'ada', tools: ['send'], isolated: true };
/** A Wednesday. */
export const NOON: Date = new Date('2026-11-18T12:00:00Z');

export function transaction(effects: readonly Effect[], more: Readonly<Record<string, unknown>> = {}): Intent {
  return {
    action: 'evm.transaction',
    bytes: new Uint8Array(0),
    chain: 'eip155:1',
    nonce: 0n,
    effects,
    fee: 1000n,
    ...more,
  } as Intent;
}

export function send(amount: bigint, to: string = ALICE): Effect {
  return { kind: 'native-transfer', to, amount };
}
