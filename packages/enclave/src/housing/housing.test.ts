/** Server processes in their houses, as the gateway starts them. */
import { createHash } from 'node:crypto';
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
import { takeSocket } from '../gateway/key-sockets.ts';
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
    keys: { volumeKey: async () => new Uint8Array(32).fill(1), credential: async () => undefined },
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

promise.unless(noSandbox, 'P1', 'a housing is closed when what its servers lived in is gone', async () => {
  const of = await request({ template: template(''), manifest: { ...MANIFEST, egress: [{ host: 'a.b', port: 443 }] } });
  const { housing } = await chooseHousing(of);
  const house = await housing.house('one');
  expect(await readdir(of.runDirectory)).toHaveLength(1);
  // As where a server has just ended.
  void house.dispose();
  await housing.close();
  expect(existsSync(of.runDirectory)).toBe(false);
});

const KEYS = {
  keys: {
    main: {
      origin: 'generated',
      algorithm: 'secp256k1',
      version: 1,
      policy: { rules: [{ id: 'a', effect: 'allow', action: 'evm.message', startsWith: 'any' }] },
    },
  },
} as const;

/** Says what it finds of its descriptors, writes at once, and repeats what it is told. */
const SPEAKER = `
  const fs = require("node:fs");
  console.log(process.env.VITRINE_KEYS, fs.fstatSync(3).isSocket());
  fs.writeSync(3, "early\\n");
  new (require("node:net").Socket)({ fd: 3 }).setEncoding("utf8").on("data", (text) => console.log("told", text.trim())).on("end", () => console.log("end"));`;

for (const [where, sandbox, change] of [
  ['without a sandbox', 'none', {}],
  ['in a sandbox', 'best', {}],
  ['in a sandbox behind a relay', 'best', { egress: [{ host: 'api.example.com', port: 443 }] }],
] as const) {
  promise.unless(
    sandbox === 'none' ? false : noSandbox,
    'P4',
    `${where}, a server has a socket to the key service, and nobody else has a copy of it`,
    async () => {
      const of = await request({ sandbox, template: template(SPEAKER), manifest: { ...MANIFEST, ...KEYS, ...change } });
      const { housing } = await chooseHousing(of);
      ends.push(() => housing.close());
      expect(housing.keySockets).toEqual([3]);
      const house = await housing.house('anybody');
      const child = house.start();
      const socket = takeSocket(child, 3);
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
      const early = once(socket, 'data');
      socket.resume();
      expect(String((await early)[0])).toBe('early\n');
      socket.end('hello\n');
      const ended = once(socket, 'close');
      await Promise.all([once(child, 'close'), ended]);
      await house.dispose();
      expect(said).toBe('fd:3 true\ntold hello\nend\n');
    },
  );
}

promise.unless(noSandbox, 'P4', 'when a server closes its socket, the key service sees the end at once', async () => {
  const program = 'require("node:fs").closeSync(3); process.stdin.resume()';
  const manifest: Manifest = { ...MANIFEST, ...KEYS, egress: [{ host: 'api.example.com', port: 443 }] };
  const { housing } = await chooseHousing(await request({ template: template(program), manifest }));
  ends.push(() => housing.close());
  const house = await housing.house('anybody');
  const child = house.start();
  const socket = takeSocket(child, 3);
  const ended = once(socket, 'end');
  socket.resume();
  await ended;
  expect(child.exitCode).toBeNull();
  child.stdin.end();
  await once(child, 'close');
  await house.dispose();
});

promise.unless(noSandbox, 'P4', 'what cannot be had leaves no directory behind', async () => {
  const manifest: Manifest = { ...MANIFEST, ...KEYS, signer: { port: 8545, key: 'main' } };
  const of = await request({ manifest });
  await expect(chooseHousing(of)).rejects.toMatchObject({ code: 'sandbox.unavailable' });
  expect(existsSync(of.runDirectory)).toBe(false);
});

promise.unless(noSandbox, 'P4', 'a signer listens beside the server on a socket of its own', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'vitrine-signer-'));
  ends.push(() => rm(folder, { recursive: true, force: true }));
  const signerProgram = path.join(folder, 'signer.mjs');
  await writeFile(
    signerProgram,
    `import { createServer } from "node:http";
     import { Socket } from "node:net";
     const { port, key, descriptor } = JSON.parse(process.argv[2]);
     const keys = new Socket({ fd: descriptor });
     keys.write(key + "\\n");
     createServer((_request, response) => response.end("signed with " + key)).listen(port, "127.0.0.1", () => console.log("ready"));`,
  );
  const program = `
    const fs = require("node:fs");
    const open = fs.readdirSync("/proc/self/fd").filter((fd) => { try { return fs.fstatSync(+fd).isSocket(); } catch { return false; } });
    fetch(process.env.VITRINE_SIGNER_URL).then((answer) => answer.text()).then((text) => console.log(text, open.join()));`;
  const manifest: Manifest = { ...MANIFEST, ...KEYS, signer: { port: 8545, key: 'main' } };
  const { housing } = await chooseHousing(await request({ template: template(program), manifest, signerProgram }));
  ends.push(() => housing.close());
  expect(housing.keySockets).toEqual([3, 7]);
  const house = await housing.house('anybody');
  const child = house.start();
  const [server, signer] = [takeSocket(child, 3), takeSocket(child, 7)];
  server.resume();
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  const first = once(signer, 'data');
  signer.resume();
  expect(String((await first)[0])).toBe('main\n');
  await once(child, 'close');
  await house.dispose();
  // Its standard streams, and the one socket: not the signer's.
  expect(said).toMatch(/^signed with main (?:0,1,2,)?3\n$/);
});

for (const [what, change, options] of [
  ['a signer where there is no sandbox', { ...KEYS, signer: { port: 8545, key: 'main' } }, { sandbox: 'none' }],
  ['a signer whose program is missing', { ...KEYS, signer: { port: 8545, key: 'main' } }, {}],
  [
    'credentials where there is no sandbox',
    {
      credentials: {
        api: {
          owner: '0'.repeat(64),
          header: 'authorization',
          allow: [{ host: 'api.example.com', port: 443, methods: ['GET'], paths: ['/'] }],
        },
      },
    },
    { sandbox: 'none' },
  ],
] as const) {
  promise('P4', `${what}: refused before anything starts`, async () => {
    const of = await request({ ...options, manifest: { ...MANIFEST, ...change } });
    await expect(chooseHousing(of)).rejects.toThrow(UsageError);
  });
}

promise.unless(noVolume, 'P1', 'an encrypted file survives a restart where its key does, and no other', async () => {
  const program =
    'const fs = require("node:fs"); console.log(fs.existsSync("/data/note") && fs.readFileSync("/data/note", "utf8")); fs.writeFileSync("/data/note", "kept")';
  const asked: string[] = [];
  const root = (fill: number): HousingRequest['keys'] => ({
    credential: async () => undefined,
    volumeKey: async (volume) => {
      asked.push(volume);
      return createHash('sha256').update(`${fill}${volume}`).digest();
    },
  });
  const of = await request({ template: template(program), manifest: { ...MANIFEST, data: 'encrypted' } });
  const boot = async (keys: HousingRequest['keys']): Promise<string> => {
    const { housing } = await chooseHousing({ ...of, keys });
    const said = await live(await housing.house('one'));
    await housing.close();
    return said;
  };
  expect(await boot(root(1))).toBe('false\n');
  expect(await boot(root(1))).toBe('kept\n');
  expect(await boot(root(2))).toBe('false\n');
  // The same volume each time, whose name says nothing of the principal.
  expect(new Set(asked).size).toBe(1);
  expect(asked[0]).not.toContain('one');
});

promise.unless(
  noSandbox,
  'P4',
  'from a sandbox, a host with a credential is called in plain HTTP, by any client',
  async () => {
    const program = `
    const http = require("node:http");
    const get = (path) => new Promise((done) => http.get("http://api.example.com" + path, (answer) => { let text = ""; answer.on("data", (chunk) => text += chunk).on("end", () => done(answer.statusCode + " " + text.trim())); }));
    const fetched = (path) => fetch("http://api.example.com" + path).then(async (answer) => answer.status + " " + (await answer.text()).trim());
    const secure = fetch("https://api.example.com/v1/x").then(() => "REACHED", (error) => "refused");
    (async () => console.log([await get("/v1/x"), await fetched("/v1/x"), await fetched("/v2/x"), await secure].join("\\n")))();`;
    const refusals: string[] = [];
    const credentials = {
      api: {
        owner: '0'.repeat(64),
        header: 'authorization',
        allow: [{ host: 'api.example.com', port: 443, methods: ['GET'], paths: ['/v1/'] }],
      },
    } as const;
    const of = await request({
      template: template(program),
      manifest: { ...MANIFEST, credentials },
      onLog: (line) => refusals.push(line),
    });
    const missing =
      '503 the credential api has not been handed in yet; its owner does that with `vitrine secrets seal api`';
    expect(await saidBy(of)).toBe(`${missing}\n${missing}\n403 no credential is for this method and path\nrefused\n`);
    expect(refusals.sort()).toEqual([
      'egress to api.example.com:443 refused: call http://api.example.com through this proxy instead, which adds the credential and makes the TLS connection itself',
      'egress to api.example.com:443 refused: no credential is for this method and path',
    ]);
  },
);
