/**
 * A 2025-11-25 stdio server in plain JSON-RPC, without an SDK, so that tests see exactly what the gateway
 * sends and decide exactly what comes back. Arguments choose how it misbehaves:
 * `--die` at start, `--exit-on-discover`, `--ignore-discover`, `--mute` (answers nothing), `--stubborn` (ignores SIGTERM and
 * the end of its input), `--refuse-initialize`.
 * The tool `dumb` closes its output without ending it.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const flags = new Set(process.argv.slice(2));
const running = new Map();
const answers = new Map();
let client = {};
let level = 'none';
let lastAsked = 0;

if (flags.has('--die')) {
  process.stderr.write('the key FOO is not set\n');
  process.exit(3);
}
if (flags.has('--stubborn')) {
  process.on('SIGTERM', () => undefined);
  setInterval(() => undefined, 60_000);
}

// What is written in one go arrives in one go.
let unwritten = '';
function write(message) {
  if (unwritten === '') {
    queueMicrotask(() => {
      process.stdout.write(unwritten);
      unwritten = '';
    });
  }
  unwritten += `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`;
}
const notify = (method, params) => write(params === undefined ? { method } : { method, params });
const text = (value) => ({
  content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }],
});

function ask(method, params) {
  lastAsked += 1;
  const id = lastAsked;
  write({ id, method, params });
  return new Promise((resolve) => answers.set(id, resolve));
}

const question = (message) => ({
  message,
  requestedSchema: { type: 'object', properties: { answer: { type: 'string' } } },
});

const tools = {
  echo: ({ m }) => text(m),
  whoami: (_args, params) =>
    text({ pid: process.pid, client, level, meta: params._meta ?? null, environment: process.env }),
  marked: () => ({ ...text('marked'), _meta: { 'dev.vitrine/receipt': 'r1' } }),
  progress(_args, params) {
    const progressToken = params._meta?.progressToken;
    for (const progress of [1, 2, 3]) notify('notifications/progress', { progressToken, progress, total: 3 });
    return text('done');
  },
  log(_args) {
    notify('notifications/message', { level: 'debug', data: 'small' });
    notify('notifications/message', { level: 'error', data: 'large' });
    return text('logged');
  },
  hang() {
    process.stderr.write('hangs\n');
    return new Promise(() => undefined);
  },
  open({ name }) {
    process.stderr.write(`opens ${name}
`);
    process.stderr.write(`opens ${name} in ${process.pid}\n`);
    return new Promise((resolve) => running.set(name, () => resolve(text(`opened ${name}`))));
  },
  async openAsking({ name }) {
    const answer = ask('elicitation/create', question('who'));
    process.stderr.write(`opens ${name} in ${process.pid}\n`);
    await new Promise((resolve) => running.set(name, resolve));
    return text(await answer);
  },
  release({ name }) {
    running.get(name)?.();
    running.delete(name);
    return text('released');
  },
  die() {
    process.stderr.write('dying as told\n');
    process.exit(7);
  },
  dumb() {
    setInterval(() => undefined, 60_000);
    closeSync(1);
    return new Promise(() => undefined);
  },
  large: ({ bytes }) => text('x'.repeat(bytes)),
  binary: () => ({
    content: [
      {
        type: 'image',
        mimeType: 'image/png',
        data: Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)).toString('base64'),
      },
    ],
  }),
  garbage() {
    process.stdout.write('Listening on port 3000\n\n{"half": \n[]\n');
    return text('still here');
  },
  async elicit() {
    return text(
      await ask('elicitation/create', { message: 'Sure?', requestedSchema: { type: 'object', properties: {} } }),
    );
  },
  async roots() {
    return text(await ask('roots/list', undefined));
  },
  async sample() {
    return text(await ask('sampling/createMessage', { messages: [], maxTokens: 10 }));
  },
  async asks({ method, params }) {
    return text(await ask(method, params));
  },
  async rounds({ mark }) {
    const name = await ask('elicitation/create', question(`name ${mark}`));
    const colour = await ask('elicitation/create', question(`colour of ${name.content.answer}`));
    return text(`${mark}: ${name.content.answer} is ${colour.content.answer}`);
  },
  async together() {
    const asked = [
      ask('elicitation/create', question('name')),
      ask('sampling/createMessage', { messages: [], maxTokens: 10 }),
      ask('roots/list', undefined),
    ];
    return text(await Promise.all(asked));
  },
  // Does not wait for the answer.
  async hasty() {
    void ask('elicitation/create', question('too late'));
    process.stderr.write('asked hastily\n');
    await new Promise((resolve) => running.set('hasty', resolve));
    return text('done without you');
  },
  async fickle() {
    void ask('elicitation/create', question('never mind'));
    notify('notifications/cancelled', { requestId: lastAsked });
    return text(await ask('elicitation/create', question('but this')));
  },
  async asksWithProgress(_args, params) {
    const progressToken = params._meta?.progressToken;
    notify('notifications/progress', { progressToken, progress: 1 });
    const answer = await ask('elicitation/create', question('go on?'));
    notify('notifications/progress', { progressToken, progress: 2 });
    return text(answer);
  },
  afterwards() {
    const askOutside = async () => {
      process.stderr.write(`outside: ${JSON.stringify(await ask('roots/list', undefined))}\n`);
    };
    setImmediate(() => void askOutside());
    return text('returned');
  },
  change() {
    notify('notifications/tools/list_changed');
    return text('changed');
  },
  touch({ uri }) {
    notify('notifications/resources/updated', { uri });
    return text('touched');
  },
  helper() {
    const child = spawn(process.execPath, ['-e', "process.on('SIGTERM', () => {}); setInterval(() => {}, 60000)"], {
      stdio: 'ignore',
    });
    return text(String(child.pid));
  },
};

class RpcError extends Error {
  constructor(code, message, data) {
    super(message);
    Object.assign(this, { code, data });
  }
}

const methods = {
  initialize(params) {
    if (flags.has('--refuse-initialize')) throw new RpcError(-32603, 'not today');
    client = { info: params.clientInfo, capabilities: params.capabilities };
    return {
      protocolVersion: '2025-11-25',
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: {},
        completions: {},
        logging: {},
        tasks: {},
      },
      serverInfo: { name: 'legacy-test-server', version: '1.0.0' },
      instructions: 'Be kind.',
    };
  },
  ping: () => ({}),
  'logging/setLevel'(params) {
    level = params.level;
    return {};
  },
  'tools/list': () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object', properties: {} } })),
  }),
  'tools/call'(params) {
    const tool = tools[params.name];
    if (tool === undefined) throw new RpcError(-32602, `Unknown tool: ${params.name}`);
    return tool(params.arguments ?? {}, params);
  },
  'resources/list': () => ({ resources: [{ uri: 'test://text', name: 'text' }] }),
  'resources/templates/list': () => ({ resourceTemplates: [{ uriTemplate: 'test://item/{id}', name: 'item' }] }),
  async 'resources/read'({ uri }) {
    if (uri === 'test://ask') return { contents: [{ uri, text: JSON.stringify(await ask('roots/list', undefined)) }] };
    if (uri === 'test://text') return { contents: [{ uri, mimeType: 'text/plain', text: 'hello' }] };
    if (uri === 'test://blob') return { contents: [{ uri, mimeType: 'application/octet-stream', blob: 'AP8=' }] };
    throw new RpcError(-32002, 'Resource not found', { uri });
  },
  'resources/subscribe'({ uri }) {
    process.stderr.write(`subscribed ${uri}\n`);
    return {};
  },
  'resources/unsubscribe'({ uri }) {
    process.stderr.write(`unsubscribed ${uri}\n`);
    return {};
  },
  'prompts/list': () => ({ prompts: [{ name: 'greet', arguments: [{ name: 'who', required: true }] }] }),
  async 'prompts/get'({ name, arguments: args }) {
    const who = name === 'ask' ? (await ask('elicitation/create', question('who'))).content.answer : args.who;
    return { messages: [{ role: 'user', content: { type: 'text', text: `Hello ${who}` } }] };
  },
  'completion/complete': ({ argument }) => ({ completion: { values: [`${argument.value}a`, `${argument.value}b`] } }),
  'acme/search': ({ query }) => ({ found: query }),
};

async function serve({ id, method, params }) {
  const handler = methods[method];
  if (handler === undefined) return write({ id, error: { code: -32601, message: `Method not found: ${method}` } });
  try {
    write({ id, result: await handler(params ?? {}) });
  } catch (failure) {
    write({ id, error: { code: failure.code ?? -32603, message: failure.message, data: failure.data } });
  }
}

// What was opened can be released even when no request gets through any more.
process.on('SIGUSR2', () => {
  for (const release of running.values()) release();
});

createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (flags.has('--mute')) return;
  if (message.method === 'server/discover') {
    if (flags.has('--ignore-discover')) return;
    if (flags.has('--exit-on-discover')) process.exit(1);
  }
  if (message.method === 'notifications/cancelled') process.stderr.write('cancelled a request\n');
  else if (message.method !== undefined && message.id !== undefined) void serve(message);
  else if (message.id !== undefined) answers.get(message.id)?.(message.result ?? message.error);
});
