import { createHash } from 'node:crypto';
import { documentDigest, parseEvidenceBundle, reportData, toBase64Url, VitrineError } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Answer, ask, dial, exchange, type OpenDoor, openDoor } from '../testing/open-door.ts';
import { DEFAULT_ADMISSION } from './admission.ts';

const NONCE = toBase64Url(new Uint8Array(32).fill(1));
const BODY = JSON.stringify({ nonce: NONCE });

function head(open: OpenDoor, body: string, ...more: readonly string[]): readonly string[] {
  return [
    'POST /.well-known/vitrine/attest HTTP/1.1',
    `Host: localhost:${open.door.port}`,
    ...(more.some((line) => /^content-type:/i.test(line)) ? [] : ['Content-Type: application/json']),
    ...(more.some((line) => /^(?:content-length|transfer-encoding):/i.test(line))
      ? []
      : [`Content-Length: ${Buffer.byteLength(body)}`]),
    ...more,
  ];
}

function code(answer: Answer): string {
  const document = JSON.parse(answer.body) as { type: string; code: string };
  expect(document.type).toBe('vitrine/error/v1');
  return `${answer.status} ${document.code}`;
}

promise(
  'P2',
  'evidence binds the nonce, this connection’s exporter, the leaf key, the role and the boot binding',
  async () => {
    const open = await openDoor();
    const socket = await dial(open.door.port);
    const exporter = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
    const answer = await exchange(socket, `${head(open, BODY).join('\r\n')}\r\n\r\n${BODY}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe(String(answer.body.length));
    expect(answer.headers.get('content-type')).toBe('application/json');
    const bundle = parseEvidenceBundle(answer.body);
    const spki = createHash('sha256')
      .update(socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' }) ?? '')
      .digest('hex');
    expect({ ...bundle.channel }).toEqual({
      type: 'vitrine/channel-binding/v1',
      nonce: NONCE,
      exporter: toBase64Url(exporter),
      role: 'server',
      leafSpki: spki,
      bootBinding: await documentDigest(bundle.boot),
    });
    if (bundle.channel === undefined) throw new Error('no channel binding');
    expect(bundle.hardware.bytes).toEqual(await reportData(bundle.channel));
  },
);

promise('P2', 'two connections get evidence for two exporters; one connection may ask again', async () => {
  const open = await openDoor();
  const exporters: (string | undefined)[] = [];
  for (const socket of [await dial(open.door.port), await dial(open.door.port)]) {
    for (const _ of [1, 2]) {
      const answer = await exchange(socket, `${head(open, BODY).join('\r\n')}\r\n\r\n${BODY}`);
      exporters.push(parseEvidenceBundle(answer.body).channel?.exporter);
    }
  }
  expect(new Set(exporters).size).toBe(2);
  expect(exporters[0]).toBe(exporters[1]);
});

const bodies: Readonly<Record<string, string>> = {
  empty: '',
  'not JSON': 'x',
  'a list': '[]',
  'no nonce': '{}',
  'a short nonce': JSON.stringify({ nonce: toBase64Url(new Uint8Array(31)) }),
  'a long nonce': JSON.stringify({ nonce: toBase64Url(new Uint8Array(33)) }),
  'a padded nonce': JSON.stringify({ nonce: `${NONCE}=` }),
  'a nonce with spare bits': JSON.stringify({ nonce: `${NONCE.slice(0, -1)}B` }),
  'a nonce in another alphabet': JSON.stringify({ nonce: `+${NONCE.slice(1)}` }),
  'a nonce that is a number': '{"nonce":1}',
  'two nonces': `{"nonce":"${NONCE}","nonce":"${NONCE}"}`,
  'a further member': JSON.stringify({ nonce: NONCE, reportData: 'x' }),
  'report data of the caller’s choice': JSON.stringify({ nonce: NONCE, exporter: NONCE }),
  'a byte too many': `${BODY}x`,
  'a byte order mark': `\u{feff}${BODY}`,
};
for (const [what, body] of Object.entries(bodies)) {
  promise('P2', `a body with ${what} gets no evidence`, async () => {
    const open = await openDoor();
    expect(code(await ask(open.door, head(open, body), body))).toBe('400 request.malformed');
  });
}

const heads: Readonly<Record<string, readonly [readonly string[], string]>> = {
  'chunked coding': [['Transfer-Encoding: chunked'], '411 request.length'],
  'more than 1 KiB announced': [['Content-Length: 1025'], '413 request.length'],
  'a gigabyte announced': [['Content-Length: 1073741824'], '413 request.length'],
  'another content type': [['Content-Type: text/plain'], '415 request.type'],
  'a content type with a parameter': [['Content-Type: application/json; charset=utf-8'], '415 request.type'],
};
for (const [what, [more, expected]] of Object.entries(heads)) {
  promise('P2', `${what} is refused before the body is read`, async () => {
    const open = await openDoor();
    expect(code(await ask(open.door, head(open, '', ...more)))).toBe(expected);
  });
}

test('1 KiB is read, a byte more is not', async () => {
  const open = await openDoor();
  const body = BODY.padEnd(1024, ' ');
  expect((await ask(open.door, head(open, body), body)).status).toBe(200);
  expect(code(await ask(open.door, head(open, `${body} `), `${body} `))).toBe('413 request.length');
});

test('only POST', async () => {
  const open = await openDoor();
  const answer = await ask(open.door, [
    'GET /.well-known/vitrine/attest HTTP/1.1',
    `Host: localhost:${open.door.port}`,
  ]);
  expect(code(answer)).toBe('405 request.method');
  expect(answer.headers.get('allow')).toBe('POST');
});

test('evidence is given while the server is still starting', async () => {
  const open = await openDoor({ state: () => 'starting' });
  expect((await ask(open.door, head(open, BODY), BODY)).status).toBe(200);
});

promise('P7', 'an exhausted budget is "busy" with the time to wait, and recovers', async () => {
  let now = 0;
  const limits = { attest: { ...DEFAULT_ADMISSION, burst: 2, perSecond: 0.1 } };
  const open = await openDoor({ now: () => now, limits });
  const once = (): Promise<Answer> => ask(open.door, head(open, BODY), BODY);
  expect([(await once()).status, (await once()).status]).toEqual([200, 200]);
  const busy = await once();
  expect(code(busy)).toBe('503 busy');
  expect(busy.headers.get('retry-after')).toBe('10');
  now += 10_000;
  expect((await once()).status).toBe(200);
});

promise('P7', 'a full queue is "busy" at once', async () => {
  const { promise: held, resolve: release } = Promise.withResolvers<never>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const channel = (): Promise<never> => {
    begin();
    return held;
  };
  const open = await openDoor({
    evidence: { channel },
    limits: { attest: { ...DEFAULT_ADMISSION, running: 1, waiting: 0 } },
  });
  const first = ask(open.door, head(open, BODY), BODY);
  await begun;
  expect(code(await ask(open.door, head(open, BODY), BODY))).toBe('503 busy');
  release(Promise.reject(new Error('secret detail')) as never);
  const failed = await first;
  expect(code(failed)).toBe('500 attest.failed');
  expect(failed.body).not.toContain('secret detail');
});

test('busy hardware is a reason to try again later, and failing hardware is not', async () => {
  const answered = async (code: string): Promise<Answer> => {
    const channel = async (): Promise<never> => {
      throw new VitrineError(code, 'secret detail');
    };
    const open = await openDoor({ evidence: { channel } });
    return ask(open.door, head(open, BODY), BODY);
  };
  const busy = await answered('attester.busy');
  expect(code(busy)).toBe('503 busy');
  expect(busy.headers.get('retry-after')).toBe('1');
  expect(busy.body).not.toContain('secret detail');
  const failed = await answered('attester.hardware');
  expect(code(failed)).toBe('500 attest.failed');
  expect(failed.headers.get('retry-after')).toBeUndefined();
});
