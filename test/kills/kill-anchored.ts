/**
 * One state under a freshness service through many lives: it is killed at random moments, started again, and older
 * copies of it are started in between. Over all of them one budget holds, and nothing acknowledged is lost.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Manifest } from '@vitrine/documents';
import type { Remembered } from '../../examples/freshness-anchor/anchor-service.ts';
import { serveAnchor } from '../../examples/freshness-anchor/server.ts';
import { type KeyClient, KeyServiceError } from '../../packages/keys/src/server/key-client.ts';
import { admitServer, openTestKeyd } from '../../packages/keys/src/testing/open-test-keyd.ts';
import { anchoredPlatform } from './anchored-platform.ts';
import { type Caller, runUntilKilled, sign, transactionOf } from './kill-once.ts';
import { type LeftState, readState } from './read-state.ts';
import { anchoredManifest, BUDGET, CALLERS } from './subject.ts';

/** So that the budget lasts for several lives. */
const DOCUMENTS_PER_SIGNATURE = 8;

export interface AnchoredLives {
  readonly kills: number;
  readonly signatures: number;
  readonly documents: number;
  readonly refused: number;
  /** Kills that fell between the disk and the anchor. */
  readonly between: number;
  /** Older copies that were started, each refused. */
  readonly olderRefused: number;
}

/** @throws AssertionError for whatever is not exact. */
export async function killAnchored(kills: number): Promise<AnchoredLives> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-kills-'));
  const anchorDirectory = mkdtempSync(join(tmpdir(), 'vitrine-kills-anchor-'));
  const copies: string[] = [];
  const service = await serveAnchor(anchorDirectory, 0);
  const manifest = anchoredManifest({ kind: 'service', url: service.url, key: service.key });
  const callers = Array.from({ length: CALLERS }, newCaller);
  let [between, olderRefused] = [0, 0];
  try {
    for (let life = 0; life < kills; life++) {
      if (life > 0) {
        const copy = mkdtempSync(join(tmpdir(), 'vitrine-kills-copy-'));
        copies.push(copy);
        cpSync(directory, copy, { recursive: true });
      }
      await runUntilKilled([directory, service.url, service.key], (client, index, acknowledged) =>
        live(client, callers[index] ?? newCaller(), index, acknowledged),
      );
      const { store, sequence, reservations } = await readState(directory, manifest);
      const { head } = JSON.parse(readFileSync(join(anchorDirectory, `${store}.json`), 'utf8')) as Remembered;
      assert.ok(sequence === head.sequence || sequence === head.sequence + 1, `${sequence} after ${head.sequence}`);
      if (sequence > head.sequence) between++;
      checkAmounts(amountsOf(reservations), callers);
      const older = copies.at(randomInt(Math.max(1, copies.length)));
      if (older !== undefined) {
        await assert.rejects(open(older, manifest), { code: 'keys.state-older' }, 'an older copy was started');
        olderRefused++;
      }
    }
    await spendTheRest(directory, manifest, callers);
    const sum = (of: (caller: Caller) => number): number => callers.reduce((all, caller) => all + of(caller), 0);
    return {
      kills,
      signatures: sum(({ signed }) => signed.size),
      documents: sum(({ stored }) => stored),
      refused: sum(({ refused }) => refused.size),
      between,
      olderRefused,
    };
  } finally {
    await service.close();
    for (const one of [directory, anchorDirectory, ...copies]) rmSync(one, { recursive: true, force: true });
  }
}

function newCaller(): Caller {
  return { asked: new Set(), signed: new Map(), refused: new Set(), stored: 0 };
}

/** A caller through one life: its document first, which may be one further than it was told. */
async function live(client: KeyClient, caller: Caller, index: number, acknowledged: () => void): Promise<Caller> {
  try {
    const place = { collection: 'state', id: 'count' };
    const found = (await client.call('store.get', place)) as { readonly document: { readonly number: number } } | null;
    const number = found?.document.number ?? 0;
    assert.ok(number === caller.stored || number === caller.stored + 1, `document ${number} after ${caller.stored}`);
    caller.stored = number;
    for (;;) {
      const next = caller.stored + 1;
      assert.equal((await client.call('store.put', { ...place, document: { number: next } })).version, next);
      caller.stored = next;
      acknowledged();
      if ((next + index) % DOCUMENTS_PER_SIGNATURE !== 0) continue;
      await sign(client, caller, BigInt((caller.asked.size + 1) * CALLERS + index));
      acknowledged();
    }
  } catch (error) {
    if (!(error instanceof KeyServiceError) || error.code !== 'keys.gone') throw error;
  }
  return caller;
}

function amountsOf(reservations: LeftState['reservations']): readonly bigint[] {
  return reservations.flatMap(({ charges }) => charges.map(({ amount }) => BigInt(amount)));
}

function checkAmounts(amounts: readonly bigint[], callers: readonly Caller[]): void {
  const reserved = new Set(amounts);
  assert.equal(reserved.size, amounts.length, 'two reservations of one amount');
  const sum = (of: Iterable<bigint>): bigint => [...of].reduce((total, amount) => total + amount, 0n);
  assert.ok(sum(reserved) <= BUDGET, `${sum(reserved)} reserved of ${BUDGET}`);
  for (const { signed, refused } of callers) {
    for (const amount of signed.keys())
      assert.ok(reserved.has(amount), `no reservation of ${amount}, which was signed`);
    for (const amount of refused) assert.ok(!reserved.has(amount), `a reservation of ${amount}, which was refused`);
  }
}

function open(directory: string, manifest: Manifest): ReturnType<typeof openTestKeyd> {
  return openTestKeyd(manifest, { directory, genesis: false, platform: anchoredPlatform() });
}

/** What is left of the budget can be used, and not more. */
async function spendTheRest(directory: string, manifest: Manifest, callers: readonly Caller[]): Promise<void> {
  const keyd = await open(directory, manifest);
  try {
    const { ask } = admitServer(keyd, { id: 'last', principal: 'user-0', isolated: true });
    for (let turn = 0, code: string | undefined; code === undefined; turn++) {
      const { transaction } = transactionOf(BigInt((1000 + turn) * CALLERS));
      code = (await ask('evm.signTransaction', { key: 'hot', transaction })).error?.data.code;
      assert.ok(code === undefined || code === 'policy.limit', code);
    }
  } finally {
    await keyd.close();
  }
  const amounts = amountsOf((await readState(directory, manifest)).reservations);
  checkAmounts(amounts, callers);
  const left = BUDGET - amounts.reduce((total, amount) => total + amount, 0n);
  assert.ok(left < (BUDGET / 60n) * 2n, `${left} of the budget could not be used`);
}
