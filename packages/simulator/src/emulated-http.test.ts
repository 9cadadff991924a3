/**
 * What all emulated services have in common, and the TD that they quote with.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cocoGuest, dstackAgent, dstackRootSecret, kbsResource } from '@vitrine/attester';
import { toHex } from '@vitrine/documents';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { cocoRegisters, startCocoGuest } from './coco/guest-server.ts';
import { startKbs } from './coco/kbs-server.ts';
import { startDstackAgent } from './dstack/agent-server.ts';
import { openSimulator } from './simulator.ts';

const now = (): Date => new Date('2026-11-20T10:00:00Z');
const appCompose = new TextEncoder().encode('{}');
let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 've-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

test('the path of a socket has a length that every system takes', async () => {
  const socketPath = join(base, 'x'.repeat(101));
  const started = startDstackAgent({ socketPath, version: '0.6', directory: join(base, 'a'), appCompose, now });
  await expect(started).rejects.toMatchObject({ code: 'simulator.socket-path' });
});

test('an agent that ends lets its socket go, whoever is connected, and can be started again', async () => {
  const socketPath = join(base, 's');
  for (let round = 0; round < 2; round++) {
    const server = await startDstackAgent({ socketPath, version: '0.6', directory: join(base, 'a'), appCompose, now });
    const idle = connect(socketPath);
    await new Promise((resolve) => idle.once('connect', resolve));
    await server.close();
    await expect(stat(socketPath)).rejects.toMatchObject({ code: 'ENOENT' });
  }
});

promise('P4', 'a restarted machine has the same root secret, one of another state directory does not', async () => {
  const secretOf = async (directory: string): Promise<string> => {
    const socketPath = join(base, 'r');
    const server = await startDstackAgent({ socketPath, version: '0.6', directory, appCompose, now });
    const source = await dstackRootSecret(dstackAgent({ kind: 'unix', path: socketPath }), 'weather');
    const secret = toHex(await source.secret());
    await server.close();
    return secret;
  };
  const first = await secretOf(join(base, 'a'));
  expect(await secretOf(join(base, 'a'))).toBe(first);
  expect(await secretOf(join(base, 'b'))).not.toBe(first);
  expect((await stat(join(base, 'a', 'dstack-kms-root'))).mode & 0o777).toBe(0o600);
});

promise('P7', 'a TD that was measured elsewhere has the registers that it was given, and no others', async () => {
  const simulator = await openSimulator({ directory: join(base, 'a'), now, release: '0.1.0' });
  const registers = cocoRegisters();
  const mrConfigId = Uint8Array.from(randomBytes(48));
  const quote = await simulator.launchMeasured(registers, mrConfigId).quote(new Uint8Array(64));
  expect(toHex(quote.subarray(184, 232))).toBe(registers.mrtd);
  expect(quote.subarray(232, 280)).toEqual(mrConfigId);
  expect(toHex(quote.subarray(520, 568))).toBe(registers.rtmr3);
  const plain = await simulator.launchMeasured(registers).quote(new Uint8Array(64));
  expect(plain.subarray(232, 280)).toEqual(new Uint8Array(48));
  await expect(simulator.launchMeasured(registers).quote(new Uint8Array(63))).rejects.toMatchObject({
    code: 'simulator.report-data',
  });
});

test('a broker gives in one session what it gave first', async () => {
  const guest = await startCocoGuest({ directory: join(base, 'a'), now, tee: 'sample' });
  const broker = await startKbs({ tee: 'sample', resources: { 'a/b/c': Uint8Array.of(1) }, policy: () => true });
  const resource = await kbsResource({
    kbs: { kind: 'url', url: broker.url },
    guest: cocoGuest(guest.endpoint),
    tee: 'sample',
    allowSample: true,
    resource: 'a/b/c',
    randomBytes,
    sleep: async () => undefined,
  });
  expect(resource).toEqual(Uint8Array.of(1));
  expect(broker.sessions()).toBe(1);
  const unknown = await fetch(`${broker.url}/kbs/v0/resource/a/b/c`, { headers: { cookie: 'kbs-session-id=00' } });
  expect(unknown.status).toBe(401);
  expect(await unknown.json()).toMatchObject({ type: expect.stringMatching(/\/TokenNotFound$/) as string });
  await broker.close();
  await guest.close();
});
