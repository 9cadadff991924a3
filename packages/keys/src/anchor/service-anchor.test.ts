import { spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AnchorAccess, AnchoredHead, FreshnessAnchor } from '@vitrine/attester';
import { canonicalBytes } from '@vitrine/documents';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  anchorService,
  type Memory,
  type Remembered,
  serviceKey,
} from '../../../../examples/freshness-anchor/anchor-service.ts';
import { fileMemory } from '../../../../examples/freshness-anchor/file-memory.ts';
import { serveAnchor } from '../../../../examples/freshness-anchor/server.ts';
import { promise } from '../../../../test/promises.ts';
import { type AnchorExchange, createServiceAnchor } from './service-anchor.ts';

const STORE = 'ab'.repeat(32);
const headAt = (sequence: number, history = 'a'): AnchoredHead => ({
  sequence,
  digest: createHash('sha256').update(`${history}${sequence}`).digest('hex'),
});

function keyPair(): { readonly key: KeyObject; readonly access: AnchorAccess } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const publicKey = Uint8Array.from(Buffer.from(serviceKey(privateKey), 'hex'));
  return { key: privateKey, access: { publicKey, sign: (bytes) => Uint8Array.from(sign(null, bytes, privateKey)) } };
}

interface Fixture {
  readonly memory: Map<string, Remembered>;
  readonly exchange: AnchorExchange;
  readonly service: KeyObject;
  readonly clock: { now: number; wall: number };
  open(changes?: { store?: string; access?: AnchorAccess; exchange?: AnchorExchange; key?: string }): FreshnessAnchor;
}

const mine = keyPair();

function mapMemory(map: Map<string, Remembered>): Memory {
  return { get: async (store) => map.get(store), set: async (store, remembered) => void map.set(store, remembered) };
}

function fixture(): Fixture {
  const memory = new Map<string, Remembered>();
  const { key: service } = keyPair();
  const clock = { now: 1000, wall: 5_000_000 };
  const answer = anchorService({ memory: mapMemory(memory), privateKey: service, now: () => new Date(clock.wall) });
  const exchange: AnchorExchange = async (_method, path, body) => {
    const { status, body: text } = await answer(path, body);
    return { status, body: new TextEncoder().encode(text) };
  };
  return {
    memory,
    exchange,
    service,
    clock,
    open: (changes = {}) =>
      createServiceAnchor({
        terms: { kind: 'service', url: 'https://anchor.example', key: changes.key ?? serviceKey(service) },
        store: changes.store ?? STORE,
        access: changes.access ?? mine.access,
        exchange: changes.exchange ?? exchange,
        randomBytes: (length) => Uint8Array.from(randomBytes(length)),
        monotonic: () => clock.now,
        sleep: () => new Promise(() => undefined),
      }),
  };
}

async function failure(work: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  return work.then(
    () => ({ code: 'ok', message: '' }),
    (error: { code: string; message: string }) => ({ code: error.code, message: error.message }),
  );
}

/** The answer, changed on its way and signed again where `service` is given. */
function changed(
  { exchange, service }: Fixture,
  change: (answer: Record<string, unknown>) => Record<string, unknown>,
  signs = true,
): AnchorExchange {
  return async (...asked) => {
    const { status, body } = await exchange(...asked);
    const said = JSON.parse(new TextDecoder().decode(body)) as { answer: Record<string, unknown>; signature: string };
    const answer = change(said.answer);
    const bytes = Buffer.concat([Buffer.from('vitrine/anchor-answer/v1\0'), canonicalBytes(answer)]);
    const signature = signs ? sign(null, bytes, service).toString('base64url') : said.signature;
    return { status, body: new TextEncoder().encode(JSON.stringify({ answer, signature })) };
  };
}

describe('a freshness service', () => {
  promise('P1', 'moves from exactly where it is, and says where that is', async () => {
    const anchor = fixture().open();
    expect(await anchor.read()).toBeUndefined();
    await anchor.advance(undefined, headAt(0));
    expect(await anchor.read()).toEqual(headAt(0));
    await anchor.advance(headAt(0), headAt(1));
    expect(await anchor.read()).toEqual(headAt(1));
    for (const from of [undefined, headAt(0), headAt(1, 'b'), headAt(2)]) {
      expect((await failure(anchor.advance(from, headAt(3)))).code).toBe('anchor.conflict');
    }
    expect((await failure(anchor.advance(headAt(1), headAt(1, 'b')))).code).toBe('anchor.conflict');
    expect(await anchor.read()).toEqual(headAt(1));
    // An answer that was lost: asking again finds it done.
    await anchor.advance(headAt(0), headAt(1));
  });

  promise('P1', 'is moved by nobody but whoever has the key of the state', async () => {
    const shared = fixture();
    await shared.open().advance(undefined, headAt(0));
    const other = shared.open({ access: keyPair().access });
    expect(await failure(other.advance(headAt(0), headAt(1)))).toMatchObject({ code: 'anchor.unavailable' });
    expect((await failure(other.read())).message).toContain('status 403');
    const forged = shared.open({ access: { publicKey: mine.access.publicKey, sign: keyPair().access.sign } });
    expect((await failure(forged.advance(headAt(0), headAt(1)))).message).toContain('status 403');
    expect(shared.memory.get(STORE)?.head).toEqual(headAt(0));
    // Another state is another anchor.
    expect(await shared.open({ store: 'cd'.repeat(32) }).read()).toBeUndefined();
  });

  promise('P1', 'is moved by no question that was repeated, changed or meant for another service', async () => {
    const shared = fixture();
    const seen: [string, string][] = [];
    const recording: AnchorExchange = async (method, path, body, signal) => {
      seen.push([path, body]);
      return shared.exchange(method, path, body, signal);
    };
    const anchor = shared.open({ exchange: recording });
    await anchor.advance(undefined, headAt(0));
    await anchor.advance(headAt(0), headAt(1));
    await anchor.advance(headAt(1), headAt(2));
    const signal = new AbortController().signal;
    for (const [path, body] of seen) await shared.exchange('POST', path, body, signal);
    expect(shared.memory.get(STORE)?.head).toEqual(headAt(2));
    const [, last = ''] = seen[2] ?? [];
    const foreign = anchorService({
      memory: mapMemory(new Map([[STORE, { key: 'x', head: headAt(1) }]])),
      privateKey: keyPair().key,
      now: () => new Date(),
    });
    expect((await foreign('/v1/advance', last)).status).toBe(403);
    for (const body of [
      last.replace('"sequence":2', '"sequence":3'),
      last.replace(/"signature":"./, '"signature":"_'),
      last.replace('{"question"', '{"more":1,"question"'),
      last.slice(0, -1),
      'null',
      '[]',
      ' '.repeat(9000),
    ]) {
      expect((await shared.exchange('POST', '/v1/advance', body, signal)).status).toBeGreaterThanOrEqual(400);
    }
    expect((await shared.exchange('POST', '/v1/read', last, signal)).status).toBe(400);
    expect(shared.memory.get(STORE)?.head).toEqual(headAt(2));
  });

  test('says what time it is, less and more by what the answer took', async () => {
    const { open, clock, exchange } = fixture();
    const anchor = open({
      exchange: async (...asked) => {
        clock.now += 30;
        const answered = await exchange(...asked);
        clock.now += 70;
        return answered;
      },
    });
    expect(anchor.time?.()).toBeUndefined();
    await anchor.read();
    expect(anchor.time?.()).toEqual({ earliest: 5_000_000, latest: 5_000_100 });
    clock.now += 1000;
    expect(anchor.time?.()).toEqual({ earliest: 5_001_000, latest: 5_001_100 });
  });
});

describe('an answer', () => {
  const other = keyPair().key;
  test.each<[string, (given: Fixture) => AnchorExchange, string]>([
    ['without a valid signature', (given) => changed(given, (answer) => ({ ...answer, time: 1 }), false), 'not signed'],
    ['signed by another key', (given) => changed({ ...given, service: other }, (answer) => answer), 'not signed'],
    [
      'to another question',
      (given) => changed(given, (one) => ({ ...one, nonce: 'A'.repeat(43) })),
      'another question',
    ],
    ['about another state', (given) => changed(given, (one) => ({ ...one, store: 'cd'.repeat(32) })), 'another state'],
    ['with a member more', (given) => changed(given, (one) => ({ ...one, more: 1 })), 'malformed'],
    ['with a member less', (given) => changed(given, ({ time: _, ...one }) => one), 'malformed'],
    ['of another type', (given) => changed(given, (one) => ({ ...one, type: 'vitrine/x' })), 'malformed'],
    ['that is not JSON', () => async () => ({ status: 200, body: new TextEncoder().encode('<html>') }), 'not JSON'],
    ['that is not text', () => async () => ({ status: 200, body: Uint8Array.of(0xff) }), 'not JSON'],
    ['that is empty', () => async () => ({ status: 200, body: new Uint8Array(0) }), 'not JSON'],
    ['that is too large', () => async () => ({ status: 200, body: new Uint8Array(8193) }), '8192 bytes'],
    ['with status 500', () => async () => ({ status: 500, body: new Uint8Array(0) }), 'status 500'],
    ['with status 302', () => async () => ({ status: 302, body: new Uint8Array(0) }), 'status 302'],
    [
      'that does not come',
      () => async () => {
        throw new Error('a secret text');
      },
      'cannot be reached',
    ],
  ])('%s is none', async (_name, exchangeOf, message) => {
    const given = fixture();
    const anchor = given.open({ exchange: exchangeOf(given) });
    for (const work of [anchor.read(), anchor.advance(undefined, headAt(0))]) {
      const error = await failure(work);
      expect(error.code).toBe('anchor.unavailable');
      expect(error.message).toContain(message);
      expect(error.message).not.toContain('secret');
    }
    expect(anchor.time?.()).toBeUndefined();
  });

  promise('P1', 'of before says nothing to a question of now', async () => {
    const given = fixture();
    await given.open().advance(undefined, headAt(0));
    const kept: { status: number; body: Uint8Array }[] = [];
    const keeping: AnchorExchange = async (...asked) => {
      const answered = await given.exchange(...asked);
      kept.push(answered);
      return answered;
    };
    await given.open({ exchange: keeping }).read();
    await given.open().advance(headAt(0), headAt(1));
    const replaying = given.open({ exchange: async () => kept[0] ?? { status: 500, body: new Uint8Array(0) } });
    expect((await failure(replaying.read())).message).toContain('another question');
  });

  test('that takes too long is none, and what it was for may have happened', async () => {
    const given = fixture();
    let aborted = false;
    const anchor = createServiceAnchor({
      terms: { kind: 'service', url: 'https://anchor.example', key: serviceKey(given.service) },
      store: STORE,
      access: mine.access,
      exchange: (...asked) =>
        given.exchange(...asked).then(() => {
          asked[3].addEventListener('abort', () => {
            aborted = true;
          });
          return new Promise(() => undefined);
        }),
      randomBytes: (length) => Uint8Array.from(randomBytes(length)),
      monotonic: () => 0,
      sleep: () => new Promise((resolve) => setImmediate(resolve)),
    });
    expect((await failure(anchor.advance(undefined, headAt(0)))).message).toContain('within 10 s');
    expect(aborted).toBe(true);
    expect(given.memory.get(STORE)?.head).toEqual(headAt(0));
  });

  promise('P1', 'that contradicts itself is no confirmation', async () => {
    const given = fixture();
    const lying = given.open({ exchange: changed(given, (one) => ({ ...one, moved: true, head: headAt(9) })) });
    expect((await failure(lying.advance(undefined, headAt(0)))).code).toBe('anchor.unavailable');
    const forgetting = given.open({ exchange: changed(given, ({ head: _, ...one }) => one) });
    expect((await failure(forgetting.advance(headAt(0), headAt(1)))).code).toBe('anchor.unavailable');
  });
});

describe('the example server', () => {
  promise('P1', 'remembers over a restart, and one process has its directory', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-anchor-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const first = await serveAnchor(directory, 0);
    const open = ({ url, key }: { readonly url: string; readonly key: string }): FreshnessAnchor =>
      createServiceAnchor({
        terms: { kind: 'service', url, key },
        store: STORE,
        access: mine.access,
        exchange: async (method, path, body, signal) => {
          const response = await fetch(`${url}${path}`, { method, body, signal, redirect: 'manual' });
          return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
        },
        randomBytes: (length) => Uint8Array.from(randomBytes(length)),
        monotonic: () => performance.now(),
        sleep: () => new Promise(() => undefined),
      });
    await open(first).advance(undefined, headAt(0));
    await open(first).advance(headAt(0), headAt(1));
    expect((await fetch(`${first.url}/v1/read`)).status).toBe(404);
    expect((await fetch(`${first.url}/v1/read`, { method: 'POST', body: 'x'.repeat(9000) })).status).toBe(413);
    await first.close();
    const second = await serveAnchor(directory, 0);
    expect(second.key).toBe(first.key);
    expect(await open(second).read()).toEqual(headAt(1));
    expect((await failure(open(second).advance(headAt(0), headAt(2)))).code).toBe('anchor.conflict');
    await second.close();
    expect((await failure(open(second).read())).code).toBe('anchor.unavailable');
  });

  test('of one directory there is one, however the last one ended', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-anchor-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const first = fileMemory(directory);
    expect(() => fileMemory(directory)).toThrow('another process');
    const other = `import { fileMemory } from ${JSON.stringify(new URL('../../../../examples/freshness-anchor/file-memory.ts', import.meta.url).href)};
      try { fileMemory(${JSON.stringify(directory)}); } catch { process.exit(3); }
      process.kill(process.pid, 'SIGKILL');`;
    const run = (): { status: number | null; signal: string | null } =>
      spawnSync(process.execPath, ['--conditions=@vitrine/source', '--input-type=module', '--eval', other]);
    expect(run()).toMatchObject({ status: 3 });
    first.close();
    expect(run()).toMatchObject({ signal: 'SIGKILL' });
    fileMemory(directory).close();
  });

  test('a file of its memory that is damaged is an error, and never a state that was not seen', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-anchor-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const memory = fileMemory(directory);
    await memory.set(STORE, { key: 'k', head: headAt(1) });
    expect(await memory.get(STORE)).toEqual({ key: 'k', head: headAt(1) });
    expect(await memory.get('cd'.repeat(32))).toBeUndefined();
    writeFileSync(join(directory, `${STORE}.json`), '{');
    await expect(memory.get(STORE)).rejects.toThrow();
    memory.close();
  });
});
