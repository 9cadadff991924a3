/**
 * Ten thousand calls of many clients at the same time, all with the same ids: each gets its own answer,
 * and afterwards the gateway has the memory that it had before.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { promise } from '../promises.ts';

const CALLS = 10_000;
const CLIENTS = 16;
/** At the same time, for each client. */
const WIDTH = 8;

interface Host {
  readonly url: URL;
  /** Bytes that the gateway's program holds after it has been told to collect what is garbage. */
  heap(): Promise<number>;
}

/** A gateway in a process of its own, so that its memory is its own. */
async function host(): Promise<Host> {
  const program = path.join(import.meta.dirname, 'interleaved-host.ts');
  const child: ChildProcess = spawn(process.execPath, ['--expose-gc', '--conditions=@vitrine/source', program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.stdin?.end();
    await ended;
  });
  if (child.stdout === null || child.stdin === null) throw new Error('no streams');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('the host ended');
    return line.value;
  };
  const url = new URL(await next());
  const { stdin } = child;
  return {
    url,
    async heap() {
      stdin.write('heap\n');
      return Number(await next());
    },
  };
}

interface Answer {
  readonly status: number;
  readonly session: string | undefined;
  readonly text: string;
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function post(url: URL, body: object, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const { promise: answered, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(url, {
    method: 'POST',
    agent,
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
  });
  sent.once('error', reject);
  sent.once('response', (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    const session = response.headers['mcp-session-id'];
    response.once('end', () =>
      resolve({ status: response.statusCode ?? 0, session: typeof session === 'string' ? session : undefined, text }),
    );
  });
  sent.end(JSON.stringify({ jsonrpc: '2.0', ...body }));
  return answered;
}

/** The one message of a JSON answer or an event stream that answers `id`. */
function answerTo(id: number, { status, text }: Answer): unknown {
  if (status !== 200) throw new Error(`${status}: ${text}`);
  const messages = text.startsWith('{')
    ? [text]
    : text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice('data: '.length)] : []));
  const answers = messages.map((one) => JSON.parse(one) as { readonly id?: number; readonly result?: unknown });
  const own = answers.filter((one) => one.id === id);
  if (own.length !== 1) throw new Error(`${own.length} answers to one call`);
  return own[0]?.result;
}

type Caller = (id: number, m: string) => Promise<unknown>;

async function legacyCaller(url: URL): Promise<Caller> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'many', version: '1' } };
  const { session = '' } = await post(url, { id: 0, method: 'initialize', params }, {});
  const headers = { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' };
  await post(url, { method: 'notifications/initialized' }, headers);
  return async (id, m) =>
    answerTo(
      id,
      await post(
        url,
        { id, method: 'tools/call', params: { name: 'echo', arguments: { m }, _meta: { progressToken: id } } },
        headers,
      ),
    );
}

async function modernCaller(url: URL): Promise<Caller> {
  const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'echo' };
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  return async (id, m) =>
    answerTo(
      id,
      await post(
        url,
        {
          id,
          method: 'tools/call',
          params: { name: 'echo', arguments: { m }, _meta: { ..._meta, progressToken: id } },
        },
        headers,
      ),
    );
}

/** Every client counts its ids from 1, as all do; each answer must have the text of its own call. */
async function interleave(callers: readonly Caller[], calls: number): Promise<number> {
  let right = 0;
  const each = Math.ceil(calls / callers.length);
  await Promise.all(
    callers.map(async (call, client) => {
      let id = 0;
      const worker = async (): Promise<void> => {
        while (id < each) {
          id += 1;
          const mine = id;
          const m = `client ${client}, call ${mine}`;
          expect(await call(mine, m)).toMatchObject({ content: [{ type: 'text', text: m }] });
          right += 1;
        }
      };
      await Promise.all(Array.from({ length: WIDTH }, worker));
    }),
  );
  return right;
}

for (const [era, caller] of [
  ['2025-11-25', legacyCaller],
  ['2026-07-28', modernCaller],
] as const) {
  promise(
    'P8',
    `10,000 interleaved calls with equal ids never cross, and leave no memory behind (${era})`,
    async () => {
      const { url, heap } = await host();
      const callers = await Promise.all(Array.from({ length: CLIENTS }, () => caller(url)));
      // Compiled code, buffers and pools reach their size first.
      await interleave(callers, CALLS);
      const before = await heap();
      expect(await interleave(callers, CALLS)).toBeGreaterThanOrEqual(CALLS);
      const after = await heap();
      expect(after / before).toBeLessThan(1.1);
    },
  );
}
