/**
 * What users get wrong, and what servers get wrong: a clear error each, the right exit code, no
 * stack trace, nothing sent, nothing lost.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect } from 'vitest';
import { promise } from '../promises.ts';
import { type Finished, VITRINE, type Workplace, workplace } from '../support/cli.ts';

const GREETER = fileURLToPath(new URL('../fixtures/greeter', import.meta.url));
const places: Workplace[] = [];
const place = (): Workplace => {
  const made = workplace();
  places.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(places.splice(0).map((made) => made.dispose()));
});

function expectClear({ code, stdout, stderr }: Finished, exitCode: number, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stderr).not.toContain('internal error');
  expect(code, stderr).toBe(exitCode);
  expect(stdout).toBe('');
}

const usage: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['an unknown command', ['verfy'], /unknown command "verfy"; did you mean "verify"\?/],
  ['an unknown flag', ['verify', 'x', '--refrence', 'y'], /unknown flag --refrence; did you mean --reference\?/],
  ['a flag given twice', ['verify', 'x', '--at', 'a', '--at', 'b'], /--at is given 2 times/],
  ['no subject', ['verify'], /expected a URL, a bundle or a quote/],
  ['two subjects', ['verify', 'a', 'b'], /unexpected argument "b"/],
  ['a file that is not there', ['verify', 'nowhere.json'], /cannot read nowhere\.json: no such file/],
  [
    'an unknown preset',
    ['verify', GREETER, '--preset', 'lenient'],
    /--preset: expected one of strict, default, hardware-only/,
  ],
  [
    'preset and policy together',
    ['verify', GREETER, '--preset', 'strict', '--policy', 'p.json'],
    /contradict each other/,
  ],
  ['a time that is none', ['verify', GREETER, '--at', 'yesterday'], /expected an RFC 3339 time/],
  ['saving a file', ['verify', GREETER, '--save', 'x'], /--save keeps the evidence of a URL/],
  ['add without a client', ['add', 'https://localhost/mcp'], /into which client\? .*--client NAME/],
  [
    'an unknown client',
    ['add', 'https://localhost/mcp', '--client', 'emacs'],
    /unknown client "emacs"\n {2}known: claude-desktop, /,
  ],
  ['plain http', ['verify', 'http://127.0.0.1:1/mcp'], /https/],
  ['nothing to run', ['run'], /no server: name one/],
  ['a platform that is not there', ['run', '--platform', 'auto', 'path:.'], /no TEE was found/],
  ['a simulator that the network could reach', ['run', 'path:.', '--listen', '0.0.0.0:0'], /loopback only/],
  ['a path that is not there', ['run', 'path:./nowhere'], /nowhere/],
  ['a simulator without a root', ['verify', 'https://127.0.0.1:1/mcp', '--allow-simulator'], /no simulator root/],
];
for (const [what, args, message] of usage) {
  promise('P7', `${what}: exit code 2 and a line that helps`, async () => {
    expectClear(await place().run(args), 2, message);
  });
}

promise('P7', 'with --json a failure is one error document on stdout', async () => {
  const { stdout, code } = await place().run(['verify', 'nowhere.json', '--json']);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ type: 'vitrine/error/v1', code: 'input.unreadable' });
});

promise('P7', 'a policy with an unknown field is refused before anything is read', async () => {
  const user = place();
  writeFileSync(
    join(user.directory, 'p.json'),
    '{"type":"vitrine/appraisal-policy/v1","extends":"default","tdx":{"debgu":"any"}}',
  );
  writeFileSync(join(user.directory, 'q.bin'), 'x');
  expectClear(
    await user.run(['verify', 'q.bin', '--policy', 'p.json']),
    2,
    /tdx\.debgu: unknown field "debgu"; did you mean "debug"\?/,
  );
});

for (const [what, bytes, check] of [
  ['text', 'hello', 'evidence.format'],
  ['nothing', '', 'evidence.format'],
  ['a bundle that is cut short', '{"__cmwc_t":"tag:vitrine.dev', 'bundle.format'],
] as const) {
  promise('P7', `${what} is no evidence: rejected by ${check}, exit code 1`, async () => {
    const user = place();
    writeFileSync(join(user.directory, 'evidence'), bytes);
    const { stdout, code } = await user.run(['verify', 'evidence', '--offline', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'rejected', decidedBy: check });
  });
}

promise('P2', 'a web server without evidence gets no MCP byte: plain HTTP on the port is refused', async () => {
  const user = place();
  let requests = 0;
  const web = createServer((_, response) => {
    requests++;
    response.end();
  });
  await new Promise<void>((listening) => web.listen(0, '127.0.0.1', listening));
  const { port } = web.address() as AddressInfo;
  try {
    const refused = await user.run(['verify', `https://127.0.0.1:${port}/mcp`]);
    expect([1, 3]).toContain(refused.code);
    expect(refused.stderr).not.toMatch(/\n\s+at /);
    expect(requests).toBe(0);
  } finally {
    web.close();
  }
});

promise('P7', 'a port in use: exit code 2, and the other server lives on', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  const { host } = new URL(ready.url);
  expectClear(await user.run(['run', `path:${GREETER}`, '--listen', host]), 2, /in use/);
  expect((await user.run(['verify', ready.url, '--allow-simulator', '--reference', ready.referenceValues])).code).toBe(
    0,
  );
});

promise('P7', 'a server that dies at start: exit code 6 with what it said', async () => {
  const user = place();
  const { code, stderr, stdout } = await user.run([
    'run',
    '--listen',
    '127.0.0.1:0',
    '--',
    process.execPath,
    '-e',
    'console.error("no database"); process.exit(3)',
  ]);
  expect(code, stderr).toBe(6);
  expect(stderr).toContain('no database');
  expect(stdout).toBe('');
});

promise('P7', 'a command that does not exist: exit code 2', async () => {
  expectClear(await place().run(['run', '--', 'no-such-program-anywhere']), 2, /no-such-program-anywhere/);
});

promise(
  'P3',
  'a flag that contradicts vitrine.yaml is an error, and a mistake in it is shown where it is',
  async () => {
    const user = place();
    const file = join(user.directory, 'vitrine.yaml');
    writeFileSync(file, `name: greeter\nserver:\n  source: path:${GREETER}\n`);
    expectClear(await user.run(['run', '--name', 'other']), 2, /"other".*contradicts name "greeter" in vitrine\.yaml/);
    writeFileSync(file, `name: greeter\nserver:\n  sorce: path:${GREETER}\n`);
    expectClear(await user.run(['run']), 2, /vitrine\.yaml:3:3: .*unknown field "sorce"; did you mean "source"\?/);
  },
);

promise('P2', 'damaged pins fail closed: exit code 2, no connection, and the file stays as it is', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  const pins = join(user.home, 'pins.json');
  mkdirSync(user.home, { recursive: true });
  writeFileSync(pins, '{"type":"vitrine/pins/v1","pins":{');
  for (const args of [
    ['connect', ready.url, '--allow-simulator'],
    ['verify', ready.url, '--allow-simulator'],
    ['add', ready.url, '--allow-simulator', '--print', '--yes'],
  ]) {
    const { code, stderr } = await user.run(args);
    expect(code, args[0]).toBe(2);
    expect(stderr).toContain('pins.json');
  }
  expect(readFileSync(pins, 'utf8')).toBe('{"type":"vitrine/pins/v1","pins":{');
});

promise('P7', 'a damaged client configuration is left alone, and nothing is pinned', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  const folder = join(user.directory, '.config', 'Claude');
  const config = join(folder, 'claude_desktop_config.json');
  mkdirSync(folder, { recursive: true });
  writeFileSync(config, '{ "mcpServers": ');
  const { code, stderr } = await user.run([
    'add',
    ready.url,
    '--allow-simulator',
    '--client',
    'claude-desktop',
    '--yes',
  ]);
  expect(code, stderr).toBe(2);
  expect(readFileSync(config, 'utf8')).toBe('{ "mcpServers": ');
  expect(readdirSync(user.home)).not.toContain('pins.json');
});

promise('P7', 'an existing client configuration keeps what it has, and its old text in a backup', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  const folder = join(user.directory, '.config', 'Claude');
  const config = join(folder, 'claude_desktop_config.json');
  mkdirSync(folder, { recursive: true });
  const before = '{\n  "theme": "dark",\n  "mcpServers": { "other": { "command": "x" } }\n}\n';
  writeFileSync(config, before);
  const { code, stderr } = await user.run([
    'add',
    ready.url,
    '--allow-simulator',
    '--client',
    'claude-desktop',
    '--yes',
    '--name',
    'greeter',
  ]);
  expect(code, stderr).toBe(0);
  const after = JSON.parse(readFileSync(config, 'utf8')) as {
    theme: string;
    mcpServers: Record<string, { args: string[] }>;
  };
  expect(after.theme).toBe('dark');
  expect(Object.keys(after.mcpServers)).toEqual(['other', 'greeter']);
  expect(after.mcpServers['greeter']?.args).toContain(ready.url);
  const [backup] = readdirSync(folder).filter((name) => name.includes('backup'));
  expect(readFileSync(join(folder, backup ?? ''), 'utf8')).toBe(before);
});

for (const binary of ['cli/bin/vitrine.js', 'client/bin/vitrine-connect.js']) {
  promise('P7', `${binary} on an older Node: one clear line and exit code 2`, () => {
    const url = new URL(`../../packages/${binary}`, import.meta.url).href;
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '20.20.2' }); await import(${JSON.stringify(url)});`;
    const { status, stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', pretend], {
      encoding: 'utf8',
    });
    expect(stderr).toMatch(
      /^vitrine(?:-connect)? needs Node \^22\.22\.2 \|\| \^24\.15 \|\| >=26; this is 20\.20\.2\n$/,
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });
}

promise('P7', 'what fails after the door is open ends the server: nothing runs on behind an error', async () => {
  const user = place();
  mkdirSync(user.home, { recursive: true });
  writeFileSync(join(user.home, 'run'), 'no folder');
  const refused = await user.run(['run', '--listen', '127.0.0.1:0', `path:${GREETER}`]);
  expectClear(refused, 2, /reference-values-[0-9a-f]{16}\.json cannot be written \(E[A-Z]+\)/);
});

promise.unless(
  process.platform === 'win32' && 'Windows has no TMPDIR',
  'P7',
  'a folder that cannot be used is named, and is no internal error',
  async () => {
    const user = place();
    const args = ['run', '--listen', '127.0.0.1:0', `path:${GREETER}`];
    const [node, ...before] = VITRINE;
    const environment = { ...user.environment(), TMPDIR: '/nowhere' };
    const child = spawnSync(node, [...before, ...args], { cwd: user.directory, env: environment, encoding: 'utf8' });
    expectClear({ ...child, code: child.status }, 2, /^vitrine: \/nowhere\/vitrine-\S+ cannot be used \(ENOENT/m);
  },
);
