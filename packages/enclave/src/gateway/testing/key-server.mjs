/**
 * A 2025-11-25 stdio server that uses its socket to the key service, and says on standard error what it
 * meets there. `--close`: closes it at once.
 *
 * @module
 */
import { closeSync, fstatSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';

const say = (line) => process.stderr.write(`${line}\n`);

if (process.env.VITRINE_KEYS !== 'fd:3') say('no socket');
else if (process.argv.includes('--close')) {
  closeSync(3);
  say('closed');
} else if (fstatSync(3).isSocket()) {
  writeSync(3, 'early words\n');
  say('wrote early');
  new Socket({ fd: 3 })
    .setEncoding('utf8')
    .on('data', (text) => say(`read ${text.trim()}`))
    .on('error', () => undefined)
    .on('end', () => say('end of the socket'));
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method } = JSON.parse(line);
    if (id === undefined) return;
    const result =
      method === 'initialize'
        ? {
            protocolVersion: '2025-11-25',
            capabilities: { tools: {} },
            serverInfo: { name: 'key-server', version: '1' },
          }
        : undefined;
    const outcome = result === undefined ? { error: { code: -32601, message: 'Method not found' } } : { result };
    process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...outcome })}\n`);
  })
  .on('close', () => process.exit(0));
