/** Sources of each kind, from what a person writes to an answer of the hosted server. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { UsageError } from '@vitrine/documents';
import { afterEach, expect, test } from 'vitest';
import { writeImageLayout } from '../../../../examples/container/image-layout.ts';
import { makeImage } from '../../../../examples/container/make-image.ts';
import { promise } from '../../../../test/promises.ts';
import { type Resolved, resolveManifest } from '../config/resolve-manifest.ts';
import { type RunFlags, settingsOf } from '../config/settings.ts';
import { startHttpProcess } from '../gateway/http-process.ts';
import { defaultGatewayLimits } from '../gateway/limits.ts';
import { temporaryDirectory, writeFiles } from '../testing/temporary-directory.ts';
import { chooseHousing } from './choose-housing.ts';
import type { Housing } from './housing.ts';

const noSandbox = existsSync('/usr/bin/bwrap') ? false : 'bubblewrap is not installed';
const MODULES = fileURLToPath(new URL('../../../../node_modules/', import.meta.url));

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function resolved(root: string, flags: RunFlags): Promise<Resolved> {
  return resolveManifest({
    settings: settingsOf(undefined, flags),
    directory: root,
    lockExactVersions: false,
    currentDirectory: root,
    stateDirectory: path.join(await temporaryDirectory(), 'state'),
    versions: { vitrine: '0.1.0', node: process.versions.node },
    environment: { PATH: '/usr/bin:/bin' },
    onProgress: () => undefined,
  });
}

async function housed({ manifest, template, dataDirectory }: Resolved, sandbox: 'best' | 'none'): Promise<Housing> {
  // Sockets have short names only.
  const runDirectory = await mkdtemp(path.join(tmpdir(), 'vh-'));
  ends.push(() => rm(runDirectory, { recursive: true, force: true }));
  const { housing } = await chooseHousing({
    template,
    manifest,
    sandbox,
    dataDirectory,
    runDirectory,
    platform: process.platform,
    architecture: process.arch,
    node: process.execPath,
    environment: { PATH: '/usr/bin:/bin' },
    resolve: async () => ['127.0.0.1'],
    keys: { volumeKey: async () => new Uint8Array(32), credential: async () => undefined },
    onLog: () => undefined,
  });
  ends.push(() => housing.close());
  return housing;
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
};

/** The first line that the server answers over stdio, or what it said to standard error if none. */
async function firstAnswer(housing: Housing): Promise<string> {
  const house = await housing.house('anybody');
  const child = house.start();
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdin.on('error', () => undefined).write(`${JSON.stringify(INITIALIZE)}\n`);
  const closed = once(child, 'close');
  const answer = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([line]) => String(line)),
    closed.then(() => errors),
  ]);
  child.kill('SIGKILL');
  await closed;
  await house.dispose();
  return answer;
}

const MODULE = `
import { McpServer } from '@modelcontextprotocol/server';
const make = () => new McpServer({ name: 'from-a-module', version: '1.0.0' }, { capabilities: { tools: {} } });
`;

async function moduleFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await temporaryDirectory();
  await writeFiles(root, files);
  const scope = 'server/node_modules/@modelcontextprotocol';
  await mkdir(path.join(root, scope), { recursive: true });
  for (const name of ['server', 'core']) {
    await cp(path.join(MODULES, '@modelcontextprotocol', name), path.join(root, scope, name), { recursive: true });
  }
  await cp(path.join(MODULES, 'zod'), path.join(root, 'server/node_modules/zod'), { recursive: true });
  return root;
}

for (const sandbox of ['best', 'none'] as const) {
  promise.unless(
    sandbox === 'best' ? noSandbox : false,
    'P8',
    `a module is served by the harness, sandbox: ${sandbox}`,
    async () => {
      const root = await moduleFolder({ 'server/main.mjs': `${MODULE}export default make;\n` });
      const found = await resolved(root, { source: 'module:server/main.mjs' });
      expect(found.manifest.server.source).toMatchObject({ kind: 'module', entry: 'main.mjs' });
      expect(await firstAnswer(await housed(found, sandbox))).toContain('from-a-module');
    },
  );
}

promise('P8', 'a folder names its module in package.json, and the export may be called server', async () => {
  const root = await moduleFolder({
    'server/package.json': '{"main":"main.mjs"}',
    'server/main.mjs': `${MODULE}export { make as server };\n`,
  });
  expect(await firstAnswer(await housed(await resolved(root, { source: 'module:server' }), 'none'))).toContain(
    'from-a-module',
  );
});

test('a module without a factory says what is expected', async () => {
  const root = await moduleFolder({ 'server/main.mjs': 'export default 7;\n' });
  const answer = await firstAnswer(await housed(await resolved(root, { source: 'module:server/main.mjs' }), 'none'));
  expect(answer).toContain('neither a default export nor an export "server" that is a function');
});

const wrongModules: Readonly<Record<string, readonly [RunFlags, RegExp]>> = {
  'whose folder has no SDK': [{ source: 'module:bare/main.mjs' }, /server is not installed in that folder/],
  'that is not there': [{ source: 'module:bare/other.mjs' }, /is not a directory/],
  'with an entry beside itself': [{ source: 'module:bare/main.mjs', entry: 'x' }, /leave "entry" out/],
  'of a folder that names none': [{ source: 'module:bare' }, /does not say which module/],
};
for (const [what, [flags, message]] of Object.entries(wrongModules)) {
  test(`a module ${what} is refused`, async () => {
    const root = await temporaryDirectory();
    await writeFiles(root, { 'bare/main.mjs': 'export default () => undefined' });
    await expect(resolved(root, flags)).rejects.toThrow(message);
  });
}

promise.unless(
  noSandbox,
  'P3',
  'an image with a relay in it: its own Node and libraries, and the way out',
  async () => {
    const root = await temporaryDirectory();
    makeImage(path.join(root, 'layout'));
    const plain = await resolved(root, { source: 'oci:layout' });
    expect(plain.manifest.server.source).toMatchObject({ kind: 'oci', command: ['node', '/srv/server.mjs'] });
    expect(plain.template).toMatchObject({
      readable: [],
      workingDirectory: '/srv',
      environment: { GREETING: 'Hello' },
    });
    expect(await firstAnswer(await housed(plain, 'best'))).toContain('container-example');
    const out = await resolved(root, { source: 'oci:layout', egress: ['api.example.com:443'] });
    expect(await firstAnswer(await housed(out, 'best'))).toContain('container-example');
  },
);

promise.unless(noSandbox, 'P1', 'a server in an image cannot write to its root, nor see this machine', async () => {
  const root = await temporaryDirectory();
  makeImage(path.join(root, 'node'));
  const program = `
    const fs = require('node:fs');
    const tryWrite = (file) => { try { fs.writeFileSync(file, 'x'); return 'written'; } catch (error) { return error.code; } };
    console.log(JSON.stringify([tryWrite('/srv/x'), tryWrite('/opt/vitrine/x'), tryWrite('/run/vitrine/../x'), tryWrite('/data/x'), fs.existsSync('/root'), process.env.HOME, fs.readFileSync('/etc/passwd', 'utf8')]));`;
  writeImageLayout(path.join(root, 'layout'), {
    layers: [[{ name: 'srv/a' }]],
    config: {},
    architecture: process.arch,
  });
  await expect(resolved(root, { source: 'oci:layout' })).rejects.toThrow(/neither an entry point nor a command/);
  const found = await resolved(root, { source: 'oci:node', egress: ['api.example.com:443'] });
  const template = { ...found.template, args: ['-e', program] };
  const [written, own, run, data, home, HOME, passwd] = JSON.parse(
    await firstAnswer(await housed({ ...found, template }, 'best')),
  ) as readonly unknown[];
  expect({ written, own, run, data, home, HOME }).toEqual({
    written: 'EROFS',
    own: 'EROFS',
    run: 'EROFS',
    data: 'written',
    home: false,
    HOME: '/data',
  });
  expect(passwd).toMatch(/^server:x:1000:/);
});

promise('P3', 'an image does not run without a sandbox', async () => {
  const root = await temporaryDirectory();
  const entry = { name: 'bin/x', content: Buffer.from('x'), executable: true };
  const config = { Cmd: ['/bin/x'] };
  writeImageLayout(path.join(root, 'layout'), { layers: [[entry]], config, architecture: process.arch });
  await expect(housed(await resolved(root, { source: 'oci:layout' }), 'none')).rejects.toThrow(/a container image/);
});

const HTTP_SERVER = `
import { createServer } from 'node:http';
createServer((request, response) => {
  if (request.method !== 'POST') return response.writeHead(405).end();
  request.resume().on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { host: request.headers.host } }));
  });
}).listen(8123, '127.0.0.1');
`;

promise.unless(noSandbox, 'P8', 'a server with transport http is reached in its sandbox', async () => {
  const root = await temporaryDirectory();
  await writeFiles(root, { 'server/main.mjs': HTTP_SERVER });
  const flags: RunFlags = { source: 'path:server', entry: 'main.mjs', transport: 'http', httpPort: 8123 };
  const found = await resolved(root, flags);
  expect(found.manifest.server).toMatchObject({ transport: 'http', port: 8123 });
  const housing = await housed(found, 'best');
  const house = await housing.house('anybody');
  if (house.http === undefined) throw new Error('no place');
  const server = startHttpProcess({ ...house, http: house.http }, defaultGatewayLimits, () => undefined);
  ends.push(() => server.stop());
  const answer = new Promise((resolve) => server.attach({ onMessage: resolve, onExit: resolve }));
  server.send({ jsonrpc: '2.0', id: 1, method: 'ping' });
  expect(await answer).toEqual({ jsonrpc: '2.0', id: 1, result: { host: '127.0.0.1:8123' } });
});

promise('P1', 'without a sandbox a port is for one server, and only where sharing is written', async () => {
  const root = await temporaryDirectory();
  await writeFiles(root, { 'server/main.mjs': HTTP_SERVER });
  const found = await resolved(root, { source: 'path:server', entry: 'main.mjs', transport: 'http', httpPort: 8123 });
  await expect(housed(found, 'none')).rejects.toThrow(UsageError);
  const shared = { ...found, manifest: { ...found.manifest, isolation: 'shared' as const } };
  const housing = await housed(shared, 'none');
  const first = await housing.house('anybody');
  await expect(housing.house('anybody')).rejects.toThrow('port 8123 has a server already');
  await first.dispose();
  await housing.house('anybody');
});
