import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { attestedTransport } from '@vitrine/client';
import { afterEach, expect } from 'vitest';
import { promise } from '../promises.ts';
import { VITRINE, type Workplace, workplace } from '../support/cli.ts';

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

const lastLine = (text: string): string => text.trimEnd().split('\n').at(-1) ?? '';
const json = (text: string): Record<string, unknown> => {
  expect(text.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(text) as Record<string, unknown>;
};

/** Calls `greet` through a bridge that is started as an MCP client would. */
async function greetThroughBridge(where: Workplace, args: readonly string[]): Promise<string> {
  const client = new Client({ name: 'test', version: '1.0.0' });
  const environment = where.environment() as Record<string, string>;
  const transport = new StdioClientTransport({
    command: VITRINE[0],
    args: [...VITRINE.slice(1), 'connect', ...args],
    env: environment,
    cwd: where.directory,
    stderr: 'ignore',
  });
  try {
    await client.connect(transport);
    const { content } = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
    return (content[0] as { text: string }).text;
  } finally {
    await client.close();
  }
}

promise('P7', 'the lines that run prints work as they are: verify ends simulated with 0, add pins', async () => {
  const user = place();
  const { screen } = await user.startForPeople([`path:${GREETER}`]);
  expect(screen).toContain('SIMULATOR: no hardware protects this server');
  const lines = screen.split('\n').filter((line) => line.startsWith('  npx vitrine '));
  expect(lines).toHaveLength(2);
  const [verify, add] = lines.map((line) => line.trim().split(' ').slice(2)) as [string[], string[]];

  const verified = await user.run(verify);
  expect(verified.code).toBe(0);
  expect(lastLine(verified.stdout)).toBe('simulated');
  expect(verified.stdout).toMatch(/– Genuine hardware\? +no: a simulator/);

  const added = await user.run([...add, '--yes']);
  expect(added.code, added.stderr).toBe(0);
  const config = join(user.directory, '.config', 'Claude', 'claude_desktop_config.json');
  expect(JSON.parse(readFileSync(config, 'utf8'))).toMatchObject({ mcpServers: {} });
});

promise(
  'P2',
  'a tool call goes through a pinned bridge; after one changed byte of configuration it is refused, and the check is named',
  async () => {
    const user = place();
    const first = await user.start([`path:${GREETER}`, '--env', 'GREETING=Hello']);
    const { url } = first.ready;
    const added = await user.run([
      'add',
      url,
      '--allow-simulator',
      '--reference',
      first.ready.referenceValues,
      '--print',
      '--yes',
    ]);
    expect(added.code, added.stderr).toBe(0);
    expect(await greetThroughBridge(user, [url])).toBe('Hello, Ada!');
    await first.stop();

    const second = await user.start([`path:${GREETER}`, '--env', 'GREETING=Hallo'], new URL(url).host);
    expect(second.ready.manifestDigest).not.toBe(first.ready.manifestDigest);
    await expect(greetThroughBridge(user, [url])).rejects.toThrow(/workload\.reference/);
    const verified = await user.run(['verify', url, '--allow-simulator', '--json']);
    expect(verified.code).toBe(1);
    expect(json(verified.stdout)).toMatchObject({ verdict: 'rejected', decidedBy: 'workload.reference' });
  },
);

promise(
  'P2',
  'an unpinned server is refused: nothing is sent, a JSON-RPC error and one line on stderr say what to do',
  async () => {
    const user = place();
    const { ready } = await user.start([`path:${GREETER}`]);
    const request = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'initialize', params: {} });
    const refused = await user.run(['connect', ready.url, '--allow-simulator'], `${request}\n`);
    expect(refused.code).toBe(1);
    expect(json(refused.stdout)).toMatchObject({ jsonrpc: '2.0', id: 7, error: { data: { check: 'pin.missing' } } });
    expect(refused.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(refused.stderr).toContain('vitrine add');
  },
);

promise('P2', 'an unpinned server is relayed to under an explicit policy', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  const policy = join(user.directory, 'policy.json');
  writeFileSync(policy, JSON.stringify({ type: 'vitrine/appraisal-policy/v1', extends: 'default' }));
  const trust = ['--policy', policy, '--reference', ready.referenceValues, '--allow-simulator'];
  expect(await greetThroughBridge(user, [ready.url, ...trust])).toBe('Hello, Ada!');
});

promise('P7', 'a simulator that was not allowed reads simulated, with exit code 4', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  const verified = await user.run(['verify', ready.url, '--reference', ready.referenceValues, '--json']);
  expect(verified.code).toBe(4);
  expect(json(verified.stdout)).toMatchObject({ verdict: 'simulated', decidedBy: 'tdx.pck-chain' });
});

promise('P7', 'first contact without reference values is undetermined, and add says what it accepts', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  const verified = await user.run(['verify', ready.url, '--allow-simulator', '--json']);
  expect(verified.code).toBe(3);
  expect(json(verified.stdout)).toMatchObject({ verdict: 'undetermined', decidedBy: 'workload.reference' });
  const unattended = await user.run(['add', ready.url, '--allow-simulator', '--print']);
  expect(unattended.code).toBe(2);
  expect(unattended.stderr).toContain('--yes');
  const added = await user.run(['add', ready.url, '--allow-simulator', '--print', '--yes']);
  expect(added.code, added.stderr).toBe(0);
  expect(added.stderr).toContain('trust on first use');
  expect(await greetThroughBridge(user, [ready.url])).toBe('Hello, Ada!');
});

promise('P3', 'a saved bundle verifies offline, and no changed byte of it does', async () => {
  const user = place();
  const { ready, stop } = await user.start([`path:${GREETER}`]);
  const file = join(user.directory, 'evidence.json');
  const trust = ['--allow-simulator', '--reference', ready.referenceValues];
  expect((await user.run(['verify', ready.url, ...trust, '--save', file])).code).toBe(0);
  await stop();
  const offline = await user.run(['verify', file, ...trust, '--offline', '--json']);
  expect(offline.code).toBe(0);
  expect(json(offline.stdout)).toMatchObject({ verdict: 'simulated', scope: 'recorded' });

  const text = readFileSync(file, 'utf8');
  const quote = text.indexOf('vnd.vitrine.tdx') + 200;
  for (const at of [1, quote, quote + 1500, text.indexOf('"manifest"') + 60, text.length - 4]) {
    const changed = text[at] === 'A' ? 'B' : 'A';
    writeFileSync(file, text.slice(0, at) + changed + text.slice(at + 1));
    const { code, stdout } = await user.run(['verify', file, ...trust, '--offline', '--json']);
    expect(code, `byte ${at}`).toBe(1);
    expect(json(stdout)).toMatchObject({ verdict: 'rejected' });
  }
});

promise('P3', 'a bare command runs, and is shown as not measured', async () => {
  const user = place();
  const { ready } = await user.start(['--', process.execPath, join(GREETER, 'server.js')]);
  const verified = await user.run(['verify', ready.url, '--allow-simulator', '--reference', ready.referenceValues]);
  expect(verified.code).toBe(0);
  expect(verified.stdout).toMatch(/– Exact code\? .*not measured/s);
  expect(lastLine(verified.stdout)).toBe('simulated');
});

promise('P2', 'the SDK client speaks through attestedTransport, and not past a refusal', async () => {
  const user = place();
  const { ready } = await user.start([`path:${GREETER}`]);
  expect((await user.run(['add', ready.url, '--allow-simulator', '--print', '--yes'])).code).toBe(0);
  const pins = join(user.home, 'pins.json');
  const simulatorRootPem = readFileSync(join(user.home, 'simulator', 'root.pem'), 'utf8');
  const client = new Client({ name: 'test', version: '1.0.0' });
  await client.connect(attestedTransport(ready.url, { policy: 'default', pins, simulatorRootPem }));
  const { content } = await client.callTool({ name: 'greet', arguments: { name: 'Ada' } });
  expect(content).toEqual([{ type: 'text', text: 'Hello, Ada!' }]);
  await client.close();

  const stranger = new Client({ name: 'test', version: '1.0.0' });
  await expect(stranger.connect(attestedTransport(ready.url, { policy: 'default', simulatorRootPem }))).rejects.toThrow(
    /workload\.reference/,
  );
});

promise('P8', 'Ctrl-C ends the server with 0, and its process with it', async () => {
  const user = place();
  const { stop, process: child } = await user.start([`path:${GREETER}`]);
  const { code, stderr } = await stop();
  expect(code).toBe(0);
  expect(stderr).toContain('stopped');
  expect(() => process.kill(child.pid ?? 0, 0)).toThrow();
});
