/**
 * A freshness service for small deployments: `node server.ts <directory> [port]`. It listens on loopback, for a
 * reverse proxy with TLS before it. Run it where the operator of the enclave has no say; back up nothing of it, since a
 * restored copy is what it exists to notice.
 *
 * @module
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { type Answer, anchorService, serviceKey } from './anchor-service.ts';
import { fileMemory } from './file-memory.ts';

const MAX_BYTES = 8192;

/** Its key, made at the first start. */
function openKey(directory: string): KeyObject {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'key.pem');
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600, flag: 'wx' });
  }
  return createPrivateKey(readFileSync(file));
}

/** Serves what `directory` remembers; resolves when it listens. */
export async function serveAnchor(
  directory: string,
  port: number,
): Promise<{ readonly url: string; readonly key: string; close(): Promise<void> }> {
  const privateKey = openKey(directory);
  const memory = fileMemory(directory);
  const answer = anchorService({ memory, privateKey, now: () => new Date() });
  const server = createServer((request, response) => {
    const reply = ({ status, body }: Answer): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    };
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BYTES) chunks.push(chunk);
    });
    request.on('end', () => {
      const isQuestion = request.method === 'POST' && (request.url === '/v1/read' || request.url === '/v1/advance');
      if (!isQuestion) return reply({ status: 404, body: '{"error":"ask with POST /v1/read or /v1/advance"}' });
      if (size > MAX_BYTES) return reply({ status: 413, body: '{"error":"the question is too large"}' });
      return void answer(request.url ?? '', Buffer.concat(chunks).toString()).then(reply);
    });
    request.on('error', () => response.destroy());
  });
  await listen(server, port);
  const address = server.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://127.0.0.1:${bound}`,
    key: serviceKey(privateKey),
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      memory.close();
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve());
  });
}

const [directory, port = '8787'] = process.argv.slice(2);
if (import.meta.main && directory !== undefined) {
  const { url, key } = await serveAnchor(directory, Number(port));
  process.stdout.write(`anchor:\n  kind: service\n  url: ${url}\n  key: ${key}\n`);
}
