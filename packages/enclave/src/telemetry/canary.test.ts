/**
 * H3: a run with a canary in everything that is a user's, then a search through everything that the
 * process wrote: its outputs, its log, its metrics.
 */
import { createHash } from 'node:crypto';
import type { Manifest } from '@vitrine/documents';
import { expect, onTestFinished, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createGateway } from '../gateway/gateway.ts';
import { launchOf, plainHousing } from '../gateway/testing/served.ts';
import { localKeyService } from '../local-key-service.ts';
import { type RunningEnclave, startEnclave } from '../run-enclave.ts';
import { type Answer, ask, MANIFEST, quoteSource } from '../testing/open-door.ts';

const CANARY = 'kanarienvogel';
const TOKEN = `${CANARY}-token`;

interface Run {
  readonly enclave: RunningEnclave;
  readonly log: string[];
  readonly serverLog: string[];
  /** Everything that was written by the process or may be read from it. */
  written(): Promise<string>;
}

async function run(child: 'drop' | 'operator'): Promise<Run> {
  const [log, serverLog, out]: [string[], string[], string[]] = [[], [], []];
  for (const stream of [process.stdout, process.stderr]) {
    const spy = vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      out.push(String(chunk));
      return true;
    });
    onTestFinished(() => spy.mockRestore());
  }
  const manifest: Manifest = {
    ...MANIFEST,
    logs: { child },
    auth: { kind: 'bearer', tokens: { somebody: createHash('sha256').update(TOKEN).digest('hex') } },
  };
  const randomBytes = (length: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(length));
  const enclave = await startEnclave({
    manifest,
    housing: plainHousing(launchOf('legacy-server.mjs')),
    fetch: () => Promise.reject(new Error('no network here')),
    keys: localKeyService({ source: quoteSource, manifest, randomBytes }),
    listen: { host: '127.0.0.1', port: 0, publicHosts: [] },
    gateway: createGateway,
    onServerLog: (line) => serverLog.push(line),
    onLog: (line) => log.push(line),
    metrics: 0,
    now: () => new Date(),
    randomBytes,
  });
  onTestFinished(() => enclave.stop(0));
  await enclave.ready;
  return {
    enclave,
    log,
    serverLog,
    written: async () => `${[...log, ...out].join('')}${await (await fetch(`${enclave.metricsUrl}`)).text()}`,
  };
}

type Extra = Readonly<Record<string, string>>;

async function call(enclave: RunningEnclave, body: unknown, extra: Extra = {}, path = '/mcp'): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const headers = {
    host: `localhost:${enclave.port}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    authorization: `Bearer ${TOKEN}`,
    'content-length': String(Buffer.byteLength(text)),
    'x-something': `${CANARY}-header`,
    'user-agent': `${CANARY}-agent`,
    ...extra,
  };
  return ask(
    enclave,
    [`POST ${path} HTTP/1.1`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)],
    text,
  );
}

function modern(method: string, params: object, extra: Extra = {}): { readonly body: object; readonly headers: Extra } {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: `${CANARY}-client`, version: '1' },
  };
  return {
    body: { jsonrpc: '2.0', id: `${CANARY}-id`, method, params: { ...params, _meta } },
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...extra },
  };
}

async function exercise({ enclave }: Run): Promise<void> {
  const echo = modern('tools/call', { name: 'echo', arguments: { m: `${CANARY}-argument` } }, { 'mcp-name': 'echo' });
  expect((await call(enclave, echo.body, echo.headers)).body).toContain(`${CANARY}-argument`);
  const requests = [
    modern('tools/call', { name: `${CANARY}-tool`, arguments: {} }, { 'mcp-name': `${CANARY}-tool` }),
    modern('resources/read', { uri: `test://${CANARY}` }, { 'mcp-name': `test://${CANARY}` }),
    modern('prompts/get', { name: CANARY, arguments: { who: CANARY } }, { 'mcp-name': CANARY }),
    modern(`${CANARY}/method`, { x: CANARY }),
    // Its standard error has the name, and so have its last lines when it dies.
    modern('tools/call', { name: 'open', arguments: { name: `${CANARY}-opened` } }, { 'mcp-name': 'open' }),
    modern('tools/call', { name: 'die', arguments: {} }, { 'mcp-name': 'die' }),
    modern('tools/call', { name: 'echo', arguments: { m: CANARY } }, { 'mcp-name': `${CANARY}-mismatch` }),
  ];
  await Promise.all(requests.map(({ body, headers }) => call(enclave, body, headers).catch(() => undefined)));
  const initialize = {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: CANARY, version: CANARY } },
  };
  await call(enclave, initialize);
  await call(enclave, { jsonrpc: '2.0', id: 2, method: 'ping' }, { 'mcp-session-id': `${CANARY}-session` });
  await call(enclave, `{"${CANARY}": `);
  await call(enclave, { [CANARY]: CANARY });
  await call(enclave, echo.body, { ...echo.headers, authorization: `Bearer ${CANARY}-wrong` });
  await call(enclave, echo.body, { ...echo.headers, authorization: `Basic ${CANARY}` });
  await call(enclave, echo.body, { ...echo.headers, host: `${CANARY}.example` });
  await call(enclave, echo.body, { ...echo.headers, origin: `https://${CANARY}.example` });
  await call(enclave, echo.body, echo.headers, `/mcp?${CANARY}`);
  await call(enclave, echo.body, echo.headers, `/${CANARY}`);
  await call(enclave, { nonce: CANARY }, {}, '/.well-known/vitrine/attest');
}

promise('P1', 'nothing of arguments, results, tokens, headers, URIs, names or ids is in any output', async () => {
  const running = await run('drop');
  await exercise(running);
  const written = await running.written();
  expect(written).not.toContain(CANARY);
  // The search looked where something is: events were logged and counted.
  const events = running.log.map((line) => (JSON.parse(line) as { readonly event: string }).event);
  expect(new Set(events)).toEqual(
    new Set(['enclave.state', 'request.done', 'auth.refused', 'evidence.asked', 'server.ended']),
  );
  expect(written).toMatch(/vitrine_requests_total\{era="2026-07-28",method="tools-call",status="2xx"\} [1-9]/);
  expect(written).toContain('vitrine_auth_refusals_total{reason="invalid_token"} 1');
  await running.enclave.stop(0);
  expect(running.log.join('')).not.toContain(CANARY);
  expect(running.serverLog).toEqual([]);
});

promise('P1', 'what the server itself writes goes to the operator only where the manifest says so', async () => {
  const running = await run('operator');
  await exercise(running);
  expect(running.serverLog).toContain(`opens ${CANARY}-opened`);
  expect(await running.written()).not.toContain(CANARY);
  // Not even then: no token, whatever the server wrote.
  expect(running.serverLog.join('\n')).not.toContain(TOKEN);
});
