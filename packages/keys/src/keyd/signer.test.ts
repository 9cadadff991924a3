import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createApprovalBook } from '../approval/approval-book.ts';
import { loadPolicy } from '../policy/load.ts';
import { openKeyRing } from '../ring/key-ring.ts';
import { openSpendLedger } from '../spend/ledger.ts';
import type { LedgerStore } from '../spend/ledger-store.ts';
import { ADA } from '../testing/open-test-keyd.ts';
import { keySpec } from '../testing/policies.ts';
import type { Gateway } from './contract.ts';
import { createSigner, type Signer } from './signer.ts';

const rule = { id: 'hello', effect: 'allow', action: 'evm.message', startsWith: ['Hello'] };
const limits = [{ kind: 'rate', id: 'one', window: 60, per: 'key', max: 1 }];
const asking = { key: 'hot', message: `0x${Buffer.from('Hello there').toString('hex')}` };
const here = new AbortController().signal;

async function signerWith(
  store: Partial<LedgerStore>,
  given: { readonly gateway?: Gateway; readonly rule?: object } = {},
): Promise<Signer> {
  const spec = keySpec(
    { rules: [{ ...rule, ...given.rule }], limits, copies: 'per-live-copy' },
    { origin: 'generated' },
  );
  const keys = { hot: spec };
  const randomBytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
  const policy = loadPolicy('hot', spec, { isolated: true });
  const clock = { now: () => new Date(0), monotonic: () => 0 };
  return createSigner({
    keys,
    policies: new Map([['hot', policy]]),
    ring: await openKeyRing({ keys, randomBytes }),
    ledger: openSpendLedger({
      store: { load: () => [], append: () => undefined, remove: () => undefined, ...store },
      limits: new Map([['hot', policy.limits]]),
      instanceKeys: new Set(),
      now: () => performance.now(),
      restarted: false,
    }),
    approvals: createApprovalBook({ ...clock, randomBytes, limit: 1, limitEach: 1 }),
    manifestDigest: 'ab'.repeat(48),
    isSimulated: false,
    gateway: () => given.gateway,
    now: clock.now,
    confirmMs: 20,
  });
}

promise('P4', 'what could not be kept is not answered, and does not count', async () => {
  let isFull = true;
  const signer = await signerWith({
    append: () => {
      if (isFull) throw new Error('no space left');
    },
  });
  await expect(signer.use('evm.signMessage', asking, ADA, here)).rejects.toMatchObject({ code: 'ledger.unavailable' });
  isFull = false;
  expect(await signer.use('evm.signMessage', asking, ADA, here)).toMatchObject({
    signature: expect.stringMatching(/^0x[0-9a-f]{130}$/),
  });
  await expect(signer.use('evm.signMessage', asking, ADA, here)).rejects.toMatchObject({ code: 'policy.limit' });
});

promise('P4', 'the answer leaves only after the reservation is durable', async () => {
  const order: string[] = [];
  const signer = await signerWith({ append: () => void order.push('durable') });
  await signer.use('evm.signMessage', asking, ADA, here).then(() => order.push('answered'));
  expect(order).toEqual(['durable', 'answered']);
});

test('a failure to ask who runs refuses', async () => {
  const gateway: Gateway = {
    runningTools: () => Promise.reject(new Error('gone')),
    confirm: async () => 'accepted',
  };
  const signer = await signerWith({}, { gateway, rule: { tools: ['send'] } });
  await expect(signer.use('evm.signMessage', asking, ADA, here)).rejects.toThrow('gone');
});

test.each<[string, Gateway['confirm']]>([
  ['never answers', () => new Promise(() => undefined)],
  ['fails', () => Promise.reject(new Error('a fault'))],
])('a gateway that %s is a user who did not agree', async (_name, confirm) => {
  const signer = await signerWith(
    {},
    { gateway: { runningTools: () => [], confirm }, rule: { confirm: 'elicitation' } },
  );
  await expect(signer.use('evm.signMessage', asking, ADA, here)).rejects.toMatchObject({
    code: 'policy.not-confirmed',
    details: { rule: 'hello' },
  });
});

test('nobody is asked for a server that has gone', async () => {
  const gone = AbortSignal.abort();
  const gateway: Gateway = { runningTools: () => [], confirm: async () => 'accepted' };
  const signer = await signerWith({}, { gateway, rule: { confirm: 'elicitation' } });
  await expect(signer.use('evm.signMessage', asking, ADA, gone)).rejects.toMatchObject({ rpcCode: expect.any(Number) });
  expect(await signer.use('evm.signMessage', asking, ADA, here)).toMatchObject({ signature: expect.any(String) });
});
