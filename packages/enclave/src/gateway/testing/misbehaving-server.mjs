/**
 * A 2025-11-25 stdio server whose tools misbehave: each is named after what it does. In plain JSON-RPC.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const write = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const never = () => new Promise(() => undefined);

/** Writes `chunk` for ever, as fast as it is read. */
function flood(stream, chunk) {
  const more = () => {
    while (stream.write(chunk));
    stream.once('drain', more);
  };
  more();
  return never();
}

const lines = createInterface({ input: process.stdin });

const tools = {
  pid: () => text(process.pid),
  garbage: () => flood(process.stdout, 'Listening on port 3000\n'.repeat(100)),
  'plain-endless-line': () => flood(process.stdout, 'x'.repeat(16_384)),
  'json-endless-line': () => {
    process.stdout.write('{"jsonrpc":"2.0","method":"');
    return flood(process.stdout, 'x'.repeat(16_384));
  },
  'message-flood': () =>
    flood(
      process.stdout,
      `${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })}\n`.repeat(100),
    ),
  'answer-flood': () => flood(process.stdout, '{"jsonrpc":"2.0","id":"nobody","result":{}}\n'.repeat(100)),
  'error-flood': () => flood(process.stderr, `${'e'.repeat(99)}\n`.repeat(100)),
  'error-endless-line': () => flood(process.stderr, 'e'.repeat(16_384)),
  'some-errors': () => {
    process.stderr.write(`${'e'.repeat(99)}\n`.repeat(50));
    return text('said');
  },
  'close-output': () => {
    closeSync(1);
    setInterval(() => undefined, 60_000);
    return never();
  },
  deaf: () => {
    lines.pause();
    process.stdin.pause();
    process.stderr.write('deaf\n');
    setInterval(() => undefined, 60_000);
    return never();
  },
  stubborn: () => {
    process.on('SIGTERM', () => undefined);
    process.on('SIGHUP', () => undefined);
    setInterval(() => undefined, 60_000);
    return text(process.pid);
  },
  helper: () => {
    const program = "process.on('SIGTERM', () => {}); setInterval(() => {}, 60000)";
    return text(spawn(process.execPath, ['-e', program], { stdio: 'ignore' }).pid);
  },
  // Leaves its process group and session, as daemons do, and keeps a port as a sign of life.
  daemon: () => {
    const program = `require('node:fs').writeFileSync(process.argv[1], String(process.pid)); setInterval(() => {}, 60000)`;
    spawn(process.execPath, ['-e', program, process.argv[2]], { stdio: 'ignore', detached: true }).unref();
    return text('left behind');
  },
  die: () => process.exit(7),
};

const methods = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: { tools: {} },
    serverInfo: { name: 'misbehaving-server', version: '1.0.0' },
  }),
  ping: () => ({}),
  'tools/list': () => ({ tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })) }),
  'tools/call': ({ name }) => tools[name](),
};

async function answer(line) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  const handler = methods[method];
  if (handler === undefined) write({ id, error: { code: -32601, message: `Method not found: ${method}` } });
  else write({ id, result: await handler(params) });
}

lines.on('line', (line) => void answer(line));
