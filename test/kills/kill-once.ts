/**
 * Starts the key service, lets 16 servers sign and store at once, kills it with SIGKILL at a random moment,
 * and compares what it left with what it had acknowledged.
 *
 * Each transaction has an amount of its own, so each reservation says whose it is. What a caller was waiting
 * for when the service was killed may have become durable or not; everything else is exact.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recoverTransactionAddress, serializeTransaction } from 'viem';
import { type KeyClient, KeyServiceError, keyClient } from '../../packages/keys/src/server/key-client.ts';
import { admitServer, openTestKeyd } from '../../packages/keys/src/testing/open-test-keyd.ts';
import { readState } from './read-state.ts';
import { BUDGET, BUDGET_ID, CALLERS, CHAIN, GAS, GAS_PRICE, MANIFEST, PAYEE } from './subject.ts';

const SERVICE = fileURLToPath(new URL('service.ts', import.meta.url));
/** What is loaded is the same each time. */
const CACHE = mkdtempSync(join(tmpdir(), 'vitrine-kills-cache-'));
process.once('exit', () => rmSync(CACHE, { recursive: true, force: true }));
/** One document for each so many signatures of a caller. */
const SIGNATURES_PER_DOCUMENT = 3;
/** A batch of signatures and its commit take a few milliseconds. */
const MOST_DELAY_MS = 8;
/** Some services are killed after the budget was used up. */
const MOST_ACKNOWLEDGED = 70;

export interface Killed {
  readonly signatures: number;
  readonly documents: number;
  readonly refused: number;
  /** Reservations of signatures that did not arrive any more. */
  readonly unacknowledged: number;
}

/** What one caller has been told. */
export interface Caller {
  readonly asked: Set<bigint>;
  readonly signed: Map<bigint, string>;
  readonly refused: Set<bigint>;
  /** Number of the last document that was acknowledged; each is the version that it must have. */
  stored: number;
}

/** @throws AssertionError for whatever is not exact. */
export async function killOnce(): Promise<Killed> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-kills-'));
  try {
    const callers = await runUntilKilled([directory], call);
    const unacknowledged = await checkReservations(directory, callers);
    await checkReopened(directory, callers);
    const count = (of: (caller: Caller) => number): number => callers.reduce((sum, caller) => sum + of(caller), 0);
    return {
      signatures: count(({ signed }) => signed.size),
      documents: count(({ stored }) => stored),
      refused: count(({ refused }) => refused.size),
      unacknowledged,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Starts the service with these arguments, lets every caller do its work, and kills it meanwhile. */
export async function runUntilKilled<T>(
  args: readonly string[],
  work: (client: KeyClient, index: number, acknowledged: () => void) => Promise<T>,
): Promise<readonly T[]> {
  const sockets = Array.from({ length: CALLERS }, () => 'pipe' as const);
  const child = spawn(
    process.execPath,
    ['--conditions=@vitrine/source', '--disable-warning=ExperimentalWarning', SERVICE, ...args],
    { env: { NODE_COMPILE_CACHE: CACHE }, stdio: ['ignore', 'ignore', 'inherit', ...sockets] },
  );
  const exit = once(child, 'exit');
  let left = randomInt(MOST_ACKNOWLEDGED);
  const acknowledged = (): void => {
    if (left-- === 0) setTimeout(() => child.kill('SIGKILL'), (randomInt(1000) / 1000) * MOST_DELAY_MS);
  };
  const ends = child.stdio.slice(3) as unknown as readonly Socket[];
  const callers = await Promise.all(ends.map((socket, index) => work(keyClient(socket), index, acknowledged)));
  assert.deepEqual(await exit, [null, 'SIGKILL'], 'the service ended by itself');
  return callers;
}

/** Signs and stores until the service is gone. */
async function call(client: KeyClient, index: number, acknowledged: () => void): Promise<Caller> {
  const caller: Caller = { asked: new Set(), signed: new Map(), refused: new Set(), stored: 0 };
  try {
    for (let turn = 1; ; turn++) {
      if ((turn + index) % (SIGNATURES_PER_DOCUMENT + 1) === 0) {
        const number = caller.stored + 1;
        const put = { collection: 'state', id: 'count', document: { number } };
        assert.equal((await client.call('store.put', put)).version, number);
        caller.stored = number;
      } else {
        await sign(client, caller, BigInt(turn * CALLERS + index));
      }
      acknowledged();
    }
  } catch (error) {
    if (!(error instanceof KeyServiceError) || error.code !== 'keys.gone') throw error;
  }
  return caller;
}

/** Each value is a transaction of its own, and an amount. */
export function transactionOf(value: bigint): { readonly transaction: string; readonly amount: bigint } {
  const transaction = serializeTransaction({
    type: 'eip1559',
    chainId: CHAIN,
    nonce: Number(value),
    gas: GAS,
    maxFeePerGas: GAS_PRICE,
    to: PAYEE,
    value,
  });
  return { transaction, amount: value + GAS * GAS_PRICE };
}

export async function sign(client: KeyClient, caller: Caller, value: bigint): Promise<void> {
  const { transaction, amount } = transactionOf(value);
  caller.asked.add(amount);
  try {
    caller.signed.set(amount, (await client.call('evm.signTransaction', { key: 'hot', transaction })).transaction);
  } catch (error) {
    if (!(error instanceof KeyServiceError) || error.code !== 'policy.limit') throw error;
    caller.refused.add(amount);
  }
}

/** The number of reservations without an acknowledged signature. */
async function checkReservations(directory: string, callers: readonly Caller[]): Promise<number> {
  const { reservations } = await readState(directory, MANIFEST);
  const serials = reservations.map(({ serial }) => serial).sort((left, right) => left - right);
  assert.deepEqual(
    serials,
    serials.map((_, index) => index + 1),
    'reservations are not 1, 2, 3, …',
  );
  const amounts = new Set<bigint>();
  for (const { key, charges } of reservations) {
    const [charge, ...more] = charges;
    assert.ok(charge !== undefined && more.length === 0 && key === 'hot' && charge.limit === BUDGET_ID);
    const amount = BigInt(charge.amount);
    assert.ok(!amounts.has(amount), `two reservations of ${amount}`);
    amounts.add(amount);
  }
  let reserved = 0;
  for (const { asked, signed, refused } of callers) {
    const own = [...asked].filter((amount) => amounts.has(amount));
    reserved += own.length;
    for (const amount of signed.keys()) assert.ok(amounts.has(amount), `no reservation of ${amount}, which was signed`);
    for (const amount of refused) assert.ok(!amounts.has(amount), `a reservation of ${amount}, which was refused`);
    // It asks for the next only when it has the one before.
    assert.ok(own.length - signed.size <= 1, 'more reservations than a caller can have waited for');
  }
  assert.equal(reserved, amounts.size, 'a reservation of what nobody asked');
  const sum = (of: Iterable<bigint>): bigint => [...of].reduce((total, amount) => total + amount, 0n);
  const spent = sum(callers.flatMap(({ signed }) => [...signed.keys()]));
  assert.ok(spent <= sum(amounts) && sum(amounts) <= BUDGET, `${spent} signed, ${sum(amounts)} reserved`);
  return amounts.size - callers.reduce((total, { signed }) => total + signed.size, 0);
}

/** The service itself, in this process: documents are there, and nothing of the budget. */
async function checkReopened(directory: string, callers: readonly Caller[]): Promise<void> {
  const keyd = await openTestKeyd(MANIFEST, { directory, genesis: false });
  try {
    for (const [index, { stored }] of callers.entries()) {
      const server = admitServer(keyd, { id: `i${index}`, principal: `user-${index}`, isolated: true });
      const place = { collection: 'state', id: 'count' };
      const found = await server.get<{ readonly document: { readonly number: number } } | null>('store.get', place);
      const number = found?.document.number ?? 0;
      assert.ok(number === stored || number === stored + 1, `document ${number} after ${stored} was acknowledged`);
      const next = await server.get<{ readonly version: number }>('store.put', { ...place, document: null });
      assert.equal(next.version, number + 1, 'a document has another version than it was acknowledged with');
    }
    const server = admitServer(keyd, { id: 'last', principal: 'user-0', isolated: true });
    const [key] = await server.get<readonly { readonly address: string }[]>('keys.list', {});
    const signed = callers.flatMap((caller) => [...caller.signed.values()]).at(-1);
    if (signed !== undefined) {
      const signer = await recoverTransactionAddress({ serializedTransaction: signed as `0x02${string}` });
      assert.equal(signer, key?.address, 'the key is another one after the restart');
    }
    const transaction = serializeTransaction({
      type: 'eip1559',
      chainId: CHAIN,
      gas: GAS,
      maxFeePerGas: 1n,
      to: PAYEE,
    });
    const { error } = await server.ask('evm.signTransaction', { key: 'hot', transaction });
    assert.equal(error?.data.code, 'policy.limit', 'the budget counts as spent after a restart');
  } finally {
    await keyd.close();
  }
}
