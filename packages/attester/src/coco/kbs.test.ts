/**
 * Secrets from an emulated key broker, and everything that a hostile one could try.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canonicalBytes, toHex, VitrineError } from '@vitrine/documents';
import fc from 'fast-check';
import { CompactEncrypt, FlattenedEncrypt, importJWK } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type KbsFault, type KbsServerOptions, startCocoGuest, startKbs } from '../../../simulator/src/index.ts';
import { type CocoGuest, cocoGuest } from './guest.ts';
import { openBrokerJwe } from './jwe.ts';
import { type KbsOptions, kbsResource } from './kbs.ts';
import { kbsRootSecret } from './root-secret.ts';
import { createSessionKey } from './session-key.ts';

const now = (): Date => new Date('2026-11-20T10:00:00Z');
const secret = Uint8Array.from({ length: 32 }, (_, index) => index * 3);
const text = `version = "0.1.0"\nalgorithm = "sha384"\n\n[data]\n"policy.rego" = '''\nx'''\n`;
const initData = new TextEncoder().encode(text);
const PATH = 'default/vitrine/root';

let base = '';
let tdx: CocoGuest;
let sample: CocoGuest;
const guests: (() => Promise<void>)[] = [];
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vk-'));
  const shared = { directory: join(base, 'state'), now } as const;
  const real = await startCocoGuest({ ...shared, tee: 'tdx', initData, additionalEvidence: '{"nvidia":{"é":1}}' });
  const fake = await startCocoGuest({ ...shared, tee: 'sample' });
  guests.push(real.close, fake.close);
  [tdx, sample] = [cocoGuest(real.endpoint), cocoGuest(fake.endpoint)];
});
afterAll(async () => {
  for (const close of guests) await close();
  await rm(base, { recursive: true, force: true });
});

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Broker {
  readonly ask: (options?: Partial<KbsOptions>) => Promise<Uint8Array>;
  readonly options: KbsOptions;
  readonly sessions: () => number;
  readonly slept: number[];
}

async function start(options: Partial<KbsServerOptions> = {}): Promise<Broker> {
  const tee = options.tee ?? 'tdx';
  const server = await startKbs({ tee, resources: { [PATH]: secret }, policy: () => true, ...options });
  closing.push(server.close);
  const slept: number[] = [];
  const asked: KbsOptions = {
    kbs: { kind: 'url', url: server.url },
    guest: tee === 'tdx' ? tdx : sample,
    tee,
    resource: PATH,
    ...(tee === 'tdx' ? { initData: text } : { allowSample: true }),
    randomBytes,
    sleep: async (milliseconds) => {
      slept.push(milliseconds);
    },
    timeoutMs: options.fault === 'silent' ? 30 : 20_000,
  };
  return {
    ask: (changed = {}) => kbsResource({ ...asked, ...changed }),
    options: asked,
    sessions: server.sessions,
    slept,
  };
}

const code = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error instanceof VitrineError ? error.code : String(error)),
  );

describe('the handshake', () => {
  promise('P4', 'gives the resource to a TD, whatever hash the broker chooses of those it was offered', async () => {
    for (const hash of [undefined, 'sha256', 'sha384', 'sha512'] as const) {
      const { ask } = await start(hash === undefined ? {} : { hash });
      expect(await ask()).toEqual(secret);
    }
  });

  test('walks with the sample TEE where a test allows it, and nowhere else', async () => {
    const { ask } = await start({ tee: 'sample' });
    expect(await ask()).toEqual(secret);
    expect(await code(ask({ allowSample: false }))).toBe('attester.unavailable');
    expect(await code(ask({ tee: 'se' }))).toBe('attester.unavailable');
  });

  promise('P4', 'each call has a key and a session of its own', async () => {
    const keys: string[] = [];
    const { ask, sessions } = await start();
    const watched = (length: number): Uint8Array => {
      const bytes = Uint8Array.from(randomBytes(length));
      keys.push(toHex(bytes));
      return bytes;
    };
    await ask({ randomBytes: watched });
    await ask({ randomBytes: watched });
    expect(sessions()).toBe(2);
    expect(new Set(keys).size).toBe(2);
  });

  promise('P3', 'the evidence commits to nonce, key and devices', async () => {
    const seen: Uint8Array[] = [];
    const watched: CocoGuest = {
      ...tdx,
      evidence: (runtimeData) => {
        seen.push(runtimeData);
        return tdx.evidence(runtimeData);
      },
      additionalEvidence: (runtimeData) => {
        seen.push(runtimeData);
        return tdx.additionalEvidence(runtimeData);
      },
    };
    const { ask } = await start({ hash: 'sha512' });
    await ask({ guest: watched });
    expect(seen.map((one) => one.length)).toEqual([64, 64]);
    expect(seen[0]).not.toEqual(seen[1]);
    // Devices that were not in the report data are not accepted.
    const swapped = { ...tdx, additionalEvidence: async () => 'other' };
    expect(
      await code(ask({ guest: { ...swapped, evidence: () => tdx.evidence(createHash('sha512').digest()) } })),
    ).toBe('attester.refused');
  });

  promise('P4', 'the policy sees what was launched, and decides', async () => {
    const digest = toHex(Uint8Array.from(createHash('sha384').update(initData).digest()));
    const { ask } = await start({ policy: (claims) => claims.initData === digest && claims.resource === PATH });
    expect(await ask()).toEqual(secret);
    const strict = await start({ policy: () => false });
    await expect(strict.ask()).rejects.toThrow(
      /refused \/resource\/default\/vitrine\/root with HTTP status 401 \(PolicyDeny\)/,
    );
    expect(strict.slept).toEqual([]);
  });

  test('init-data that was not launched is refused by the broker', async () => {
    const { ask } = await start();
    expect(await code(ask({ initData: text.replace('x', 'y') }))).toBe('attester.refused');
  });

  test('a broker that rejects the quote is told from one that is broken', async () => {
    const { ask } = await start({ appraise: () => Promise.reject(new Error('TCB')) });
    await expect(ask()).rejects.toThrow(/refused \/attest.*AttestationError.*0\.4\.0/);
  });

  test('another resource is another answer', async () => {
    const { ask } = await start();
    await expect(ask({ resource: 'kbs:///default/vitrine/other' })).rejects.toThrow(/PluginInternalError/);
    expect(await code(ask({ resource: 'default/../root' }))).toBe('attester.resource');
  });
});

describe('hostile and failing brokers', () => {
  test.each<[KbsFault, string]>([
    ['wrong-nonce', 'attester.refused'],
    ['wrong-version', 'attester.refused'],
    ['forbidden', 'attester.refused'],
    ['unknown-hash', 'attester.hardware'],
    ['no-cookie', 'attester.hardware'],
    ['two-cookies', 'attester.hardware'],
    ['no-jwt', 'attester.hardware'],
    ['silent', 'attester.busy'],
    ['busy', 'attester.busy'],
    ['oversized', 'attester.hardware'],
    ['truncated', 'attester.hardware'],
    ['redirect', 'attester.hardware'],
    ['not-json', 'attester.hardware'],
  ])('%s: %s', async (fault, expected) => {
    const { ask } = await start({ fault });
    const error: unknown = await ask().catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: expected });
    expect(String(error)).not.toContain('canary');
  });

  const jweFaults: readonly (readonly [KbsFault, RegExp])[] = [
    ['other-key', /does not open/],
    ['rsa1_5', /"encrypted_key" has another form|"alg" is "RSA1_5"/],
    ['rsa-oaep', /"alg" is "RSA-OAEP-256"/],
    ['dir', /"encrypted_key" has another form/],
    ['ecdh-direct', /"encrypted_key" has another form/],
    ['zip', /member "zip"/],
    ['a128gcm', /"enc" is "A128GCM"/],
    ['extra-header', /member "kid"/],
    ['unprotected-header', /member "header"/],
    ['off-curve', /does not open/],
    ['p-384', /not on P-256/],
    ['changed-ciphertext', /does not open/],
    ['changed-tag', /does not open/],
    ['changed-header', /does not open|header/],
    ['short-tag', /"tag" has another form/],
  ];
  for (const [fault, reason] of jweFaults) {
    promise('P4', `a resource with the fault ${fault} is not taken`, async () => {
      const { ask } = await start({ fault });
      const error: unknown = await ask().catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'attester.hardware' });
      expect(String(error)).toMatch(reason);
      expect(String((error as Error).cause)).toBe('undefined');
    });
  }

  test('a broker with no time is asked again, a few times, and waited for in between', async () => {
    const { ask, slept } = await start({ busyFor: 2 });
    expect(await ask()).toEqual(secret);
    expect(slept).toEqual([1000, 2000]);
    const never = await start({ fault: 'busy' });
    expect(await code(never.ask({ attempts: 3 }))).toBe('attester.busy');
    expect(never.slept).toEqual([1000, 2000]);
  });

  test('a broker that is not there yet is waited for', async () => {
    const { ask, slept } = await start();
    expect(await code(ask({ kbs: { kind: 'url', url: 'http://127.0.0.1:1' } }))).toBe('attester.unavailable');
    expect(slept).toHaveLength(4);
  });

  promise('P1', 'a broker without TLS is refused: anybody on the way could choose the secret', async () => {
    const { ask } = await start();
    for (const url of ['http://broker.example', 'http://10.0.0.1:8080', 'http://127.0.0.1.example', 'ftp://a', '']) {
      expect(await code(ask({ kbs: { kind: 'url', url } })), url).toBe('attester.broker-url');
    }
    const relayed = { kind: 'url', url: 'http://127.0.0.1:8080', socketPath: join(base, 'relay') } as const;
    expect(await code(ask({ kbs: relayed }))).toBe('attester.broker-url');
  });
});

describe('a broker with TLS', () => {
  promise('P1', 'is reached through a relay that sees neither token nor evidence', async () => {
    const broker = await startKbs({ tee: 'tdx', resources: { [PATH]: secret }, policy: () => true, tls: now() });
    closing.push(broker.close);
    const passed: Uint8Array[] = [];
    const socketPath = join(base, 'out');
    const relay = createServer((client) => {
      const outside = connect(Number(new URL(broker.url).port), '127.0.0.1');
      client.on('data', (bytes) => passed.push(bytes)).on('close', () => outside.destroy());
      outside.on('error', () => client.destroy()).on('close', () => client.destroySoon());
      client.pipe(outside).pipe(client);
    });
    await new Promise<void>((resolve) => relay.listen(socketPath, resolve));
    closing.push(() => new Promise((resolve) => relay.close(() => resolve())));
    const { ask } = await start();
    const kbs = { kind: 'url', url: broker.url, socketPath } as const;
    expect(await ask({ kbs: { ...kbs, authorities: [broker.certificate ?? ''] } })).toEqual(secret);
    const seen = Buffer.concat(passed).toString('latin1');
    for (const word of ['Bearer', 'kbs-session-id', 'primary_evidence', '/kbs/v0']) expect(seen).not.toContain(word);
    expect(await code(ask({ kbs, attempts: 1 }))).toBe('attester.unavailable');
  });
});

describe('a root secret', () => {
  promise('P4', 'says who can derive it', async () => {
    const { options } = await start();
    const source = kbsRootSecret(options);
    expect(source.description).toEqual({
      kind: 'kbs',
      boundTo: `the resource ${PATH} of the key broker ${options.kbs.url} and its policy`,
      derivableBy: ['the administrator of the key broker', 'any guest that its policy admits'],
      survivesUpgrade: true,
      sharedByReplicas: true,
    });
    expect(await source.secret()).toEqual(secret);
    expect(await source.secret()).toEqual(secret);
  });

  promise('P4', 'has exactly 32 bytes', async () => {
    for (const length of [0, 31, 33, 64]) {
      const { options } = await start({ resources: { [PATH]: new Uint8Array(length).fill(7) } });
      await expect(kbsRootSecret(options).secret()).rejects.toThrow(`has ${length} bytes`);
    }
  });
});

describe('the JWE by itself', () => {
  const { privateKey, publicKey } = createSessionKey(randomBytes);

  test('what an independent implementation encrypts opens', async () => {
    const key = await importJWK({ ...publicKey }, 'ECDH-ES+A256KW');
    const jwe = await new FlattenedEncrypt(secret)
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
      .encrypt(key);
    expect(await openBrokerJwe(canonicalBytes(jwe), privateKey)).toEqual(secret);
    const compact = await new CompactEncrypt(secret)
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
      .encrypt(key);
    expect(await code(openBrokerJwe(new TextEncoder().encode(compact), privateKey))).toBe('attester.hardware');
    const bound = await new FlattenedEncrypt(secret)
      .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
      .setAdditionalAuthenticatedData(secret)
      .encrypt(key);
    expect(await code(openBrokerJwe(canonicalBytes(bound), privateKey))).toBe('attester.hardware');
  });

  test('any text is refused with a code', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (body) => {
        expect(await code(openBrokerJwe(new TextEncoder().encode(body), privateKey))).toBe('attester.hardware');
      }),
    );
  });

  test('a source of randomness that gives nothing gives no key', () => {
    expect(() => createSessionKey((length) => new Uint8Array(length))).toThrow(TypeError);
  });
});
