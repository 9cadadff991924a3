/**
 * Nothing of a secret is where it must not be, on machines with roots of their own: what wraps the root of keys, that
 * root, a key that was handed in, and a credential are in the memory of the key service and nowhere else, through
 * genesis, use, a Ctrl-C, a restart, and crashes with core files allowed.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { attestedTransport } from '@vitrine/client';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { missingSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { parseKeyslots } from '../../../packages/keys/src/app-root/keyslot-document.ts';
import { openSlot } from '../../../packages/keys/src/app-root/wrap.ts';
import { promise } from '../../promises.ts';
import {
  type Canaries,
  commandOf,
  filesBelow,
  formsOf,
  found,
  foundInFile,
  foundInMemory,
  foundOnDisk,
  processesBelow,
} from '../../support/canaries.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';
import { cocoMachine, dstackMachine, type EmulatedMachine, tpmMachine } from './machines.ts';
import { startRecorder } from './recorder.ts';

const NAME = 'canary';
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

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** What is started from here may write core files of any size, as on a machine whose operator wants them. */
let limits = '';
const setCoreLimit = (limit: string): void =>
  void execFileSync('prlimit', ['--pid', `${process.pid}`, `--core=${limit}`]);
const needs: string | false = process.getuid?.() === 0 ? false : 'only root can look into the processes of others';
beforeAll(() => {
  if (needs !== false) return;
  const [, soft, hard] =
    /^Max core file size\s+(\S+)\s+(\S+)/m.exec(readFileSync(`/proc/${process.pid}/limits`, 'latin1')) ?? [];
  limits = `${soft}:${hard}`;
  setCoreLimit(`${hard}:${hard}`);
});
afterAll(() => {
  if (limits !== '') setCoreLimit(limits);
});

/** An Ed25519 key with these private bytes, RFC 8410. */
function ed25519(seed: Uint8Array): KeyObject {
  const head = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([head, seed]), format: 'der', type: 'pkcs8' });
}

/** Everything about one server that its owner would rather not see elsewhere. */
interface Stage {
  readonly user: Workplace;
  readonly machine: EmulatedMachine;
  readonly digest: string;
  readonly canaries: Map<string, readonly Buffer[]>;
  /** Everything that anybody was told. */
  readonly said: string[];
  readonly seed: Uint8Array;
  readonly credential: string;
}

async function prepare(user: Workplace, machine: EmulatedMachine, known: Canaries): Promise<Stage> {
  const owner = (await user.run(['secrets', 'keygen', 'owner.pem'])).stdout.trim();
  const seed = Uint8Array.from(randomBytes(32));
  const credential = `token-${randomBytes(24).toString('hex')}`;
  const { x = '' } = createPublicKey(ed25519(seed)).export({ format: 'jwk' });
  await mkdir(join(user.directory, 'server'));
  await writeFile(join(user.directory, 'server/server.mjs'), SERVER);
  await writeFile(
    join(user.directory, 'vitrine.yaml'),
    `
name: ${NAME}
server: { source: path:./server, entry: server.mjs }
logs: { child: operator }
roots: ${await machine.roots()}
keys:
  mine:
    origin: imported
    algorithm: ed25519
    version: 1
    publicKey: "${Buffer.from(x, 'base64url').toString('hex')}"
    owner: "${owner}"
    policy: { rules: [{ id: notes, effect: allow, action: sign, contexts: [note] }] }
  derived:
    origin: derived
    algorithm: aes256
    version: 1
    policy: { rules: [{ id: tags, effect: allow, action: mac, contexts: [note] }] }
credentials:
  api:
    owner: "${owner}"
    header: authorization
    prefix: "Bearer "
    allow: [{ host: api.example.com, port: 443, methods: [GET], paths: [/v1/] }]
`,
  );
  return {
    user,
    machine,
    digest: (await user.run(['config', 'hash'])).stdout.trim(),
    canaries: new Map([
      ...known,
      ['the key that was handed in', formsOf(seed)],
      ['the credential', [Buffer.from(credential.slice(0, 30)), Buffer.from(credential.slice(24))]],
    ]),
    said: [],
    seed,
    credential,
  };
}

async function start({ user, machine, digest }: Stage, ...more: readonly string[]): Promise<Running> {
  await machine.boot(digest);
  return user.start([...machine.flags, '--log-json', ...more]);
}

async function handIn({ user, machine, seed, credential, said }: Stage, server: Running): Promise<void> {
  const trust = [
    '--to',
    server.ready.url,
    '--owner-key',
    'owner.pem',
    '--offline',
    ...(await machine.trustFlags(server)),
  ];
  for (const [name, value] of [
    ['mine', Buffer.from(seed).toString('hex')],
    ['api', credential],
  ] as const) {
    const { code, stdout, stderr } = await user.run(['secrets', 'seal', name, ...trust], value);
    expect(code, stderr).toBe(0);
    said.push(stdout, stderr);
  }
}

/** Signs, and asks for much that nobody gets; gives a client that is still connected. */
async function use({ machine, said }: Stage, server: Running): Promise<Client> {
  const client = new Client({ name: 'person', version: '1.0.0' });
  ends.push(() => client.close());
  await client.connect(attestedTransport(server.ready.url, await machine.trust(server)));
  const ask = async (method: string, params: object): Promise<string> => {
    const { content } = await client.callTool({ name: 'ask', arguments: { method, params } });
    const text = (content as readonly { readonly text: string }[]).map((one) => one.text).join('\n');
    said.push(text);
    return text;
  };
  const message = Buffer.from('hello').toString('base64url');
  expect(await ask('sign', { key: 'mine', context: 'note', message })).toMatch(/"signature":"[A-Za-z0-9_-]{86}"/);
  expect(await ask('mac', { key: 'derived', context: 'note', message })).toMatch(/"result":/);
  for (const method of ['keys.list', 'keys.export', 'explain', 'decrypt', 'store.get', 'credential', 'volumeKey']) {
    for (const params of [{}, { key: 'mine' }, { key: 'derived', context: 'other' }, { name: 'api' }]) {
      await ask(method, params);
    }
  }
  return client;
}

/** The secret of the machine, and what it wraps. */
async function learnRoots({ user, machine, canaries }: Stage): Promise<void> {
  const secret = await machine.rootSecret(NAME);
  const file = join(user.home, 'keys', NAME, 'keyslots.json');
  const [slot, ...more] = parseKeyslots(readFileSync(file, 'utf8'), file);
  if (slot === undefined || more.length > 0) throw new Error('expected one slot');
  const description = { kind: 'test', boundTo: 'test', derivableBy: [], survivesUpgrade: true, sharedByReplicas: true };
  const root = await openSlot(slot, [{ description, secret: async () => Uint8Array.from(secret) }]);
  if (root === undefined) throw new Error('the secret of the machine does not open the slot');
  canaries.set('the secret of the machine', formsOf(secret)).set('the root of keys', formsOf(root));
}

/** Files that runs of this program keep for as long as they live. */
function temporary(): readonly string[] {
  const ours = readdirSync(tmpdir()).filter((name) => /^vitrine-(?:\d+|out-|keys-)/.test(name));
  return ours.map((name) => join(tmpdir(), name));
}

const isKeyService = (pid: number): boolean => /keyd\.(?:ts|js)/.test(commandOf(pid));
const isServer = (pid: number): boolean => /server\.mjs/.test(commandOf(pid)) && !/bwrap/.test(commandOf(pid));

async function expectNothing({ user, canaries, said }: Stage, server: Running): Promise<void> {
  const { stdout, stderr } = server.output();
  expect(found(canaries, Buffer.from([...said, stdout, stderr].join('\n')))).toEqual([]);
  expect(await foundOnDisk(canaries, [user.directory, ...temporary()])).toEqual([]);
}

/** Command lines, environments and memory of all processes of the run. */
async function expectNothingInProcesses({ canaries }: Stage, server: Running): Promise<void> {
  const all = processesBelow(server.process.pid ?? 0);
  const services = all.filter(isKeyService);
  const others = all.filter((pid) => !services.includes(pid));
  expect([services.length > 0, others.filter(isServer).length > 0]).toEqual([true, true]);
  for (const pid of all) {
    expect(found(canaries, readFileSync(`/proc/${pid}/environ`)), commandOf(pid)).toEqual([]);
    expect(found(canaries, Buffer.from(commandOf(pid), 'latin1'))).toEqual([]);
  }
  for (const pid of others) expect(await foundInMemory(canaries, pid), commandOf(pid)).toEqual([]);
  // The search finds what is there.
  const inside = await Promise.all(services.map((pid) => foundInMemory(canaries, pid)));
  expect(inside.flat()).toEqual(expect.arrayContaining(['the key that was handed in', 'the credential']));
}

const closed = async (server: Running): Promise<void> => {
  if (server.process.exitCode === null && server.process.signalCode === null) {
    await new Promise((resolve) => server.process.once('close', resolve));
  }
};

/** Core files below the workplace, at the root of the file system, and in what a sandbox of the run can write. */
async function cores(user: Workplace, alive: readonly number[] = []): Promise<readonly string[]> {
  const isCore = (path: string): boolean => /^core(?:\.\d+)?$/.test(path.split('/').at(-1) ?? '');
  const inside = alive.flatMap((pid) => ['data', 'tmp'].map((name) => join('/proc', `${pid}`, 'root', name)));
  const below = await Promise.all([user.directory, ...temporary(), ...inside].map(filesBelow));
  return [...below.flat(), ...readdirSync('/').map((name) => `/${name}`)].filter(isCore);
}

async function story(user: Workplace, machine: EmulatedMachine, known: Canaries): Promise<Stage> {
  const stage = await prepare(user, machine, known);
  const first = await start(stage, '--genesis');
  await handIn(stage, first);
  await use(stage, first);
  await expectNothing(stage, first);
  expect((await first.stop()).code).toBe(0);
  await learnRoots(stage);
  await expectNothing(stage, first);

  const second = await start(stage);
  await use(stage, second);
  await expectNothingInProcesses(stage, second);
  await expectNothing(stage, second);
  await expectNoCoreOfKeys(stage, second);
  return stage;
}

/** Of the key service, which takes the run with it. */
async function expectNoCoreOfKeys(stage: Stage, server: Running): Promise<void> {
  const before = await cores(stage.user);
  process.kill(
    processesBelow(server.process.pid ?? 0)
      .filter(isKeyService)
      .at(-1) ?? 0,
    'SIGSEGV',
  );
  await closed(server);
  expect(server.output()).toMatchObject({ code: 5, stderr: expect.stringMatching(/key service/) });
  expect(await cores(stage.user)).toEqual(before);
  await expectNothing(stage, server);
}

/** First the server crashes, then the supervisor, which takes everything below it along. */
async function expectCoresWithoutSecrets(stage: Stage): Promise<void> {
  const { user, canaries } = stage;
  const server = await start(stage);
  const client = await use(stage, server);
  const all = processesBelow(server.process.pid ?? 0);
  const hosted = all.filter(isServer);
  process.kill(hosted.at(-1) ?? 0, 'SIGSEGV');
  const answer = await client.callTool({ name: 'ask', arguments: { method: 'keys.list', params: {} } }).catch(String);
  stage.said.push(JSON.stringify(answer));
  process.kill(server.process.pid ?? 0, 'SIGABRT');
  await closed(server);
  const written = await cores(user);
  // The search is of no use where nothing is written; this machine may give cores another place.
  if (readFileSync('/proc/sys/kernel/core_pattern', 'latin1').trim() === 'core') expect(written).not.toEqual([]);
  for (const core of written) {
    expect(await foundInFile(canaries, core), core).toEqual([]);
    if (core.startsWith(user.directory)) await rm(core);
  }
  await expect.poll(() => all.filter(isAlive), { timeout: 10_000 }).toEqual([]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

function freshPlace(): Workplace {
  const user = workplace();
  ends.push(() => user.dispose());
  return user;
}

function ending<T extends EmulatedMachine>(machine: T): T {
  ends.push(() => machine.end());
  return machine;
}

const SENTENCE = 'secrets are in the memory of the key service and nowhere else, whatever crashes';

promise.unless(needs || missingSwtpm(), 'P4', `with a TPM, ${SENTENCE}`, async () => {
  const user = freshPlace();
  await story(user, ending(await tpmMachine(user)), new Map());
});

promise.unless(needs, 'P4', `in dstack, ${SENTENCE}`, async () => {
  const user = freshPlace();
  await expectCoresWithoutSecrets(await story(user, ending(dstackMachine(user, { version: '0.6' })), new Map()));
});

promise.unless(needs, 'P4', `in CoCo, ${SENTENCE}, and the relay carries nothing that could be read`, async () => {
  const user = freshPlace();
  const resource = Uint8Array.from(randomBytes(32));
  const carried = new Map<string, () => Buffer>();
  const machine = await cocoMachine(user, {
    resource,
    between: async (name, port) => {
      const recorder = await startRecorder({ port });
      ends.push(() => recorder.close());
      carried.set(name, recorder.heard);
      return recorder.port;
    },
  });
  const known = new Map([['the resource of the key broker', formsOf(resource)]]);
  await story(user, ending(machine), known);
  expect(machine.broker.sessions()).toBeGreaterThanOrEqual(3);
  for (const [name, heard] of carried) {
    expect(heard().length, name).toBeGreaterThan(1000);
    expect(found(known, heard()), name).toEqual([]);
  }
  // The broker is spoken to by TLS alone: records of a handshake, and no word of its protocol.
  const broker = carried.get('broker')?.() ?? Buffer.alloc(0);
  expect([broker.readUInt8(0), broker.includes('/kbs/v0/')]).toEqual([0x16, false]);
});
