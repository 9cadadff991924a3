/**
 * Nothing of a private key and of a credential is where it must not be: a key whose bytes are known is
 * handed in and used, and then everything is searched that others can look at.
 *
 * @module
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { attestedTransport } from '@vitrine/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../promises.ts';
import { type Running, type Workplace, workplace } from '../support/cli.ts';

const SERVER = `
import { createInterface } from 'node:readline';
import { Socket } from 'node:net';
const keys = new Socket({ fd: 3 });
const answers = createInterface({ input: keys })[Symbol.asyncIterator]();
const call = async (method, params) => {
  keys.write(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }) + '\\n');
  return JSON.stringify(JSON.parse((await answers.next()).value));
};
const answer = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'initialize')
    return answer(id, { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } });
  if (method === 'tools/list') return answer(id, { tools: [{ name: 'ask', inputSchema: { type: 'object' } }] });
  if (method !== 'tools/call') return answer(id, {});
  answer(id, { content: [{ type: 'text', text: await call(params.arguments.method, params.arguments.params) }] });
});
`;

const secret: Uint8Array = randomBytes(32);
const credential = `token-${randomBytes(24).toString('hex')}`;
let user: Workplace;
let running: Running;
let client: Client;
let said: string;

/** An Ed25519 key with these private bytes, RFC 8410. */
function ed25519(seed: Uint8Array): KeyObject {
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' });
}

async function ask(method: string, params: object): Promise<string> {
  const { content } = await client.callTool({ name: 'ask', arguments: { method, params } });
  const text = (content as readonly { readonly text: string }[]).map((one) => one.text).join('\n');
  said += `${text}\n`;
  return text;
}

/** The ways in which bytes are usually written. */
function forms(bytes: Uint8Array): readonly Buffer[] {
  const raw = Buffer.from(bytes);
  const encodings = ['hex', 'base64', 'base64url'] as const;
  return [
    raw,
    raw.subarray(0, 16),
    raw.subarray(16),
    ...encodings.map((encoding) => Buffer.from(raw.toString(encoding).replace(/=+$/, ''))),
    Buffer.from(raw.toString('hex').toUpperCase()),
    Buffer.from(Array.from(raw).join(',')),
  ];
}

const CANARIES: readonly Buffer[] = [...forms(secret), Buffer.from(credential)];
const hits = (content: Buffer): boolean => CANARIES.some((canary) => content.includes(canary));

/** Process ids of this run: the supervisor and everything below it. */
function processes(): readonly number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended.
    }
  }
  const found = [running.process.pid ?? 0];
  for (const pid of found) for (const [child, parent] of parents) if (parent === pid) found.push(child);
  return found;
}

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'latin1');
const isKeyService = (pid: number): boolean => /keyd\.(?:ts|js)/.test(commandOf(pid));

/** Whether any readable memory of the process holds a canary. */
async function memoryHits(pid: number): Promise<boolean> {
  const file = await open(`/proc/${pid}/mem`, 'r');
  try {
    const areas = readFileSync(`/proc/${pid}/maps`, 'latin1').matchAll(/^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ (\d+)/gm);
    const chunk = Buffer.alloc(4 << 20);
    for (const [, from = '', to = ''] of areas) {
      const [start, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
      // Overlapping, so that nothing is cut in two.
      for (let at = start; at < end; at += chunk.length - 4096) {
        const { bytesRead } = await file
          .read(chunk, 0, Math.min(chunk.length, end - at), at)
          .catch(() => ({ bytesRead: 0 }));
        if (hits(chunk.subarray(0, bytesRead))) return true;
      }
    }
    return false;
  } finally {
    await file.close();
  }
}

async function filesBelow(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

beforeAll(async () => {
  user = workplace();
  said = '';
  const owner = (await user.run(['secrets', 'keygen', 'owner.pem'])).stdout.trim();
  const { x = '' } = createPublicKey(ed25519(secret)).export({ format: 'jwk' });
  await mkdir(join(user.directory, 'server'));
  await writeFile(join(user.directory, 'server/server.mjs'), SERVER);
  await writeFile(
    join(user.directory, 'vitrine.yaml'),
    `
name: canary
server: { source: path:./server, entry: server.mjs }
keys:
  mine:
    origin: imported
    algorithm: ed25519
    version: 1
    publicKey: "${Buffer.from(x, 'base64url').toString('hex')}"
    owner: "${owner}"
    policy: { rules: [{ id: notes, effect: allow, action: sign, contexts: [note] }] }
credentials:
  api:
    owner: "${owner}"
    header: authorization
    prefix: "Bearer "
    allow: [{ host: api.example.com, port: 443, methods: [GET], paths: [/v1/] }]
`,
  );
  running = await user.start(['--genesis', '--log-json']);
  const trust = ['--to', running.ready.url, '--owner-key', 'owner.pem', '--allow-simulator'];
  const reference = ['--reference', running.ready.referenceValues];
  for (const [name, value] of [
    ['mine', Buffer.from(secret).toString('hex')],
    ['api', credential],
  ] as const) {
    const { code, stdout, stderr } = await user.run(['secrets', 'seal', name, ...trust, ...reference], value);
    expect(code, stderr).toBe(0);
    said += stdout + stderr;
  }
  client = new Client({ name: 'person', version: '1.0.0' });
  await client.connect(
    attestedTransport(running.ready.url, {
      policy: 'default',
      referenceValues: JSON.parse(await readFile(running.ready.referenceValues, 'utf8')),
      simulatorRootPem: await readFile(join(user.home, 'simulator', 'root.pem'), 'utf8'),
    }),
  );
});
afterAll(async () => {
  await client?.close();
  await user?.dispose();
});

describe('a key that was handed in', () => {
  test('is used', async () => {
    const message = Buffer.from('hello').toString('base64url');
    expect(await ask('sign', { key: 'mine', context: 'note', message })).toMatch(/"signature":"[A-Za-z0-9_-]{86}"/);
  });

  promise('P4', 'is in no answer, error or log, whatever is asked', async () => {
    const methods = [
      'keys.list',
      'keys.export',
      'sign',
      'explain',
      'decrypt',
      'jws.sign',
      'store.get',
      'random',
      '__proto__',
    ];
    for (const method of methods) {
      for (const params of [
        {},
        { key: 'mine' },
        { key: 'mine', context: 'other', message: '' },
        { method: 'sign', params: { key: 'mine' } },
      ]) {
        await ask(method, params);
      }
    }
    const { stdout, stderr } = running.output();
    expect(hits(Buffer.from(said + stdout + stderr))).toBe(false);
  });

  promise('P4', 'is not on the disk', async () => {
    const found: string[] = [];
    for (const file of await filesBelow(user.directory)) if (hits(await readFile(file))) found.push(file);
    expect(found).toEqual([]);
  });

  promise.unless(
    process.getuid?.() === 0 ? false : 'only root can look into the processes of others',
    'P4',
    'is in the memory of the key service, and of no other process; nor in any command line or environment',
    async () => {
      const all = processes();
      const services = all.filter(isKeyService);
      expect(services.length).toBeGreaterThan(0);
      const others = all.filter((pid) => !services.includes(pid));
      expect(others.length).toBeGreaterThanOrEqual(3);
      for (const pid of all) {
        expect(hits(readFileSync(`/proc/${pid}/environ`))).toBe(false);
        expect(hits(Buffer.from(commandOf(pid), 'latin1'))).toBe(false);
      }
      for (const pid of others) expect(await memoryHits(pid), commandOf(pid)).toBe(false);
      // The search finds what is there.
      expect(await Promise.any(services.map(async (pid) => (await memoryHits(pid)) || Promise.reject(pid)))).toBe(true);
    },
  );

  promise.unless(
    process.getuid?.() === 0 ? false : 'only root can end the process of another user',
    'P4',
    'is in no core file: a key service that crashes leaves none, and nothing is served without it',
    async () => {
      const limits = processes()
        .filter(isKeyService)
        .map((pid) =>
          /^Max core file size\s+(\S+)\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'latin1'))?.slice(1),
        );
      expect(limits.every((limit) => limit?.join() === '0,0')).toBe(true);
      const before = await filesBelow(user.directory);
      process.kill(processes().filter(isKeyService).at(-1) ?? 0, 'SIGSEGV');
      await new Promise((resolve) => running.process.once('close', resolve));
      const { code, stderr } = running.output();
      expect([code, stderr]).toEqual([5, expect.stringMatching(/key service/)]);
      const after = await filesBelow(user.directory);
      expect(after.filter((file) => !before.includes(file) && /core/.test(file))).toEqual([]);
      expect(hits(Buffer.from(stderr))).toBe(false);
    },
  );
});
