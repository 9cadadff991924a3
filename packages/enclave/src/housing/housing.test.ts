/** Server processes in their houses, as the gateway starts them. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Manifest, UsageError } from '@vitrine/documents';
import { afterEach, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { findControlGroups } from '../sandbox/control-group.ts';
import { chooseHousing, type HousingRequest } from './choose-housing.ts';
import type { House, ServerTemplate } from './housing.ts';

const noSandbox = existsSync('/usr/bin/bwrap') ? false : 'bubblewrap is not installed';
const noVolume =
  noSandbox === false && !(existsSync('/usr/bin/gocryptfs') && existsSync('/dev/fuse'))
    ? 'gocryptfs or /dev/fuse is missing'
    : noSandbox;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'test',
  server: { source: { kind: 'command', command: 'test' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0', node: '0' },
};

async function request(change: Partial<HousingRequest>): Promise<HousingRequest> {
  const base = await mkdtemp(path.join(tmpdir(), 'vitrine-house-'));
  ends.push(() => rm(base, { recursive: true, force: true }));
  return {
    template: template(''),
    manifest: MANIFEST,
    sandbox: 'best',
    dataDirectory: path.join(base, 'data'),
    runDirectory: path.join(base, 'run'),
    platform: process.platform,
    architecture: process.arch,
    node: process.execPath,
    environment: { PATH: '/usr/bin:/bin' },
    resolve: async () => ['127.0.0.1'],
    randomBytes: (length) => new Uint8Array(length).fill(1),
    onLog: () => undefined,
    ...change,
  };
}

function template(program: string, change: Partial<ServerTemplate> = {}): ServerTemplate {
  return {
    command: process.execPath,
    args: ['-e', program],
    environment: {},
    readable: [process.execPath],
    ...change,
  };
}

/** Runs the server to its end; what it printed. */
async function live(house: House): Promise<string> {
  const child = house.start();
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.end();
  await once(child, 'close');
  await house.dispose();
  return said;
}

async function saidBy(of: HousingRequest, principal = 'anybody'): Promise<string> {
  const { housing } = await chooseHousing(of);
  ends.push(() => housing.close());
  return live(await housing.house(principal));
}

promise('P7', 'without a sandbox that is what is said, with the reason', async () => {
  const { housing, why } = await chooseHousing(await request({ sandbox: 'none' }));
  expect(housing.obtained).toEqual({ process: 'none', seccomp: false, cgroup: false, volume: 'directory' });
  expect(why).toBe('none is wanted');
});

for (const [what, change] of [
  ['a sandbox', { sandbox: 'bwrap' }],
  ['data in memory', { data: 'ephemeral' }],
  ['encrypted data', { data: 'encrypted' }],
  ['a limit of memory', { limits: { memory: 64 } }],
  ['an egress list', { egress: [{ host: 'api.example.com', port: 443 }] }],
] as const) {
  promise('P3', `a manifest that demands ${what} does not start where it cannot be had`, async () => {
    const wanted = await request({ sandbox: 'none', manifest: { ...MANIFEST, ...change } });
    await expect(chooseHousing(wanted)).rejects.toThrow(UsageError);
  });
}

promise('P1', 'without a sandbox every principal still has a directory of its own', async () => {
  const program =
    'require("node:fs").writeFileSync("note", ""); console.log(require("node:fs").readdirSync(".").join(), process.env.HOME)';
  const of = await request({ sandbox: 'none', template: template(program) });
  const [anybody, one, other] = [await saidBy(of), await saidBy(of, 'one'), await saidBy(of, 'other')];
  expect(new Set([anybody, one, other]).size).toBe(3);
  expect(one).not.toContain('one');
});

promise.unless(
  noSandbox,
  'P1',
  'a server in a sandbox has memory for files, which the next one does not see',
  async () => {
    const program =
      'const fs = require("node:fs"); console.log(fs.readdirSync("/data").join()); fs.writeFileSync("/data/note", "x")';
    const of = await request({ template: template(program) });
    expect(await saidBy(of)).toBe('\n');
    expect(await saidBy(of)).toBe('\n');
  },
);

promise.unless(noVolume, 'P1', 'encrypted files are there for the same principal, and for no other', async () => {
  const program =
    'const fs = require("node:fs"); console.log(fs.readdirSync("/data").join()); fs.writeFileSync("/data/note", "x")';
  const of = await request({ template: template(program), manifest: { ...MANIFEST, data: 'encrypted' } });
  const { housing } = await chooseHousing(of);
  ends.push(() => housing.close());
  expect(housing.obtained.volume).toBe('encrypted');
  expect(await live(await housing.house('one'))).toBe('\n');
  expect(await live(await housing.house('one'))).toBe('note\n');
  expect(await live(await housing.house('other'))).toBe('\n');
  expect((await readdir(`${of.dataDirectory}.encrypted`, { recursive: true })).join()).not.toContain('note');
});

promise.unless(
  noVolume,
  'P1',
  'two servers of one principal share its volume, and it closes after the last',
  async () => {
    const of = await request({
      template: template('process.stdin.resume(); console.log("up")'),
      manifest: { ...MANIFEST, data: 'encrypted' },
    });
    const { housing } = await chooseHousing(of);
    ends.push(() => housing.close());
    const [first, second] = await Promise.all([housing.house('one'), housing.house('one')]);
    const mounts = path.join(of.runDirectory, 'volumes');
    await first.dispose();
    expect(await readdir(mounts)).toHaveLength(1);
    await second.dispose();
    expect(await readdir(mounts)).toHaveLength(0);
  },
);

promise.unless(
  noSandbox,
  'P3',
  'the way out is the egress proxy: what it allows is reached, all else is not',
  async () => {
    const refusals: string[] = [];
    const program = `
    const ask = (url) => fetch(url).then((answer) => answer.status, () => "refused");
    (async () => console.log(await ask("http://api.example.com:8080/"), await ask("http://evil.example.com:8080/"), await ask("http://127.0.0.1:9/")))();`;
    const of = await request({
      template: template(program),
      manifest: { ...MANIFEST, egress: [{ host: 'api.example.com', port: 8080 }], logs: { child: 'operator' } },
      resolve: async () => ['169.254.169.254'],
      onLog: (line) => refusals.push(line),
    });
    expect(await saidBy(of)).toBe('refused refused refused\n');
    expect(refusals).toEqual([
      'egress to api.example.com:8080 refused: the name leads to 169.254.169.254, which is link-local, and metadata of clouds',
      'egress to evil.example.com:8080 refused: the manifest does not allow it',
    ]);
  },
);

promise.unless(
  noSandbox,
  'P8',
  'a server that listens on its own loopback interface is reached through a Unix socket',
  async () => {
    const program =
      'require("node:http").createServer((request, response) => response.end("hello")).listen(8080, "127.0.0.1", () => console.log("up"))';
    const of = await request({ template: template(program, { httpPort: 8080 }) });
    const { housing } = await chooseHousing(of);
    const house = await housing.house('anybody');
    const child = house.start();
    await once(child.stdout, 'data');
    if (house.http?.socketPath === undefined) throw new Error('no socket');
    const socket = connect(house.http.socketPath);
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toContain('hello');
    child.kill('SIGKILL');
    await once(child, 'close');
    await house.dispose();
    expect(await readdir(of.runDirectory)).toEqual([]);
  },
);

promise.unless(noSandbox, 'P1', 'a port of this machine is not the sandbox’s port of the same number', async () => {
  const server = createServer((_, response) => response.end('outside')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(async () => server.close());
  const { port } = server.address() as AddressInfo;
  const program = `require("node:net").connect(${port}, "127.0.0.1").on("error", (error) => console.log(error.code)).on("connect", () => console.log("REACHED"))`;
  expect(await saidBy(await request({ template: template(program) }))).toBe('ECONNREFUSED\n');
});

promise.unless(noSandbox, 'P1', 'what a server wants to reach is not told to the operator by default', async () => {
  const refusals: string[] = [];
  const program =
    '(async () => { for (const host of ["api.example.com", "what-users-said.example.com"]) await fetch("http://" + host + ":8080/").catch(() => 0); })()';
  const of = await request({
    template: template(program),
    manifest: { ...MANIFEST, egress: [{ host: 'api.example.com', port: 8080 }] },
    onLog: (line) => refusals.push(line),
  });
  await saidBy(of);
  expect(refusals).toEqual([
    'egress to api.example.com:8080 refused: the name leads to 127.0.0.1, which is loopback',
    'egress to a destination refused: the manifest does not allow it (its name is shown with logs: { child: operator })',
  ]);
});

promise.unless(
  noSandbox === false && findControlGroups() === undefined ? 'no control group can be made here' : noSandbox,
  'P1',
  'a limit of memory is the number that was written, also above two gigabytes',
  async () => {
    for (const memory of [2048, 4096, 6144]) {
      const of = await request({
        template: template('console.log("up")'),
        manifest: { ...MANIFEST, limits: { memory } },
      });
      expect(await saidBy(of)).toBe('up\n');
    }
  },
);

promise.unless(noSandbox, 'P1', 'sockets and mounts are not made in a directory that others can change', async () => {
  const open = await request({ template: template('') });
  await mkdir(open.runDirectory);
  await chmod(open.runDirectory, 0o777);
  await expect(chooseHousing(open)).rejects.toMatchObject({ code: 'sandbox.run-directory' });
  const linked = await request({ template: template('') });
  await symlink(tmpdir(), linked.runDirectory);
  await expect(chooseHousing(linked)).rejects.toMatchObject({ code: 'sandbox.run-directory' });
});

promise('P8', 'a house that could not be made does not keep the port', async () => {
  const of = await request({
    sandbox: 'none',
    template: template('', { httpPort: 8080 }),
    manifest: { ...MANIFEST, isolation: 'shared' },
  });
  await writeFile(of.dataDirectory, 'in the way');
  const { housing } = await chooseHousing(of);
  await expect(housing.house('anybody')).rejects.toThrow();
  await rm(of.dataDirectory);
  expect((await housing.house('anybody')).http).toEqual({ port: 8080 });
});

promise.unless(noVolume, 'P1', 'a closed housing leaves no directory of its own behind', async () => {
  const of = await request({ template: template(''), manifest: { ...MANIFEST, data: 'encrypted' } });
  const { housing } = await chooseHousing(of);
  await live(await housing.house('one'));
  await housing.close();
  expect(existsSync(of.runDirectory)).toBe(false);
});
