/** Two key services, of which one gets its root from the other; and what does not come along with it. */
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '@vitrine/documents';
import { afterAll, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Keyd, KeydOptions } from '../keyd/contract.ts';
import { anchorMemory } from '../testing/memory-anchor.ts';
import {
  admitServer,
  openTestKeyd,
  removeTemporaryDirectories,
  temporaryDirectory,
} from '../testing/open-test-keyd.ts';
import type { HandoverExchange } from './receive-app-root.ts';
import {
  application,
  bindKeyd,
  KEYS,
  NOW,
  platformFor,
  type RunningGiver,
  releaseOf,
  runGiver,
} from './testing/enclaves.ts';

afterAll(removeTemporaryDirectories);

const code = (expected: string): object => ({ code: expected });
const withKeys = (members: Partial<Manifest> = {}): Manifest => application({ keys: KEYS, ...members });
const through =
  (giver: RunningGiver): HandoverExchange =>
  async (message) => ({ answer: await giver.answer(message) });

/** A key service that gets its root from `exchange`. */
async function openReceiver(
  manifest: Manifest,
  exchange: HandoverExchange,
  changes: Partial<KeydOptions> = {},
): Promise<Keyd> {
  return openTestKeyd(manifest, {
    platform: await platformFor(manifest),
    directory: temporaryDirectory(),
    genesis: false,
    now: () => NOW,
    handover: { exchange },
    ...changes,
  });
}

const asking = { key: 'wallet', context: 'notes', message: 'AAAA' };

promise('P4', 'an equal gets the root, and with it the same keys', async () => {
  const manifest = withKeys();
  const giver = await runGiver(manifest);
  const receiver = await openReceiver(manifest, through(giver));
  expect(receiver.appRoot).toEqual({ id: giver.keyd.appRoot?.id, isNew: false });
  expect(receiver.statements.map(({ publicKey }) => publicKey)).toEqual(
    giver.keyd.statements.map(({ publicKey }) => publicKey),
  );
  expect(receiver.statements[0]?.publicKey).toBeDefined();
  expect(await receiver.volumeKey('data')).toEqual(await giver.keyd.volumeKey('data'));
});

promise('P4', 'the receiver counts the running window as spent, and the giver goes on', async () => {
  const manifest = withKeys();
  const giver = await runGiver(manifest);
  const receiver = await openReceiver(manifest, through(giver));
  const refusal = (await admitServer(receiver).ask('sign', asking)).error?.data;
  expect(refusal).toEqual({ code: 'policy.limit', rule: 'ten' });
  expect((await admitServer(giver.keyd).ask('sign', asking)).result).toBeDefined();
});

promise('P4', 'old to new by a signed release, and never back', async () => {
  const from = withKeys();
  const to = withKeys({ number: 2 });
  const old = await runGiver(from);
  const release = await releaseOf(from, to);
  const next = await openReceiver(to, through(old), { release });
  expect(next.appRoot?.id).toBe(old.keyd.appRoot?.id);
  expect(next.statements.map(({ publicKey }) => publicKey)).toEqual(
    old.keyd.statements.map(({ publicKey }) => publicKey),
  );
  await bindKeyd(next);
  const given: HandoverExchange = async (message) => ({ answer: (await next.handover?.answer(message)) ?? '' });
  await expect(openReceiver(from, given)).rejects.toMatchObject(code('handover.number'));
  const again = await openReceiver(to, given);
  expect(again.appRoot?.id).toBe(old.keyd.appRoot?.id);
});

promise('P4', 'an unsigned release gets nothing, and leaves nothing behind', async () => {
  const from = withKeys();
  const to = withKeys({ number: 2 });
  const directory = temporaryDirectory();
  const giver = await runGiver(from);
  const release = await releaseOf(from, to, {}, []);
  await expect(openReceiver(to, through(giver), { release, directory })).rejects.toMatchObject(
    code('handover.manifest'),
  );
  expect(readdirSync(directory)).toEqual([]);
});

promise('P4', 'what was received is wrapped for this platform, and opens after a restart', async () => {
  const manifest = withKeys();
  const directory = temporaryDirectory();
  const giver = await runGiver(manifest);
  const first = await openReceiver(manifest, through(giver), { directory });
  const { id } = first.appRoot ?? {};
  await first.close();
  const restarted = { platform: await platformFor(manifest), directory, genesis: false };
  const second = await openTestKeyd(manifest, restarted);
  expect(second.appRoot).toEqual({ id, isNew: false });
  await second.close();
  await expect(
    openTestKeyd(manifest, { ...restarted, platform: await platformFor(withKeys({ number: 7 })) }),
  ).rejects.toMatchObject(code('keys.slot-closed'));
});

promise('P4', 'a root that is there is never replaced, and nobody is asked', async () => {
  const manifest = withKeys();
  const directory = temporaryDirectory();
  const giver = await runGiver(manifest);
  const first = await openTestKeyd(manifest, { platform: await platformFor(manifest), directory });
  await first.close();
  let asked = 0;
  const exchange: HandoverExchange = async (message) => {
    asked++;
    return through(giver)(message);
  };
  await expect(openReceiver(manifest, exchange, { directory })).rejects.toMatchObject(code('keys.root-exists'));
  expect(asked).toBe(0);
  const second = await openTestKeyd(manifest, { platform: await platformFor(manifest), directory, genesis: false });
  expect(second.appRoot?.id).toBe(first.appRoot?.id);
});

promise('P4', 'a root that appears meanwhile is not replaced either', async () => {
  const manifest = withKeys();
  const directory = temporaryDirectory();
  const giver = await runGiver(manifest);
  let isThere = false;
  const exchange: HandoverExchange = async (message) => {
    if (!isThere) await openTestKeyd(manifest, { platform: await platformFor(manifest), directory });
    isThere = true;
    return through(giver)(message);
  };
  await expect(openReceiver(manifest, exchange, { directory })).rejects.toMatchObject(code('keys.root-exists'));
});

promise('P4', 'the operator’s expectation of a root is kept', async () => {
  const manifest = withKeys();
  const giver = await runGiver(manifest);
  const handover = { exchange: through(giver), expectAppRoot: '0'.repeat(64) };
  await expect(openReceiver(manifest, handover.exchange, { handover })).rejects.toMatchObject(code('handover.root'));
});

promise('P4', 'with a freshness anchor, an empty state is no start', async () => {
  const manifest = withKeys({ anchor: { kind: 'service', url: 'https://anchor.example/', key: 'ab'.repeat(32) } });
  let asked = false;
  const exchange: HandoverExchange = () => {
    asked = true;
    return Promise.reject(new Error('not asked'));
  };
  await expect(openReceiver(manifest, exchange)).rejects.toMatchObject(code('handover.store-missing'));
  expect(asked).toBe(false);
});

promise('P4', 'under a shared anchor a copied state goes on exactly, and the giver stops', async () => {
  const manifest = withKeys({ anchor: { kind: 'service', url: 'https://anchor.example/', key: 'ab'.repeat(32) } });
  const memory = anchorMemory();
  const openAnchor = async () => memory.open();
  const from = temporaryDirectory();
  const to = temporaryDirectory();
  const giver = await runGiver(manifest, { platform: { openAnchor } }, { directory: from });
  const before = admitServer(giver.keyd);
  for (let count = 0; count < 4; count++) expect((await before.ask('sign', asking)).result).toBeDefined();
  for (const name of readdirSync(from).filter((one) => one.startsWith('store.sqlite'))) {
    copyFileSync(join(from, name), join(to, name));
  }
  const platform = await platformFor(manifest, { platform: { openAnchor } });
  const receiver = await openReceiver(manifest, through(giver), { directory: to, platform });
  expect(receiver.appRoot?.id).toBe(giver.keyd.appRoot?.id);
  const after = admitServer(receiver);
  const said: unknown[] = [];
  for (let count = 0; count < 7; count++) said.push((await after.ask('sign', asking)).error?.data.code);
  expect(said).toEqual([...Array.from({ length: 6 }), 'policy.limit']);
  expect((await before.ask('sign', asking)).error?.data.code).toBe('keys.state-moved');
});

promise('P4', 'under a shared anchor a state that was copied too early is an older one', async () => {
  const manifest = withKeys({ anchor: { kind: 'service', url: 'https://anchor.example/', key: 'ab'.repeat(32) } });
  const memory = anchorMemory();
  const openAnchor = async () => memory.open();
  const from = temporaryDirectory();
  const to = temporaryDirectory();
  const giver = await runGiver(manifest, { platform: { openAnchor } }, { directory: from });
  for (const name of readdirSync(from).filter((one) => one.startsWith('store.sqlite'))) {
    copyFileSync(join(from, name), join(to, name));
  }
  expect((await admitServer(giver.keyd).ask('sign', asking)).result).toBeDefined();
  const platform = await platformFor(manifest, { platform: { openAnchor } });
  await expect(openReceiver(manifest, through(giver), { directory: to, platform })).rejects.toMatchObject(
    code('keys.state-older'),
  );
  expect(
    (await admitServer(giver.keyd, { id: 'i2', principal: 'ada', isolated: true }).ask('sign', asking)).result,
  ).toBeDefined();
});

test('genesis and a hand-over exclude each other', async () => {
  const giver = await runGiver(withKeys());
  await expect(openReceiver(withKeys(), through(giver), { genesis: true })).rejects.toMatchObject(
    code('keys.root-exists'),
  );
});

test('where nothing lasts, nothing is handed over', async () => {
  const { store, upgrade, ...manifest } = application();
  const exchange: HandoverExchange = () => Promise.reject(new Error('not asked'));
  await expect(openReceiver(manifest, exchange)).rejects.toMatchObject(code('handover.needless'));
});

promise('P4', 'without terms in its manifest an enclave gives nothing', async () => {
  const { handover, ...manifest } = withKeys();
  const keyd = await openTestKeyd(manifest, { platform: await platformFor(manifest) });
  await bindKeyd(keyd);
  expect(keyd.handover).toBeUndefined();
});

test('before its boot is bound a giver asks for patience', async () => {
  const keyd = await openTestKeyd(withKeys(), { platform: await platformFor(withKeys()) });
  await expect(keyd.handover?.answer('{}')).rejects.toMatchObject(code('busy'));
});

promise('P4', 'a failed exchange leaves no root and no temporary file', async () => {
  const directory = temporaryDirectory();
  const giver = await runGiver(withKeys());
  let count = 0;
  const exchange: HandoverExchange = async (message) => {
    if (++count === 2) throw new Error('the line is cut');
    return through(giver)(message);
  };
  await expect(openReceiver(withKeys(), exchange, { directory })).rejects.toThrow('the line is cut');
  expect(existsSync(join(directory, 'keyslots.json'))).toBe(false);
  const receiver = await openReceiver(withKeys(), through(giver), { directory });
  expect(receiver.appRoot?.id).toBe(giver.keyd.appRoot?.id);
});
