import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { promise } from '../promises.ts';
import { type Running, type Workplace, workplace } from '../support/cli.ts';

const GREETER = fileURLToPath(new URL('../fixtures/greeter', import.meta.url));
const VSCODE = join('.config', 'Code', 'User', 'mcp.json');
const MINE = '{\n  // mine\n  "servers": {\n    "x": { "command": "x" }, // first\n  },\n}\n';
const CODEX = join('.codex', 'config.toml');

let user: Workplace;
let server: Running;
let trust: readonly string[];
beforeAll(async () => {
  user = workplace();
  server = await user.start([`path:${GREETER}`]);
  trust = [server.ready.url, '--allow-simulator', '--reference', server.ready.referenceValues];
});
afterAll(() => user.dispose());
/** Every test begins without pins and without configurations. */
beforeEach(() => {
  for (const path of ['.config', '.codex', '.cursor', '.vscode', '.mcp.json', join('home', 'pins.json')])
    rmSync(join(user.directory, path), { recursive: true, force: true });
});

const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(user.directory, path)), { recursive: true });
  writeFileSync(join(user.directory, path), text);
};
const got = (path: string): string => readFileSync(join(user.directory, path), 'utf8');
/** Every file with its content and mode. */
const tree = (): readonly string[] =>
  readdirSync(user.directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((path) => {
      const { mode } = statSync(join(user.directory, path));
      const file = statSync(join(user.directory, path)).isFile();
      return `${path} ${mode} ${file ? createHash('sha256').update(got(path)).digest('hex') : ''}`;
    });

promise('P2', 'an entry in VS Code starts a bridge that verifies; comments stay, and it can be taken out', async () => {
  put(VSCODE, MINE);
  const added = await user.run(['add', ...trust, '--client', 'vscode', '--name', 'bank', '--yes']);
  expect(added.code, added.stderr).toBe(0);
  expect(added.stderr).toContain('+     "bank": {');
  expect(got(VSCODE).replace(/\n {4}"bank": \{[\s\S]*?\n {4}\},/, '')).toBe(MINE);
  const found = /"bank": (\{[\s\S]*?\n {4}\})/.exec(got(VSCODE))?.[1] ?? '';
  const { type, command, args } = JSON.parse(found) as { type: string; command: string; args: string[] };
  expect(type).toBe('stdio');
  const client = new Client({ name: 'test', version: '1.0.0' });
  const env = user.environment() as Record<string, string>;
  await client.connect(new StdioClientTransport({ command, args, env, stderr: 'ignore' }));
  const { content } = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
  expect(content).toEqual([{ type: 'text', text: 'Hello, Ada!' }]);
  await client.close();

  const removed = await user.run([
    'add',
    server.ready.url,
    '--client',
    'vscode',
    '--name',
    'bank',
    '--uninstall',
    '--yes',
  ]);
  expect(removed.code, removed.stderr).toBe(0);
  expect(removed.stderr).toContain(`vitrine pins rm ${server.ready.url}`);
  expect(got(VSCODE)).toBe(MINE);
});

promise('P2', 'several clients are changed at once, also one that only add-mcp knows', async () => {
  put(CODEX, '# mine\nmodel = "o"\n');
  const clients = ['--client', 'codex', '--client', 'cursor', '--client', 'claude-code'];
  const added = await user.run(['add', ...trust, ...clients, '--name', 'bank', '--yes']);
  expect(added.code, added.stderr).toBe(0);
  expect(got(CODEX)).toMatch(/^# mine\nmodel = "o"\n\n\[mcp_servers\.bank\]\n/);
  expect(JSON.parse(got(join('.cursor', 'mcp.json')))).toMatchObject({ mcpServers: { bank: {} } });
  expect(JSON.parse(got('.claude.json'))).toMatchObject({ mcpServers: { bank: { type: 'stdio' } } });
  const removed = await user.run(['add', server.ready.url, ...clients, '--name', 'bank', '--uninstall', '--yes']);
  expect(removed.code, removed.stderr).toBe(0);
  expect(got(CODEX)).toBe('# mine\nmodel = "o"\n');
});

promise('P2', 'a file of a project is written where it is asked for, with a word to its other users', async () => {
  const added = await user.run(['add', ...trust, '--client', 'claude-code', '--scope', 'project', '--yes']);
  expect(added.code, added.stderr).toBe(0);
  expect(Object.keys(JSON.parse(got('.mcp.json')).mcpServers)).toHaveLength(1);
  expect(added.stderr).toContain('everybody else in this project');
});

promise('P2', 'a dry run shows everything and writes nothing', async () => {
  put(VSCODE, MINE);
  const before = tree();
  const clients = ['--client', 'vscode', '--client', 'codex', '--client', 'cursor'];
  const dry = await user.run(['add', ...trust, ...clients, '--dry-run']);
  expect(dry.code, dry.stderr).toBe(0);
  for (const shown of ['VS Code', 'Codex', 'Cursor', '+     "127-0-0-1-']) expect(dry.stderr).toContain(shown);
  expect(tree()).toEqual(before);
  const printed = await user.run(['add', ...trust, '--client', 'vscode', '--print', '--dry-run']);
  expect(JSON.parse(printed.stdout)).toMatchObject({ servers: {} });
  expect(tree()).toEqual(before);
});

promise('P2', 'a server that is not accepted changes nothing', async () => {
  put(VSCODE, MINE);
  const before = tree();
  const refused = await user.run(['add', server.ready.url, '--client', 'vscode', '--yes']);
  expect(refused.code, refused.stderr).toBe(4);
  expect(tree()).toEqual(before);
});

promise('P7', 'what cannot be asked, understood or edited stops before anything is pinned', async () => {
  put(VSCODE, '{ "servers": [] }');
  const before = tree();
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /into which client\? found on this machine: .*vscode/],
    [['--client', 'cursor'], /--yes/],
    [['--client', 'vscode', '--yes'], /mcp\.json:1:\d+: "servers" is not an object/],
  ];
  for (const [args, message] of cases) {
    const refused = await user.run(['add', ...trust, ...args]);
    expect(refused.code, args.join(' ')).toBe(2);
    expect(refused.stderr).toMatch(message);
  }
  expect(tree()).toEqual(before);
});
