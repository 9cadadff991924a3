import { request } from 'node:https';
import { UsageError, VitrineError } from '@vitrine/documents';
import { type RelaySend, relayHandover } from '@vitrine/keys/client';
import { afterAll, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { application, KEYS, NOW, platformFor, runGiver } from '../../../keys/src/handover/testing/enclaves.ts';
import { openTestKeyd, removeTemporaryDirectories } from '../../../keys/src/testing/open-test-keyd.ts';
import { type Answer, ask, type OpenDoor, openDoor } from '../testing/open-door.ts';
import type { FrontDoorOptions } from './front-door.ts';
import { HANDOVER_ADMISSION, type HandoverOptions } from './handover-endpoint.ts';

afterAll(removeTemporaryDirectories);

interface Bench {
  readonly open: OpenDoor;
  readonly heard: readonly unknown[];
  post(body: string, ...more: readonly string[]): Promise<Answer>;
}

async function bench(handover: Partial<HandoverOptions> = {}, limits?: FrontDoorOptions['limits']): Promise<Bench> {
  const heard: unknown[] = [];
  const open = await openDoor({
    handover: {
      answer: async (...parts) => {
        heard.push(parts);
        return '{"type":"answer"}';
      },
      ...handover,
    },
    ...(limits === undefined ? {} : { limits }),
  });
  return {
    open,
    heard,
    post(body, ...more) {
      const own = (name: string): boolean => more.some((line) => line.toLowerCase().startsWith(`${name}:`));
      const head = [
        'POST /.well-known/vitrine/handover HTTP/1.1',
        `Host: localhost:${open.door.port}`,
        ...(own('content-type') ? [] : ['Content-Type: application/json']),
        ...(own('content-length') || own('transfer-encoding') ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
        ...more,
      ];
      return ask(open.door, head, body);
    },
  };
}

function code(answer: Answer): string {
  const document = JSON.parse(answer.body) as { readonly type: string; readonly code: string };
  expect(document.type).toBe('vitrine/error/v1');
  return `${answer.status} ${document.code}`;
}

const failing = (cause: Error): Partial<HandoverOptions> => ({ answer: () => Promise.reject(cause) });

test('a message goes to the key service as it is, and the answer comes back', async () => {
  const { post, heard } = await bench();
  const answer = await post('{"a": 1}');
  expect([answer.status, answer.body]).toEqual([200, '{"type":"answer"}']);
  expect(heard).toEqual([['{"a": 1}']]);
});

promise('P4', 'where the manifest has no terms, there is nothing', async () => {
  const open = await openDoor();
  const head = ['POST /.well-known/vitrine/handover HTTP/1.1', `Host: localhost:${open.door.port}`];
  expect(code(await ask(open.door, [...head, 'Content-Type: application/json', 'Content-Length: 2'], '{}'))).toBe(
    '404 request.path',
  );
});

for (const [what, cause, expected, retryAfter] of [
  ['a check that refuses', new UsageError('handover.number', 'why'), '403 handover.number', null],
  ['no message', new UsageError('handover.malformed', 'why'), '400 handover.malformed', null],
  ['no time', new VitrineError('busy', 'why'), '503 busy', '5'],
  ['hardware without time', new VitrineError('attester.busy', 'why'), '503 attester.busy', '5'],
  ['no endorsements', new UsageError('handover.endorsements', 'why'), '503 handover.endorsements', '60'],
  ['another error of the key service', new UsageError('keys.root-closed', 'CANARY'), '500 handover.failed', null],
  ['a failure', new Error('CANARY'), '500 handover.failed', null],
] as const) {
  test(`${what}: ${expected}`, async () => {
    const { post } = await bench(failing(cause));
    const answer = await post('{}');
    expect(code(answer)).toBe(expected);
    expect(answer.headers.get('retry-after') ?? null).toBe(retryAfter);
    expect(answer.body).not.toContain('CANARY');
  });
}

for (const [what, more, expected] of [
  ['more than 1 MiB announced', ['Content-Length: 1048577'], '413 request.length'],
  ['chunked coding', ['Transfer-Encoding: chunked'], '411 request.length'],
  ['another content type', ['Content-Type: text/plain', 'Content-Length: 2'], '415 request.type'],
] as const) {
  promise('P7', `${what} is refused before the body is read`, async () => {
    const { post, heard } = await bench();
    expect(code(await post('', ...more))).toBe(expected);
    expect(heard).toEqual([]);
  });
}

promise('P7', 'whoever asks too often is told when to come back', async () => {
  const { post, heard } = await bench({}, { handover: { ...HANDOVER_ADMISSION, burst: 1, perSecond: 0.1 } });
  expect((await post('{}')).status).toBe(200);
  const busy = await post('{}');
  expect(code(busy)).toBe('503 busy');
  expect(busy.headers.get('retry-after')).toBe('10');
  expect(heard).toHaveLength(1);
});

promise('P7', 'those who wait for their turn are few', async () => {
  const waiting: (() => void)[] = [];
  const answer = (): Promise<string> => new Promise((resolve) => waiting.push(() => resolve('{}')));
  const { post } = await bench({ answer }, { handover: { ...HANDOVER_ADMISSION, running: 1, waiting: 1 } });
  const answers = [post('{}'), post('{}'), post('{}')];
  expect(code(await Promise.race(answers))).toBe('503 busy');
  let answered = 0;
  for (const one of answers) void one.then(() => answered++);
  while (answered < 3) {
    waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test('endorsements are fetched for the evidence in a message, and left out where that fails', async () => {
  const endorsements = { type: 'vitrine/endorsements/v1' } as const;
  const good = await bench({ endorsementsFor: async () => endorsements });
  await good.post('{"evidence":"bundle"}');
  await good.post('{"nonce":"x"}');
  expect(good.heard).toEqual([['{"evidence":"bundle"}', endorsements], ['{"nonce":"x"}']]);
  const bad = await bench({ endorsementsFor: () => Promise.reject(new Error('no network')) });
  await bad.post('{"evidence":"bundle"}');
  expect(bad.heard).toEqual([['{"evidence":"bundle"}']]);
});

/** Whatever certificate it has: what passes is secured between the two key services. */
const overTls: RelaySend = (url, body, maxBytes) =>
  new Promise((resolve, reject) => {
    const sent = request(url, {
      method: 'POST',
      agent: false,
      rejectUnauthorized: false,
      headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
    });
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > maxBytes) sent.destroy(new Error('too long'));
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });

promise('P4', 'a root goes through the door and back to a key service without network', async () => {
  const manifest = application({ keys: KEYS });
  const giver = await runGiver(manifest);
  const { open } = await bench({ answer: giver.answer });
  const receiver = await openTestKeyd(manifest, {
    platform: await platformFor(manifest),
    genesis: false,
    now: () => NOW,
    handover: { exchange: relayHandover(`https://localhost:${open.door.port}/mcp`, overTls) },
  });
  expect(receiver.appRoot).toEqual({ id: giver.keyd.appRoot?.id, isNew: false });
  const other = application({ keys: KEYS, name: 'other' });
  await expect(
    openTestKeyd(other, {
      platform: await platformFor(other),
      genesis: false,
      now: () => NOW,
      handover: { exchange: relayHandover(`https://localhost:${open.door.port}`, overTls) },
    }),
  ).rejects.toMatchObject({ code: 'handover.application' });
});
