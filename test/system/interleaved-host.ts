/**
 * A program: a gateway in front of the test server of the older era, on a free loopback port. Prints its
 * address; to each line of its standard input it prints how many bytes it holds, after a collection of
 * garbage; ends with its standard input.
 *
 * @module
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { createGateway } from '../../packages/enclave/src/gateway/gateway.ts';
import { ANYBODY } from '../../packages/enclave/src/guard/principal.ts';
import { directHousing } from '../../packages/enclave/src/housing/direct-housing.ts';

const script = path.join(import.meta.dirname, '../../packages/enclave/src/gateway/testing/legacy-server.mjs');
const gateway = createGateway({
  housing: directHousing({
    template: { command: process.execPath, args: [script], environment: {}, readable: [] },
    dataDirectory: path.join(process.env['TMPDIR'] ?? '/tmp', `vitrine-interleaved-${process.pid}`),
    platform: process.platform,
    systemRoot: undefined,
    keySocket: false,
  }),
  onServerLog: (line) => process.stderr.write(`${line}\n`),
});
const server = createServer((request, response) => void gateway.handle(request, response, ANYBODY));
await gateway.ready;
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp\n`);
});
for await (const _ of createInterface({ input: process.stdin })) {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write(`${heapUsed + external}\n`);
}
await gateway.close(0);
server.closeAllConnections();
server.close();
