/**
 * What is killed: a key with a limit of value, a store for documents, and their directory.
 *
 * @module
 */
import type { AnchorTerms, Manifest } from '@vitrine/documents';
import { manifestWith } from '../../packages/keys/src/testing/open-test-keyd.ts';

export const CALLERS = 16;
/** A test network. */
export const CHAIN = 11_155_111;
export const PAYEE: `0x${string}` = `0x${'a'.repeat(40)}`;
export const GAS = 21_000n;
export const GAS_PRICE = 10n;
/** Less than what all callers ask for when they are left alone, so that some meet it. */
export const BUDGET: bigint = 60n * GAS * GAS_PRICE;
export const BUDGET_ID = 'budget';

export const MANIFEST: Manifest = manifestWith({
  store: 'sealed',
  keys: {
    hot: {
      origin: 'derived',
      algorithm: 'secp256k1',
      version: 1,
      policy: {
        rules: [
          {
            id: 'pay',
            effect: 'allow',
            action: 'evm.transaction',
            chains: [`eip155:${CHAIN}`],
            effects: [{ kind: 'native-transfer', to: [PAYEE], max: 'any' }],
            fee: { max: 'any' },
          },
        ],
        limits: [
          {
            kind: 'value',
            id: BUDGET_ID,
            window: 86_400,
            per: 'key',
            chain: `eip155:${CHAIN}`,
            asset: 'native',
            max: `${BUDGET}`,
          },
        ],
        copies: 'per-live-copy',
      },
    },
  },
});

/** The same with an anchor, so that its limits are exact over restarts. */
export function anchoredManifest(anchor: AnchorTerms): Manifest {
  const { hot } = MANIFEST.keys ?? {};
  if (hot === undefined) throw new TypeError('the manifest has no key');
  return { ...MANIFEST, anchor, keys: { hot: { ...hot, policy: { ...hot.policy, copies: 'strict' } } } };
}
