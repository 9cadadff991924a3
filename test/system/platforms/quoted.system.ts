/**
 * Nobody outside has bytes of its own choice quoted: whatever the front door is asked, every report data that reaches
 * the platform is that of a binding which Vitrine made, and every evidence that comes back shows which.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { cp, mkdir } from 'node:fs/promises';
import { createServer, request } from 'node:https';
import { join } from 'node:path';
import { type EvidenceBundle, parseEvidenceBundle, reportData, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { afterEach, expect } from 'vitest';
import { emulatedIdentity } from '../../../packages/simulator/src/emulated-certificate.ts';
import { promise } from '../../promises.ts';
import { configureBox, prepareBox, rootOf } from '../../support/box.ts';
import { type Workplace, workplace } from '../../support/cli.ts';
import { dstackMachine } from './machines.ts';
import { startRecorder } from './recorder.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function freshPlace(): Workplace {
  const user = workplace();
  ends.push(() => user.dispose());
  return user;
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

const ANSWER_MS = 30_000;

function ask(origin: string, { method, path, body }: Asked): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, origin), {
      method,
      agent: false,
      rejectUnauthorized: false,
      timeout: ANSWER_MS,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer to ${method} ${path}`)));
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    sent.end(body);
  });
}

const ATTEST = '/.well-known/vitrine/attest';
const HANDOVER = '/.well-known/vitrine/handover';
const PATHS: readonly string[] = [
  ATTEST,
  HANDOVER,
  '/.well-known/vitrine/secrets',
  '/.well-known/vitrine/quote',
  '/.well-known/oauth-protected-resource/mcp',
  '/healthz',
  '/readyz',
  '/metrics',
  '/mcp',
  '/GetQuote',
  '/prpc/Tappd.TdxQuote',
  '/aa/evidence?runtime_data=AAAA',
  '/cdh/resource/default/vitrine/box',
];

const chosen: fc.Arbitrary<Buffer> = fc.uint8Array({ minLength: 31, maxLength: 64 }).map((bytes) => Buffer.from(bytes));
const encoded: fc.Arbitrary<string> = fc.oneof(
  chosen.map((bytes) => bytes.toString('base64url')),
  chosen.map((bytes) => bytes.toString('hex')),
);
const nonce: fc.Arbitrary<string> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
const member: fc.Arbitrary<string> = fc.constantFrom(
  ...['nonce', 'reportData', 'report_data', 'reportdata', 'exporter', 'leafSpki', 'binding', 'type', 'method', 'kind'],
);
const body: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: nonce.map((one) => JSON.stringify({ nonce: one })), weight: 3 },
  fc
    .record({ nonce, other: fc.tuple(member, encoded) })
    .map(({ nonce: one, other: [name, value] }) => JSON.stringify({ nonce: one, [name]: value })),
  fc.dictionary(member, encoded, { maxKeys: 4 }).map((value) => JSON.stringify(value)),
  nonce.map((one) => JSON.stringify({ type: 'vitrine/handover-begin/v1', nonce: one })),
  fc
    .record({ session: nonce, evidence: encoded })
    .map((rest) => JSON.stringify({ type: 'vitrine/handover-request/v1', ...rest })),
  fc.json({ maxDepth: 3 }),
  fc.string({ maxLength: 300 }),
);
const asked: fc.Arbitrary<Asked> = fc.record({
  method: fc.constantFrom('POST', 'POST', 'POST', 'GET', 'PUT'),
  path: fc.oneof(fc.constantFrom(ATTEST, HANDOVER), fc.constantFrom(...PATHS)),
  body,
});

/** Evidence anywhere in an answer. */
function bundlesIn({ body: text }: Answer): readonly EvidenceBundle[] {
  try {
    return [parseEvidenceBundle(text)];
  } catch {
    // A message of a hand-over has the text of a bundle in it.
    const [, quoted] = /"evidence":("(?:[^"\\]|\\.)*")/.exec(text) ?? [];
    return quoted === undefined ? [] : [parseEvidenceBundle(JSON.parse(quoted) as string)];
  }
}

async function boundData({ channel, handover, boot }: EvidenceBundle): Promise<string> {
  return toHex(await reportData(channel ?? handover ?? boot));
}

/** Of a TDX quote, version 4. */
function quotedData({ hardware: { bytes } }: EvidenceBundle): string {
  return toHex(bytes.subarray(48 + 520, 48 + 584));
}

const TERMS = 'handover: { to: [equal], platforms: any }\nlogs: { child: drop }';

promise('P3', 'no request to the front door has bytes quoted that the caller chose', async () => {
  const user = freshPlace();
  const device = join(user.directory, 'heard.sock');
  const machine = dstackMachine(user, { version: '0.6', device });
  ends.push(() => machine.end());
  const recorder = await startRecorder({ path: machine.socketPath }, { path: device });
  ends.push(() => recorder.close());
  const key = await prepareBox(user);
  await configureBox(user, {
    number: 1,
    upgrade: `{ kind: signed, keys: ["${key}"], threshold: 1 }`,
    versions: 'version: 1',
    more: `${TERMS}\nroots: ${await machine.roots()}`,
  });
  await machine.boot((await user.run(['config', 'hash'])).stdout.trim());
  const server = await user.start([...machine.flags, '--genesis']);

  const requests = fc.sample(asked, { numRuns: 400, seed: 20_261_123 });
  const shown: EvidenceBundle[] = [];
  const statuses = new Map<number, number>();
  for (let at = 0; at < requests.length; at += 8) {
    for (const answer of await Promise.all(requests.slice(at, at + 8).map((one) => ask(server.ready.url, one)))) {
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status === 200) shown.push(...bundlesIn(answer));
    }
  }
  // Something was asked rightly and answered, and much was not.
  expect(shown.length).toBeGreaterThanOrEqual(5);
  expect(statuses.get(400) ?? 0).toBeGreaterThanOrEqual(20);

  const bound = new Set(await Promise.all(shown.map(boundData)));
  for (const bundle of shown) expect(quotedData(bundle)).toBe(await boundData(bundle));
  expect(shown.every(({ channel }) => channel?.role === 'server')).toBe(true);
  const wanted = recorder
    .heard()
    .toString('latin1')
    .matchAll(/"report_data":\s*"([0-9a-f]+)"/g);
  const quoted = new Set(Array.from(wanted, ([, data = '']) => data));
  expect(quoted.size).toBeGreaterThanOrEqual(shown.length);
  expect([...quoted].filter((data) => !bound.has(data))).toEqual([]);
});

interface Carried {
  readonly asked: string;
  readonly answer: Answer;
}

/** Carries messages of a hand-over, as whoever stands between two enclaves does, and keeps them. */
async function carrier(target: string): Promise<{ readonly url: string; readonly carried: readonly Carried[] }> {
  const { certificate: cert, key } = emulatedIdentity(new Date());
  const carried: Carried[] = [];
  const server = createServer({ cert, key }, (incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const message = Buffer.concat(chunks).toString();
      ask(target, { method: 'POST', path: HANDOVER, body: message }).then(
        (answer) => {
          carried.push({ asked: message, answer });
          response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
        },
        () => response.destroy(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return { url: `https://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, carried };
}

promise(
  'P4',
  'whoever carries a hand-over gets evidence of that one hand-over, once, and of nothing else',
  async () => {
    const giver = freshPlace();
    const upgrade = `{ kind: signed, keys: ["${await prepareBox(giver)}"], threshold: 1 }`;
    const configure = (user: Workplace): Promise<void> =>
      configureBox(user, { number: 1, upgrade, versions: 'version: 1', more: TERMS });
    await configure(giver);
    const old = await giver.start(['--genesis']);
    const { url, carried } = await carrier(old.ready.url);

    const receiver = freshPlace();
    await cp(join(giver.directory, 'server'), join(receiver.directory, 'server'), { recursive: true });
    await mkdir(join(receiver.home, 'simulator'), { recursive: true });
    for (const file of ['simulator-keys.json', 'root.pem']) {
      await cp(join(giver.home, 'simulator', file), join(receiver.home, 'simulator', file));
    }
    await configure(receiver);
    const twin = await receiver.start(['--handover-from', url]);
    expect(rootOf(twin)).toBe(rootOf(old));
    const [begin, grant] = carried;
    if (begin === undefined || grant === undefined || carried.length !== 2) throw new Error('expected two messages');

    const [mine] = bundlesIn({ status: 200, body: grant.asked });
    const [theirs] = bundlesIn(grant.answer);
    if (mine === undefined || theirs === undefined) throw new Error('expected evidence of both sides');
    for (const bundle of [mine, theirs]) expect(quotedData(bundle)).toBe(await boundData(bundle));
    expect([mine.handover?.role, theirs.handover?.role]).toEqual(['receiver', 'giver']);

    // Again, in another session, and changed: refused, without evidence.
    const send = (message: object | string): Promise<Answer> =>
      ask(old.ready.url, {
        method: 'POST',
        path: HANDOVER,
        body: typeof message === 'string' ? message : JSON.stringify(message),
      });
    const codeOf = (answer: Answer): unknown => {
      expect(bundlesIn(answer)).toEqual([]);
      return (JSON.parse(answer.body) as { readonly code?: unknown }).code;
    };
    const request = JSON.parse(grant.asked) as { readonly evidence: string };
    const fresh = async (): Promise<string> =>
      (JSON.parse((await send(begin.asked)).body) as { readonly session: string }).session;
    const other = randomBytes(32).toString('base64url');
    expect(codeOf(await send(grant.asked))).toBe('handover.fresh');
    expect(codeOf(await send({ ...request, session: other }))).toBe('handover.fresh');
    expect(codeOf(await send({ ...request, session: await fresh() }))).toBe('handover.fresh');
    const attested = await ask(old.ready.url, { method: 'POST', path: ATTEST, body: JSON.stringify({ nonce: other }) });
    for (const [evidence, expected] of [
      [attested.body, /^handover\./],
      [(JSON.parse(grant.answer.body) as { readonly evidence: string }).evidence, /^handover\./],
      [request.evidence.replace(mine.handover?.key ?? '', other), /^handover\./],
      [request.evidence.replace(mine.handover?.peerNonce ?? '', other), /^handover\./],
    ] as const) {
      expect(codeOf(await send({ ...request, session: await fresh(), evidence }))).toMatch(expected);
    }
  },
);
