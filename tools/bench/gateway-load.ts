/**
 * Loads an MCP endpoint with calls of its tool `echo`: as many workers as clients, each with one request
 * at a time, on connections that are kept. An answer counts only if it has the text that was sent.
 *
 * @module
 */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export type Era = '2025-11-25' | '2026-07-28';

export interface Load {
  readonly callsPerSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

export interface LoadClient {
  /** Calls for `ms`, `width` at a time. */
  run(width: number, ms: number): Promise<Load>;
  close(): void;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

const PATIENCE_MS = 20_000;
const CLIENT = { name: 'bench', version: '1.0.0' };
const ACCEPT = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };

/**
 * A client of `url`. In the older era all workers use one session, which is opened here. Certificates are
 * not verified: that is done once for each connection, and what is measured are calls.
 */
export async function openLoad(url: string, era: Era): Promise<LoadClient> {
  const target = new URL(url);
  const isTls = target.protocol === 'https:';
  const agent = isTls
    ? new HttpsAgent({ keepAlive: true, rejectUnauthorized: false })
    : new HttpAgent({ keepAlive: true });
  let count = 0;

  function post(body: object, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const bytes = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...body }));
    const options = {
      method: 'POST',
      agent,
      timeout: PATIENCE_MS,
      headers: { ...ACCEPT, ...headers, 'content-length': bytes.length },
    };
    const request = isTls ? httpsRequest(target, options) : httpRequest(target, options);
    request.once('error', reject);
    request.once('timeout', () => request.destroy(new Error('no answer')));
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    request.end(bytes);
    return promise;
  }

  const session = era === '2025-11-25' ? await initialize(post) : {};

  async function call(): Promise<void> {
    count += 1;
    const m = `call-${count}-of-bench`;
    const params = { name: 'echo', arguments: { m } };
    const answer =
      era === '2025-11-25'
        ? await post({ id: count, method: 'tools/call', params }, session)
        : await post(
            { id: count, method: 'tools/call', params: { ...params, _meta: ENVELOPE } },
            { 'mcp-protocol-version': era, 'mcp-method': 'tools/call', 'mcp-name': 'echo' },
          );
    if (answer.status !== 200 || !answer.text.includes(m)) throw new Error(`${answer.status}: ${answer.text}`);
  }

  return {
    async run(width, ms) {
      const latencies: number[] = [];
      const start = performance.now();
      const worker = async (): Promise<void> => {
        for (let begun = performance.now(); begun - start < ms; begun = performance.now()) {
          await call();
          latencies.push(performance.now() - begun);
        }
      };
      await Promise.all(Array.from({ length: width }, worker));
      const seconds = (performance.now() - start) / 1000;
      latencies.sort((left, right) => left - right);
      const at = (part: number): number =>
        latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))] ?? Number.NaN;
      return { callsPerSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99) };
    },
    close: () => agent.destroy(),
  };
}

const ENVELOPE = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': CLIENT,
};

async function initialize(
  post: (body: object, headers: Readonly<Record<string, string>>) => Promise<Answer>,
): Promise<Readonly<Record<string, string>>> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT };
  const answer = await post({ id: 0, method: 'initialize', params }, {});
  if (answer.status !== 200) throw new Error(`initialize: ${answer.status} ${answer.text}`);
  const id = answer.headers['mcp-session-id'];
  const headers = {
    'mcp-protocol-version': '2025-11-25',
    ...(typeof id === 'string' ? { 'mcp-session-id': id } : {}),
  };
  await post({ method: 'notifications/initialized' }, headers);
  return headers;
}
