/**
 * A hosted server in its sandbox has no way to the platform: not to the device or socket that evidence and roots come
 * from, not to the key service and its files, not to the cloud's own services. Whoever reached one of them could have
 * bytes of its own choice quoted, or derive any key.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { attestedTransport } from '@vitrine/client';
import { afterEach, expect } from 'vitest';
import { missingSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { promise } from '../../promises.ts';
import { commandOf, processesBelow } from '../../support/canaries.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';
import { cocoMachine, dstackMachine, type EmulatedMachine, tpmMachine } from './machines.ts';

/** Tries what it is asked to, and says how that went: `ok`, or the code of the error. */
const SERVER = `
import { readdirSync, readFileSync, openSync, closeSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
const connected = (options) => new Promise((resolve) => {
  const socket = connect(options, () => { socket.destroy(); resolve('ok'); });
  socket.setTimeout(2000, () => { socket.destroy(); resolve('timeout'); });
  socket.on('error', ({ code }) => resolve(code));
});
const tries = {
  read: ({ path }) => { closeSync(openSync(path, 'r')); return 'ok'; },
  write: ({ path }) => { writeFileSync(path, 'x'); return 'ok'; },
  list: ({ path }) => 'ok ' + readdirSync(path).sort().join(' '),
  text: ({ path }) => 'ok ' + readFileSync(path, 'utf8'),
  unix: ({ path }) => connected({ path }),
  abstract: ({ path }) => connected({ path: '\\0' + path }),
  tcp: ({ host, port }) => connected({ host, port }),
  proxy: ({ host, port }) => new Promise((resolve) => {
    const { hostname, port: at } = new URL(process.env.HTTPS_PROXY);
    const socket = connect({ host: hostname, port: Number(at) }, () =>
      socket.write('CONNECT ' + host + ':' + port + ' HTTP/1.1\\r\\nHost: ' + host + ':' + port + '\\r\\n\\r\\n'));
    socket.setTimeout(5000, () => { socket.destroy(); resolve('timeout'); });
    socket.on('data', (chunk) => { socket.destroy(); resolve(chunk.toString('latin1').split('\\r\\n')[0].slice(9, 12)); });
    socket.on('error', ({ code }) => resolve(code));
  }),
};
const answer = (id, result) => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, result }) + '\\n');
createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) return;
  if (method === 'initialize')
    return answer(id, { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } });
  if (method === 'tools/list') return answer(id, { tools: [{ name: 'try', inputSchema: { type: 'object' } }] });
  if (method !== 'tools/call') return answer(id, {});
  const results = [];
  for (const one of params.arguments.attempts) {
    let result;
    try { result = await tries[one.how](one); } catch ({ code, message }) { result = code ?? message; }
    results.push(result);
  }
  answer(id, { content: [{ type: 'text', text: JSON.stringify(results) }] });
});
`;

type Attempt =
  | { readonly how: 'read' | 'write' | 'list' | 'text' | 'unix' | 'abstract'; readonly path: string }
  | { readonly how: 'tcp' | 'proxy'; readonly host: string; readonly port: number };

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function missingSandbox(): string | false {
  if (process.getuid?.() !== 0) return 'only root can say where everything is';
  return spawnSync('bwrap', ['--version']).status === 0 ? false : 'bubblewrap is not installed';
}
const missing: string | false = missingSandbox();

async function started(user: Workplace, machine: EmulatedMachine): Promise<Running> {
  ends.push(() => machine.end());
  await mkdir(join(user.directory, 'server'));
  await writeFile(join(user.directory, 'server/server.mjs'), SERVER);
  await writeFile(
    join(user.directory, 'vitrine.yaml'),
    `
name: curious
server: { source: path:./server, entry: server.mjs }
logs: { child: drop }
roots: ${await machine.roots()}
sandbox: bwrap
egress: ["api.example.com:443"]
keys:
  mine:
    origin: derived
    algorithm: aes256
    version: 1
    policy: { rules: [{ id: tags, effect: allow, action: mac, contexts: [note] }] }
`,
  );
  await machine.boot((await user.run(['config', 'hash'])).stdout.trim());
  return user.start([...machine.flags, '--genesis']);
}

/** Runs all attempts inside. */
async function inside(
  machine: EmulatedMachine,
  server: Running,
  attempts: readonly Attempt[],
): Promise<readonly string[]> {
  const client = new Client({ name: 'person', version: '1.0.0' });
  await client.connect(attestedTransport(server.ready.url, await machine.trust(server)));
  try {
    const { content } = await client.callTool({ name: 'try', arguments: { attempts } });
    return JSON.parse((content as readonly { readonly text: string }[])[0]?.text ?? '') as readonly string[];
  } finally {
    await client.close();
  }
}

/** The same connection from here, where nothing is in the way. */
function answersHere(
  place: { readonly path: string } | { readonly host: string; readonly port: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** What machines have that must not be there inside, whether this machine has it or not. */
const NOWHERE: readonly Attempt[] = [
  ...[
    '/dev/tpm0',
    '/dev/tpmrm0',
    '/dev/sev-guest',
    '/dev/tdx_guest',
    '/dev/nsm',
    '/dev/vsock',
    '/dev/mem',
    '/dev/kmsg',
  ].map((path): Attempt => ({ how: 'read', path })),
  ...[
    '/sys',
    '/sys/kernel/config/tsm',
    '/sys/class/misc/tdx_guest',
    '/sys/firmware/acpi/tables',
    '/root',
    '/home',
    '/var',
  ].map((path): Attempt => ({ how: 'list', path })),
  ...['/var/run/dstack.sock', '/var/run/tappd.sock', '/run/dstack/dstack.sock', '/run/dbus/system_bus_socket'].map(
    (path): Attempt => ({ how: 'unix', path }),
  ),
  ...[
    ['169.254.169.254', 80],
    ['127.0.0.1', 8006],
    ['fd00:ec2::254', 80],
    ['10.0.2.2', 8000],
  ].map(([host, port]): Attempt => ({ how: 'tcp', host: String(host), port: Number(port) })),
  ...[
    ['169.254.169.254', 80],
    ['metadata.google.internal', 80],
    ['127.0.0.1', 8006],
    ['localhost', 8006],
  ].map(([host, port]): Attempt => ({ how: 'proxy', host: String(host), port: Number(port) })),
];

/** Everything of this very run. */
async function ofThisRun(user: Workplace, server: Running): Promise<readonly Attempt[]> {
  const pids = processesBelow(server.process.pid ?? 0);
  expect(pids.some((pid) => /keyd/.test(commandOf(pid)))).toBe(true);
  const outside = readdirSync(tmpdir()).filter((name) => name.startsWith('vitrine-out-'));
  const relays = outside.flatMap((name) => readdirSync(join(tmpdir(), name)).map((file) => join(tmpdir(), name, file)));
  const door = { host: '127.0.0.1', port: Number(new URL(server.ready.url).port) };
  expect(await answersHere(door)).toBe(true);
  const keys = join(user.home, 'keys', 'curious');
  expect(readdirSync(keys)).toEqual(expect.arrayContaining(['keyslots.json', 'store.sqlite']));
  return [
    { how: 'list', path: keys },
    { how: 'list', path: join(user.home, 'run') },
    { how: 'read', path: join(user.directory, 'vitrine.yaml') },
    { how: 'read', path: join(keys, 'keyslots.json') },
    { how: 'write', path: join(keys, 'keyslots.json') },
    ...relays.filter((path) => statSync(path).isSocket()).map((path): Attempt => ({ how: 'unix', path })),
    { how: 'tcp', ...door },
    { how: 'proxy', ...door },
    // Process ids are others inside; those of outside name nobody, or the server's own.
    ...pids.map((pid): Attempt => ({ how: 'list', path: `/proc/${pid}/root${keys}` })),
  ];
}

async function expectOutOfReach(
  user: Workplace,
  machine: EmulatedMachine,
  server: Running,
  own: readonly Attempt[],
): Promise<void> {
  const attempts = [...NOWHERE, ...(await ofThisRun(user, server)), ...own];
  const results = await inside(machine, server, attempts);
  const reached = attempts
    .map((attempt, at) => `${JSON.stringify(attempt)}: ${results[at]}`)
    .filter((_, at) => !/^(?:E[A-Z]+|timeout|40[0-9]|502)$/.test(results[at] ?? 'nothing'));
  expect(reached).toEqual([]);

  const look: readonly Attempt[] = [
    { how: 'list', path: '/dev' },
    { how: 'list', path: '/run' },
    { how: 'list', path: '/proc' },
    { how: 'text', path: '/proc/net/dev' },
    { how: 'text', path: '/proc/net/unix' },
    { how: 'text', path: '/proc/self/mounts' },
    { how: 'write', path: '/tmp/own' },
    { how: 'list', path: user.directory },
    { how: 'list', path: user.home },
  ];
  const [dev = '', run, proc = '', network = '', unix = '', mounts = '', written, ...above] = await inside(
    machine,
    server,
    look,
  );
  expect(dev.split(' ').filter((name) => !DEVICES.includes(name))).toEqual([]);
  // Its measured code is below these, and nothing else is.
  expect([run, written, ...above]).toEqual(['ok vitrine', 'ok', 'ok home', 'ok copies']);
  expect(proc.split(' ').filter((name) => /^\d+$/.test(name)).length).toBeLessThan(6);
  expect([...network.matchAll(/^\s*(\S+):/gm)].map(([, name]) => name)).toEqual(['lo']);
  expect(unix).not.toMatch(/dstack|tpm|@/);
  expect(mounts).not.toMatch(/sysfs|configfs|securityfs|vitrine-out|dstack|tpm\.sock|\/keys/);
}

/** What bubblewrap makes, and nothing of the machine. */
const DEVICES: readonly string[] =
  'ok console core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' ');

function freshPlace(): Workplace {
  const user = workplace();
  ends.push(() => user.dispose());
  return user;
}

promise.unless(missing || missingSwtpm(), 'P4', 'a hosted server cannot reach the TPM', async () => {
  const user = freshPlace();
  const machine = await tpmMachine(user);
  const server = await started(user, machine);
  expect(existsSync(machine.tpm.path)).toBe(true);
  await expectOutOfReach(user, machine, server, [{ how: 'unix', path: machine.tpm.path }]);
});

promise.unless(missing, 'P4', 'a hosted server cannot reach the guest agent of dstack', async () => {
  const user = freshPlace();
  const machine = dstackMachine(user, { version: '0.6' });
  const server = await started(user, machine);
  expect(await answersHere({ path: machine.socketPath })).toBe(true);
  await expectOutOfReach(user, machine, server, [
    { how: 'unix', path: machine.socketPath },
    { how: 'abstract', path: machine.socketPath },
  ]);
});

promise.unless(
  missing,
  'P4',
  'a hosted server cannot reach the guest services of CoCo, nor the key broker',
  async () => {
    const user = freshPlace();
    const machine = await cocoMachine(user);
    const server = await started(user, machine);
    const guest = { host: '127.0.0.1', port: machine.guestPort() };
    const broker = { host: '127.0.0.1', port: Number(new URL(machine.broker.url).port) };
    expect([await answersHere(guest), await answersHere(broker)]).toEqual([true, true]);
    await expectOutOfReach(
      user,
      machine,
      server,
      [guest, broker].flatMap((place): readonly Attempt[] => [
        { how: 'tcp', ...place },
        { how: 'proxy', ...place },
        { how: 'proxy', ...place, host: 'localhost' },
        { how: 'proxy', ...place, host: '[::ffff:127.0.0.1]' },
      ]),
    );
  },
);
