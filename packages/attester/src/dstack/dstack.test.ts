/**
 * The dstack guest agent, as an emulated one answers, and as a real one did.
 *
 * @module
 */
import { createHash, hkdfSync } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex, VitrineError } from '@vitrine/documents';
import { renderAppCompose } from '@vitrine/documents/launch';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector } from '../../../../test/vectors.ts';
import { type DstackAgentOptions, type DstackAgentServer, startDstackAgent } from '../../../simulator/src/index.ts';
import { authenticateEventLog } from '../../../verifier/src/eventlog/authenticate.ts';
import { parseEventLog } from '../../../verifier/src/eventlog/parse.ts';
import { type DstackAgent, dstackAgent, dstackEndpoint, findDstackSocket } from './agent.ts';
import { dstackQuoteSource, requireComposeEvent, requireComposeNames, runningAppCompose } from './quote-source.ts';
import { dstackRootSecret } from './root-secret.ts';

const now = (): Date => new Date('2026-11-20T10:00:00Z');
const DIGEST = 'ab'.repeat(48);
const IMAGE = `registry.example/vitrine@sha256:${'cd'.repeat(32)}`;

function composeFor(manifestDigest: string, name = 'weather'): Uint8Array<ArrayBuffer> {
  return renderAppCompose({
    name,
    compose: {
      services: {
        vitrine: {
          image: IMAGE,
          environment: { VITRINE_MANIFEST_DIGEST: manifestDigest },
          volumes: ['/var/run/dstack.sock:/var/run/dstack.sock'],
        },
      },
    },
    settings: { key_provider: 'kms' },
  });
}

/** Part of what keeps a root readable: another path is another secret. */
const ROOT_PATH = ['vitrine', 'root', 'v1', 'weather'].join('/');
const compose = composeFor(DIGEST);
let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vd-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const running: DstackAgentServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.close();
});

let used = 0;
async function start(
  options: Partial<DstackAgentOptions> = {},
): Promise<DstackAgentServer & { readonly agent: DstackAgent }> {
  const server = await startDstackAgent({
    socketPath: join(base, `s${used++}`),
    version: '0.6',
    directory: join(base, 'state'),
    appCompose: compose,
    now,
    ...options,
  });
  running.push(server);
  return {
    ...server,
    agent: dstackAgent({ kind: 'unix', path: server.socketPath }, options.fault === 'silent' ? 30 : 20_000),
  };
}

const reportData = Uint8Array.from({ length: 64 }, (_, index) => index);
const code = (asked: Promise<unknown>): Promise<string> =>
  asked.then(
    () => 'answered',
    (error: unknown) => (error instanceof VitrineError ? error.code : String(error)),
  );

describe.each(['0.6', '0.5'] as const)('an agent of release %s', (version) => {
  promise('P3', 'quotes exactly the report data, and its log leads to RTMR3 and to the app-compose', async () => {
    const { agent, registers } = await start({ version });
    const source = dstackQuoteSource(agent);
    const quote = await source.quote(reportData);
    expect(toHex(quote.subarray(568, 632))).toBe(toHex(reportData));
    expect(toHex(quote.subarray(520, 568))).toBe(registers().rtmr3);
    const eventLog = await source.eventLog?.();
    if (eventLog === undefined) throw new Error('no event log');
    const { rtmr0, rtmr1, rtmr2, rtmr3 } = registers();
    const { checks, events } = await authenticateEventLog(
      parseEventLog(eventLog),
      { rtmr0, rtmr1, rtmr2, rtmr3 },
      {
        log: 'required',
        rtmrs: 'all',
        pcrs: ['pcr0'],
        secureBoot: 'any',
        applicationEvents: 'refused',
        launchEvents: 'any',
        digests: 'any',
      },
      'the simulator',
    );
    expect(checks.filter(({ status }) => status !== 'passed')).toEqual([]);
    const measured = events?.find(({ name }) => name === 'compose-hash');
    expect(measured?.origin).toBe('platform');
    expect(measured?.payload).toBe(createHash('sha256').update(compose).digest('hex'));
    const launch = await source.launch?.();
    expect(launch?.kind).toBe('app-compose');
    expect(launch?.bytes).toEqual(compose);
  });

  promise('P4', 'derives 32 bytes as dstack does, the same for every app-compose of one application', async () => {
    const first = await start({ version });
    const upgraded = await start({ version, appCompose: composeFor('cd'.repeat(48)), appId: first.appId });
    const foreign = await start({ version, appCompose: composeFor('ef'.repeat(48)) });
    const [one, same, other] = await Promise.all(
      [first, upgraded, foreign].map(async ({ agent }) => (await dstackRootSecret(agent, 'weather')).secret()),
    );
    expect(one).toHaveLength(32);
    expect(same).toEqual(one);
    expect(other).not.toEqual(one);
    const root = await readFile(join(base, 'state', 'dstack-kms-root'));
    const info = Buffer.concat([Buffer.from(first.appId, 'hex'), Buffer.from('app-key')]);
    const app = new Uint8Array(hkdfSync('sha256', root, 'RATLS', info, 32));
    expect(one).toEqual(new Uint8Array(hkdfSync('sha256', app, 'RATLS', ROOT_PATH, 32)));
    expect(await (await dstackRootSecret(first.agent, 'other')).secret()).not.toEqual(one);
  });
});

test('a release says its version from 0.5.7 on', async () => {
  expect(await (await start({ version: '0.6' })).agent.version()).toBe('0.6.0');
  expect(await (await start({ version: '0.5' })).agent.version()).toBeUndefined();
});

promise('P3', 'what an application of 0.5 adds to RTMR3 later does not stand for the platform', async () => {
  const { agent, socketPath, registers } = await start({ version: '0.5' });
  const before = registers().rtmr3;
  const { exchange } = await import('../http-exchange.ts');
  const forged = toHex(createHash('sha256').update('forged').digest());
  await exchange(
    { kind: 'unix', path: socketPath },
    {
      method: 'POST',
      path: '/EmitEvent',
      json: JSON.stringify({ event: 'compose-hash', payload: forged }),
      maxBytes: 100,
      timeoutMs: 10_000,
      service: 'the agent',
      refused: () => new VitrineError('test', 'refused'),
    },
  );
  expect(registers().rtmr3).not.toBe(before);
  expect(await code(dstackQuoteSource(agent).quote(reportData))).toBe('answered');
});

describe('refusals', () => {
  promise('P3', 'report data has exactly 64 bytes, although the agent would take fewer', async () => {
    const { agent } = await start();
    for (const length of [0, 32, 63, 65]) {
      expect(await code(agent.quote(new Uint8Array(length)))).toBe('attester.report-data');
    }
  });

  test.each([
    ['silent', 'attester.busy'],
    ['busy', 'attester.busy'],
    ['oversized', 'attester.hardware'],
    ['truncated', 'attester.hardware'],
    ['redirect', 'attester.hardware'],
    ['not-json', 'attester.hardware'],
    ['other-report-data', 'attester.hardware'],
    ['no-tdx', 'attester.hardware'],
    ['other-compose', 'attester.hardware'],
    ['unequal-compose', 'attester.hardware'],
    ['hidden-compose', 'attester.hardware'],
    ['compose-measured-twice', 'attester.hardware'],
    ['late-compose', 'attester.hardware'],
    ['never-ready', 'attester.hardware'],
  ] as const)('an agent with the fault %s gives no evidence: %s', async (fault, expected) => {
    const { agent } = await start({ fault });
    const source = dstackQuoteSource(agent);
    expect(await code(source.quote(reportData))).toBe(expected);
    expect(await source.eventLog?.()).toBeUndefined();
  });

  test('a machine without TDX is named', async () => {
    const { agent } = await start({ fault: 'no-tdx' });
    await expect(dstackQuoteSource(agent).quote(reportData)).rejects.toThrow(/no TDX quote.*emulated dstack/);
  });

  promise('P4', 'a key of another length is refused, and no error has a key in it', async () => {
    const { agent } = await start({ fault: 'short-key' });
    const key = await (await start()).agent.key(ROOT_PATH, 'any');
    const error: unknown = await (await dstackRootSecret(agent, 'weather')).secret().catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'attester.hardware' });
    expect(String(error)).toContain('31 bytes');
    expect(String(error)).not.toContain(toHex(key.subarray(1)));
    const refused: unknown = await (await start({ fault: 'not-json' })).agent
      .key('a', 'b')
      .catch((cause: unknown) => cause);
    expect(String(refused)).not.toContain('canary');
  });

  test('the name of an application cannot lead to the path of another', async () => {
    const { agent } = await start();
    for (const name of ['', 'a/b', '../a', '.', 'a\n', 'é', 'a'.repeat(65)]) {
      expect(await code(dstackRootSecret(agent, name))).toBe('attester.app-name');
    }
  });
});

describe('what a root secret says of itself', () => {
  promise('P4', 'of the key server: three who can derive it', async () => {
    const { agent, appId } = await start();
    const { description } = await dstackRootSecret(agent, 'weather');
    expect(description).toMatchObject({ kind: 'dstack-kms', survivesUpgrade: true, sharedByReplicas: true });
    expect(description.boundTo).toContain(appId);
    expect(description.derivableBy).toEqual([
      'whoever holds the root of the dstack key server',
      'any app-compose that the owner of the dstack application allows',
      'any process in this machine with the guest agent socket',
    ]);
  });

  promise('P4', 'of a key provider of the machine: it is bound to it and to this very deployment', async () => {
    for (const [keyProvider, kind] of [
      ['local-sgx', 'dstack-local'],
      ['tpm', 'dstack-tpm'],
    ] as const) {
      const first = await start({ keyProvider });
      const upgraded = await start({ keyProvider, appCompose: composeFor('cd'.repeat(48)), appId: first.appId });
      const [one, two] = await Promise.all([first, upgraded].map(({ agent }) => dstackRootSecret(agent, 'weather')));
      expect(one?.description).toMatchObject({ kind, survivesUpgrade: false, sharedByReplicas: false });
      expect(await one?.secret()).not.toEqual(await two?.secret());
    }
  });

  promise('P4', 'no key provider, no root; an unknown one neither', async () => {
    const { agent } = await start({ keyProvider: 'none' });
    expect(await code(dstackRootSecret(agent, 'weather'))).toBe('attester.unavailable');
    const info = await (await start()).agent.info();
    const strange = { ...agent, info: async () => ({ ...info, keyProvider: { name: 'new', id: '' } }) };
    expect(await code(dstackRootSecret(strange, 'weather'))).toBe('attester.unavailable');
    const unnamed = { ...agent, info: async () => ({ ...info, keyProvider: { name: 'kms', id: 'zz' } }) };
    expect(await code(dstackRootSecret(unnamed, 'weather'))).toBe('attester.hardware');
  });
});

describe('the manifest', () => {
  promise('P3', 'is named by the app-compose that runs, or nothing starts', async () => {
    const { agent } = await start();
    const bytes = runningAppCompose(await agent.info());
    expect(await code(requireComposeNames(bytes, DIGEST))).toBe('answered');
    expect(await code(requireComposeNames(bytes, 'cd'.repeat(48)))).toBe('attester.other-manifest');
    const free = new TextEncoder().encode('{"manifest_version":2,"init_script":"true"}');
    expect(await code(requireComposeNames(free, DIGEST))).toBe('launch.app-compose');
  });
});

describe('endpoints', () => {
  test('the socket is looked for where agents put it, in their order', () => {
    expect(findDstackSocket(() => true)).toBe('/var/run/dstack.sock');
    expect(findDstackSocket((path) => path.startsWith('/run/dstack/'))).toBe('/run/dstack/dstack.sock');
    expect(findDstackSocket(() => false)).toBeUndefined();
  });

  test('a text names a socket or a URL', () => {
    expect(dstackEndpoint('/tmp/a')).toEqual({ kind: 'unix', path: '/tmp/a' });
    expect(dstackEndpoint('unix:///tmp/a')).toEqual({ kind: 'unix', path: '/tmp/a' });
    expect(dstackEndpoint('http://localhost:8090')).toEqual({ kind: 'url', url: 'http://localhost:8090' });
    for (const text of ['', 'a', 'ftp://a']) {
      expect(() => dstackEndpoint(text)).toThrow(expect.objectContaining({ code: 'attester.endpoint' }) as Error);
    }
  });
});

test('any text as event log is accepted with its app-compose or refused with a code', () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(() => requireComposeEvent(text, compose)).toThrow(VitrineError);
    }),
  );
});

describe('a real answer', () => {
  promise.unless(missingVectors, 'P3', 'of /GetQuote is read as it is', async () => {
    const real = JSON.parse(readTextVector('boot/tdx-lite-getquote.json')) as Record<string, string>;
    const { agent } = await start();
    const { createServer } = await import('node:http');
    const socketPath = join(base, `s${used++}`);
    const server = createServer((_, response) => response.end(JSON.stringify(real)));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    const asked = fromHex(real['report_data'] ?? '') ?? new Uint8Array();
    const answer = await dstackAgent({ kind: 'unix', path: socketPath }).quote(asked);
    await new Promise((resolve) => server.close(resolve));
    expect(toHex(answer.quote)).toBe(real['quote']);
    expect(answer.eventLog).toBe(real['event_log']);
    // Its app-compose is not part of the answer, so no document fits it; another is told from it.
    expect(() => requireComposeEvent(answer.eventLog, compose)).toThrow(/86b0e55f2fa8e4fb69d890f14f54d561/);
    const source = dstackQuoteSource({ ...agent, quote: async () => answer });
    expect(await code(source.quote(asked))).toBe('attester.hardware');
  });
});
