/**
 * Serves the metrics on a port of their own, on the loopback interface only: they are the operator's, and
 * nothing of the enclave's front door is reachable there.
 *
 * @module
 */
import { createServer } from 'node:http';
import { listen } from '../front-door/listen.ts';
import type { Metrics } from './metrics.ts';

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const PATH = '/metrics';
const CONNECTIONS = 16;
const PATIENCE_MS = 5_000;

/**
 * @param port - 0 takes any free one.
 * @throws UsageError with code `listen.in-use` or `listen.denied`.
 */
export async function openMetricsServer(metrics: Pick<Metrics, 'text'>, port: number): Promise<MetricsServer> {
  const server = createServer(
    { headersTimeout: PATIENCE_MS, requestTimeout: PATIENCE_MS, connectionsCheckingInterval: PATIENCE_MS },
    (request, response) => {
      request.resume();
      // A page in a browser on this machine must not read them by rebinding a name.
      const isHere = request.headers.host === `${HOST}:${actual}` || request.headers.host === `localhost:${actual}`;
      if (!isHere) response.writeHead(403).end();
      else if (request.method !== 'GET' || request.url !== PATH) response.writeHead(404).end();
      else response.writeHead(200, { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' }).end(metrics.text());
    },
  );
  server.maxConnections = CONNECTIONS;
  const actual = await listen(server, { host: HOST, port, publicHosts: [] });
  return {
    url: `http://${HOST}:${actual}${PATH}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
