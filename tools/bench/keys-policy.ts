/**
 * The manifest of `keys.ts`: a key whose policy has 20 rules and a limit of value, and what is asked of it.
 *
 * @module
 */
import type { KeyPolicy, KeySpec, Manifest } from '@vitrine/documents';

/** A test network: the simulator signs for no other. */
export const CHAIN = 11_155_111;
export const PAYEE: string = `0x${'a'.repeat(40)}`;
/** Seconds. Short enough that reservations leave it while others come, as in a service that runs. */
const WINDOW = 5;

const address = (number: number): string => `0x${number.toString(16).padStart(40, '0')}`;
const chains = [`eip155:${CHAIN}`];

type Rule = KeyPolicy['rules'][number];

const deny = (
  id: string,
  effect: NonNullable<Extract<Rule, { effect: 'deny'; action: 'evm.transaction' }>['effects']>[number],
): Rule => ({
  id,
  effect: 'deny',
  action: 'evm.transaction',
  effects: [effect],
});
const allow = (
  id: string,
  effects: Extract<Rule, { effect: 'allow'; action: 'evm.transaction' }>['effects'],
): Rule => ({
  id,
  effect: 'allow',
  action: 'evm.transaction',
  chains,
  effects,
  fee: { max: '1000000' },
});

/** 4 that deny, 15 that allow something else, and the one that allows what is asked. */
const rules: readonly Rule[] = [
  deny('no-nft', { kind: 'nft-approval', token: 'any', spender: 'any' }),
  deny('no-allowance', { kind: 'erc20-approval', token: [address(1)], spender: 'any', max: 'any' }),
  deny('never-to-them', { kind: 'native-transfer', to: [address(2), address(3)], max: 'any' }),
  deny('no-withdrawal', { kind: 'call', contract: [address(4)], function: 'withdraw(uint256)' }),
  ...Array.from({ length: 5 }, (_, index) =>
    allow(`token-${index}`, [{ kind: 'erc20-transfer', token: [address(10 + index)], to: [address(20)], max: '1000' }]),
  ),
  ...Array.from({ length: 5 }, (_, index) =>
    allow(`deposit-${index}`, [
      {
        kind: 'call',
        contract: [address(30 + index)],
        function: 'deposit(uint256,address)',
        arguments: [{ kind: 'max', index: 0, max: '1000' }],
      },
    ]),
  ),
  ...Array.from({ length: 5 }, (_, index) =>
    allow(`friend-${index}`, [{ kind: 'native-transfer', to: [address(40 + index)], max: '1000' }]),
  ),
  allow('pay', [{ kind: 'native-transfer', to: [PAYEE], max: '1000' }]),
];

export function keyOf(origin: 'derived' | 'generated'): KeySpec {
  return {
    origin,
    algorithm: 'secp256k1',
    version: 1,
    policy: {
      rules,
      limits: [
        {
          kind: 'value',
          id: 'budget',
          window: WINDOW,
          per: 'key',
          chain: `eip155:${CHAIN}`,
          asset: 'native',
          max: '1000000000000000000',
        },
      ],
      copies: 'per-live-copy',
    },
  };
}

export function manifestOf(origin: 'derived' | 'generated'): Manifest {
  return {
    type: 'vitrine/manifest/v1',
    number: 1,
    name: 'bench',
    server: { source: { kind: 'command', command: 'bench' }, args: [], environment: {}, transport: 'stdio' },
    sandbox: 'none',
    runtime: { vitrine: '0.1.0', node: process.versions.node },
    keys: { hot: keyOf(origin) },
  };
}
