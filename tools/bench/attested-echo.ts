/**
 * A program: an MCP server with one tool over attested TLS, simulated, that costs as little as
 * possible, so that what stands in front of it is what is measured. Prints one JSON line with its
 * address and where its reference values, policy and simulator root are; ends with its stdin.
 *
 * Clients that verify nothing are served too, for comparison.
 *
 * @module
 */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { createInstanceIdentity } from '@vitrine/attester';
import { formatEvidenceBundle, fromBase64Url } from '@vitrine/documents';
import { simulatedEnclave } from '../../packages/client/src/testing/evidence.ts';
import { serveMcp } from '../../packages/client/src/testing/mcp-server.ts';

await using enclave = await simulatedEnclave();
const identity = createInstanceIdentity(new Date());

/** Evidence for the connection on which `request` came. */
async function evidenceFor(socket: TLSSocket, request: string): Promise<string> {
  const { nonce } = JSON.parse(request) as { readonly nonce: string };
  const exporter = Uint8Array.from(socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0)));
  const context = { nonce: fromBase64Url(nonce) ?? new Uint8Array(), exporter, identity, request, socket };
  return formatEvidenceBundle(await enclave.evidence(context));
}

const { certificatePem: cert, privateKeyPem: key } = identity;
const server = createServer({ cert, key, minVersion: 'TLSv1.3', keepAliveTimeout: 600_000 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    if (request.url !== '/.well-known/vitrine/attest') return serveMcp(request, response, body);
    void evidenceFor(request.socket as TLSSocket, body).then((bundle) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(bundle) });
      response.end(bundle);
    });
  });
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const referenceValues = join(enclave.home, 'reference-values.json');
const policy = join(enclave.home, 'policy.json');
await writeFile(referenceValues, JSON.stringify(await enclave.referenceValues()));
await writeFile(policy, '{"type":"vitrine/appraisal-policy/v1","extends":"default"}');
const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
process.stdout.write(`${JSON.stringify({ url, referenceValues, policy, root: enclave.simulator.rootFile })}\n`);
await new Promise((resolve) => process.stdin.once('end', resolve).resume());
server.closeAllConnections();
server.close();
