import { UsageError } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Answer, ask, type OpenDoor, openDoor } from '../testing/open-door.ts';
import { DEFAULT_ADMISSION } from './admission.ts';
import type { FrontDoorOptions } from './front-door.ts';

const SEALED = { name: 'api-token', ciphertext: 'CANARY' };

interface Bench {
  readonly open: OpenDoor;
  readonly taken: readonly unknown[];
  post(body: string, ...more: readonly string[]): Promise<Answer>;
}

async function bench(options: Partial<FrontDoorOptions> = {}): Promise<Bench> {
  const taken: unknown[] = [];
  const open = await openDoor({
    acceptSecret: async (sealed) => {
      taken.push(sealed);
      return { name: 'api-token', version: 3 };
    },
    ...options,
  });
  return {
    open,
    taken,
    post(body, ...more) {
      const own = (name: string): boolean => more.some((line) => line.toLowerCase().startsWith(`${name}:`));
      return ask(
        open.door,
        [
          'POST /.well-known/vitrine/secrets HTTP/1.1',
          `Host: localhost:${open.door.port}`,
          ...(own('content-type') ? [] : ['Content-Type: application/json']),
          ...(own('content-length') || own('transfer-encoding') ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]),
          ...more,
        ],
        body,
      );
    },
  };
}

function code(answer: Answer): string {
  const document = JSON.parse(answer.body) as { readonly type: string; readonly code: string };
  expect(document.type).toBe('vitrine/error/v1');
  return `${answer.status} ${document.code}`;
}

promise('P4', 'a sealed secret goes to the key service as it is, and its name and version come back', async () => {
  const { post, taken } = await bench();
  const answer = await post(JSON.stringify(SEALED));
  expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { name: 'api-token', version: 3 }]);
  expect(taken.map((one) => ({ ...Object(one) }))).toEqual([SEALED]);
});

promise('P4', 'where the manifest wants no secrets, there is nothing', async () => {
  const open = await openDoor();
  const head = ['POST /.well-known/vitrine/secrets HTTP/1.1', `Host: localhost:${open.door.port}`];
  const answer = await ask(open.door, [...head, 'Content-Type: application/json', 'Content-Length: 2'], '{}');
  expect(code(answer)).toBe('404 request.path');
});

promise('P4', 'why a secret is refused is said, and nothing of it repeated', async () => {
  const acceptSecret = (): Promise<never> =>
    Promise.reject(new UsageError('secret.old', 'version 2 is not newer than version 3'));
  const { post } = await bench({ acceptSecret });
  const answer = await post(JSON.stringify(SEALED));
  expect(code(answer)).toBe('400 secret.old');
  expect(answer.body).toContain('not newer');
  expect(answer.body).not.toContain('CANARY');
});

promise('P4', 'a failure that is not the sender’s says nothing of itself', async () => {
  const { post } = await bench({ acceptSecret: () => Promise.reject(new Error('CANARY detail')) });
  const answer = await post(JSON.stringify(SEALED));
  expect(code(answer)).toBe('500 secrets.failed');
  expect(answer.body).not.toContain('CANARY');
});

for (const [what, body] of [
  ['nothing', ''],
  ['no JSON', 'x'],
  ['two members of one name', '{"name":"a","name":"b"}'],
  ['a byte order mark', '\u{feff}{}'],
  ['more after the end', '{} {}'],
] as const) {
  promise('P4', `${what} is no secret, and does not reach the key service`, async () => {
    const { post, taken } = await bench();
    expect(code(await post(body))).toBe('400 request.malformed');
    expect(taken).toEqual([]);
  });
}

for (const [what, more, expected] of [
  ['more than 64 KiB announced', ['Content-Length: 65537'], '413 request.length'],
  ['chunked coding', ['Transfer-Encoding: chunked'], '411 request.length'],
  ['another content type', ['Content-Type: text/plain', 'Content-Length: 2'], '415 request.type'],
] as const) {
  promise('P4', `${what} is refused before the body is read`, async () => {
    const { post, taken } = await bench();
    expect(code(await post('', ...more))).toBe(expected);
    expect(taken).toEqual([]);
  });
}

test('only POST', async () => {
  const { open } = await bench();
  const head = ['GET /.well-known/vitrine/secrets HTTP/1.1', `Host: localhost:${open.door.port}`];
  expect(code(await ask(open.door, head))).toBe('405 request.method');
});

promise('P7', 'whoever sends too many is told when to come back', async () => {
  const { post } = await bench({ limits: { secrets: { ...DEFAULT_ADMISSION, burst: 1, perSecond: 0.1 } } });
  expect((await post(JSON.stringify(SEALED))).status).toBe(200);
  const busy = await post(JSON.stringify(SEALED));
  expect(code(busy)).toBe('503 busy');
  expect(busy.headers.get('retry-after')).toBe('10');
});
