import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { openMetricsServer } from './metrics-server.ts';
import type { AuthWord, EraWord, MethodClass } from './words.ts';
import { methodClassOf, serverEndOf } from './words.ts';

function sampleOf(metrics: Metrics, series: string): number | undefined {
  const line = metrics
    .text()
    .split('\n')
    .find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

test('requests are counted by era, class and status, and timed', () => {
  const metrics = createMetrics();
  metrics.request('2026-07-28', 'tools-call', 200, 3);
  metrics.request('2026-07-28', 'tools-call', 204, 7);
  metrics.request('2025-11-25', 'tools-call', 503, 120_000);
  expect(sampleOf(metrics, 'vitrine_requests_total{era="2026-07-28",method="tools-call",status="2xx"}')).toBe(2);
  expect(sampleOf(metrics, 'vitrine_requests_total{era="2025-11-25",method="tools-call",status="5xx"}')).toBe(1);
  const bucket = (era: string, le: string): string => `vitrine_request_seconds_bucket{era="${era}",le="${le}"}`;
  expect(['0.002', '0.005', '0.01', '+Inf'].map((le) => sampleOf(metrics, bucket('2026-07-28', le)))).toEqual([
    0, 1, 2, 2,
  ]);
  expect(['60', '+Inf'].map((le) => sampleOf(metrics, bucket('2025-11-25', le)))).toEqual([0, 1]);
  expect(sampleOf(metrics, 'vitrine_request_seconds_sum{era="2026-07-28"}')).toBe(0.01);
});

test('refusals, ends, attestations and what others count', () => {
  const metrics = createMetrics();
  metrics.authRefusal('invalid_token');
  metrics.rateRefusal('address');
  metrics.serverEnd('misconduct');
  metrics.attestation(503);
  metrics.read('vitrine_server_processes', () => 4);
  expect(sampleOf(metrics, 'vitrine_auth_refusals_total{reason="invalid_token"}')).toBe(1);
  expect(sampleOf(metrics, 'vitrine_auth_refusals_total{reason="missing_token"}')).toBe(0);
  expect(sampleOf(metrics, 'vitrine_rate_refusals_total{by="address"}')).toBe(1);
  expect(sampleOf(metrics, 'vitrine_server_ends_total{how="misconduct"}')).toBe(1);
  expect(sampleOf(metrics, 'vitrine_attestations_total{status="5xx"}')).toBe(1);
  expect(sampleOf(metrics, 'vitrine_server_processes')).toBe(4);
});

promise('P1', 'no label can be made up: unknown words are not counted', () => {
  const metrics = createMetrics();
  metrics.request('CANARY' as EraWord, 'tools-call', 200, 1);
  metrics.request('2026-07-28', 'CANARY"} 1' as MethodClass, 200, 1);
  metrics.authRefusal('CANARY' as AuthWord);
  expect(metrics.text()).not.toContain('CANARY');
});

test('every line is a comment or a sample of the text format', () => {
  const metrics = createMetrics();
  metrics.request('unknown', 'other', 404, 1);
  for (const line of metrics.text().trimEnd().split('\n')) {
    expect(line).toMatch(/^(# (HELP|TYPE) vitrine_[a-z_]+ .+|vitrine_[a-z_]+(\{([a-z]+="[^"\\]*",?)+\})? [0-9.]+)$/);
  }
});

const classes: readonly (readonly [unknown, MethodClass])[] = [
  [{ method: 'tools/call', params: { name: 'x' } }, 'tools-call'],
  [[{ method: 'tools/list' }, { method: 'x' }], 'tools-list'],
  [{ method: 'server/discover' }, 'open'],
  [{ method: 'resources/read' }, 'resources'],
  [{ method: 'prompts/get' }, 'prompts'],
  [{ method: 'notifications/anything' }, 'notification'],
  [{ id: 1, result: {} }, 'answer'],
  [{ method: 'acme/secret-name' }, 'other'],
  [{ method: 7 }, 'other'],
  [null, 'other'],
  ['tools/call', 'other'],
  [[], 'other'],
];
test.each(classes)('%j is of its class', (body, expected) => {
  expect(methodClassOf(body)).toBe(expected);
});

test('the end of a server is told without its words', () => {
  expect(
    [
      'exited with code 3',
      'was ended by SIGSEGV',
      'was ended because it wrote more than 5 bytes in a minute',
      'was ended because it used more memory than it may',
      'could not be started (spawn /secret ENOENT)',
    ].map(serverEndOf),
  ).toEqual(['exit', 'signal', 'misconduct', 'memory', 'not-started']);
});

promise('P1', 'metrics are served on loopback, at one path, to no foreign host name', async () => {
  const server = await openMetricsServer({ text: () => 'vitrine_x 1\n' }, 0);
  onTestFinished(() => server.close());
  const url = new URL(server.url);
  expect(url.hostname).toBe('127.0.0.1');
  const ask = (path: string, host: string, method = 'GET'): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const sent = request({ port: url.port, host: url.hostname, path, method, headers: { host } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.once('error', reject);
      sent.end();
    });
  expect(await ask('/metrics', url.host)).toBe(200);
  expect(await ask('/metrics', `localhost:${url.port}`)).toBe(200);
  expect(await ask('/metrics', 'evil.example')).toBe(403);
  expect(await ask('/mcp', url.host)).toBe(404);
  expect(await ask('/metrics', url.host, 'POST')).toBe(404);
});
