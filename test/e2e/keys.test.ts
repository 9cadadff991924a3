/** Keys, documents and the signer of hosted servers, through the command line. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { attestedTransport } from '@vitrine/client';
import { type Hex, recoverMessageAddress } from 'viem';
import { afterEach, expect, test } from 'vitest';
import { promise } from '../promises.ts';
import { type Running, type Workplace, workplace } from '../support/cli.ts';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const noSandbox = existsSync('/usr/bin/bwrap') ? false : 'bubblewrap is not installed';
const TOKENS = 'alice alice-has-a-long-token-0001\nbob bob-has-a-long-token-000000002\n';

const NOTES = `
import { fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
export default ({ keys, store }) => {
  const server = new McpServer({ name: 'notes', version: '1.0.0' }, { capabilities: { tools: {} } });
  const inputSchema = fromJsonSchema({ type: 'object', properties: { id: { type: 'string' }, text: { type: 'string' } } });
  const notes = store.collection('notes');
  const said = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) ?? 'nothing' }] });
  server.registerTool('keep', { inputSchema }, async ({ id, text }) => said(await notes.put(id, { text })));
  server.registerTool('read', { inputSchema }, async ({ id }) => said(await notes.get(id)));
  server.registerTool('list', { inputSchema }, async () => said(await notes.list()));
  server.registerTool('keys', { inputSchema }, async () => said(await keys.call('keys.list', {})));
  return server;
};
`;

const SIGNING = `
import { createInterface } from 'node:readline';
const call = async (method, params) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
  const { result, error } = await (await fetch(process.env.VITRINE_SIGNER_URL, { method: 'POST', body })).json();
  return result ?? error.message;
};
const answer = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'initialize')
    return answer(id, { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } });
  if (method === 'tools/list') return answer(id, { tools: [{ name: 'sign', inputSchema: { type: 'object' } }] });
  if (method !== 'tools/call') return answer(id, {});
  const [account] = await call('eth_accounts', []);
  const text = [account, await call('personal_sign', [params.arguments.text, account]), await call('eth_sign', [account, '0x00'])];
  answer(id, { content: text.map((one) => ({ type: 'text', text: one })) });
});
`;

const SIGNING_YAML = `
name: signing
server: { source: path:./server, entry: server.mjs }
signer: { port: 8550, key: main }
keys:
  main:
    origin: generated
    algorithm: secp256k1
    version: 1
    policy:
      rules: [{ id: greeting, effect: allow, action: evm.message, startsWith: ["hello"] }]
`;

const places: Workplace[] = [];
const place = (): Workplace => {
  const made = workplace();
  places.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(places.splice(0).map((made) => made.dispose()));
});

async function connected(user: Workplace, server: Running, token?: string): Promise<Client> {
  const client = new Client({ name: 'person', version: '1.0.0' });
  await client.connect(
    attestedTransport(server.ready.url, {
      policy: 'default',
      referenceValues: JSON.parse(await readFile(server.ready.referenceValues, 'utf8')),
      simulatorRootPem: await readFile(join(user.home, 'simulator', 'root.pem'), 'utf8'),
      ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
    }),
  );
  return client;
}

async function call(client: Client, name: string, args: Record<string, string> = {}): Promise<string[]> {
  const { content } = await client.callTool({ name, arguments: args });
  return (content as readonly { readonly text: string }[]).map(({ text }) => text);
}

async function notes(user: Workplace): Promise<void> {
  const scope = join(user.directory, 'server/node_modules/@modelcontextprotocol');
  await mkdir(scope, { recursive: true });
  for (const name of ['server', 'core']) {
    await cp(join(MODULES, '@modelcontextprotocol', name), join(scope, name), { recursive: true });
  }
  await cp(join(MODULES, 'zod'), join(user.directory, 'server/node_modules/zod'), { recursive: true });
  await writeFile(join(user.directory, 'server/main.mjs'), NOTES);
  await writeFile(join(user.directory, 'tokens'), TOKENS, { mode: 0o600 });
  await writeFile(
    join(user.directory, 'vitrine.yaml'),
    'name: notes\nserver: { source: "module:./server/main.mjs" }\nstore: sealed\nauth: { kind: bearer, tokenFile: tokens }\n',
  );
}

promise(
  'P1',
  'documents of a server are each caller’s own, sealed on the disk, and there after a restart',
  async () => {
    const user = place();
    await notes(user);
    const first = await user.start(['--genesis']);
    const alice = await connected(user, first, 'alice-has-a-long-token-0001');
    const bob = await connected(user, first, 'bob-has-a-long-token-000000002');
    expect(await call(alice, 'keep', { id: 'plan', text: 'CANARY-OF-ALICE' })).toEqual(['1']);
    expect(await call(bob, 'read', { id: 'plan' })).toEqual(['nothing']);
    expect(await call(bob, 'list')).toEqual(['[]']);
    expect(await call(alice, 'keys')).toEqual(['[]']);
    await Promise.all([alice.close(), bob.close()]);
    await first.stop();
    const kept = await readFile(join(user.home, 'keys/notes/store.sqlite'));
    expect(kept.includes('CANARY')).toBe(false);
    expect(kept.includes('alice')).toBe(false);

    const second = await user.start([]);
    const again = await connected(user, second, 'alice-has-a-long-token-0001');
    expect(await call(again, 'read', { id: 'plan' })).toEqual(['{"text":"CANARY-OF-ALICE"}']);
    await again.close();
  },
);

test('a root is made once and on demand only; state that is missing is never a first boot', async () => {
  const user = place();
  await notes(user);
  const without = await user.run(['run', '--listen', '127.0.0.1:0']);
  expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--genesis')]);
  await (await user.start(['--genesis'])).stop();
  const twice = await user.run(['run', '--listen', '127.0.0.1:0', '--genesis']);
  expect([twice.code, twice.stderr]).toEqual([2, expect.stringMatching(/already|exists/)]);
  await rm(join(user.home, 'keys/notes/store.sqlite'));
  const missing = await user.run(['run', '--listen', '127.0.0.1:0']);
  expect(missing.code).toBe(2);
  expect(missing.stderr).toMatch(/store/);
});

promise.unless(noSandbox, 'P4', 'an unmodified program signs over JSON-RPC inside of its sandbox', async () => {
  const user = place();
  await mkdir(join(user.directory, 'server'));
  await writeFile(join(user.directory, 'server/server.mjs'), SIGNING);
  await writeFile(join(user.directory, 'vitrine.yaml'), SIGNING_YAML);
  const client = await connected(user, await user.start([]));
  const [account = '', signature = '', refused] = await call(client, 'sign', { text: 'hello world' });
  expect(await recoverMessageAddress({ message: 'hello world', signature: signature as Hex })).toBe(account);
  expect(refused).toMatch(/it signs any hash/);
  expect((await call(client, 'sign', { text: 'goodbye' }))[1]).toMatch(/greeting/);
  await client.close();
});
