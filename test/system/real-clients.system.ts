/**
 * Programs that people use, through the bridge and through the proxy: each initializes, lists the
 * tools, calls one, gets the right answer, and leaves no process behind.
 *
 * @module
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import * as v2 from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { installedPeers } from '../../tools/peers.ts';
import { promise } from '../promises.ts';
import { type Running, VITRINE, type Workplace, workplace } from '../support/cli.ts';
import { commandsOnPath, peerProgram } from '../support/commands-on-path.ts';
import { cannotListProcesses, processesWith } from '../support/processes.ts';

const GREETER = fileURLToPath(new URL('../fixtures/greeter', import.meta.url));
const GREETING = { content: [{ type: 'text', text: 'Hello, Ada!' }] };
const run = promisify(execFile);

/** As much of a client of the SDK, old or new, as is used here. */
interface Client {
  connect(transport: never): Promise<void>;
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>;
  callTool(call: { name: string; arguments: Record<string, string> }): Promise<object>;
  close(): Promise<void>;
}

interface StdioParameters {
  readonly command: string;
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly stderr: 'ignore';
}

interface HttpOptions {
  readonly requestInit: { readonly headers: Record<string, string> };
}

/** One generation of the SDK. */
interface Sdk {
  client(): Client;
  stdio(parameters: StdioParameters): object;
  http(url: URL, options: HttpOptions): object;
}

interface Endpoint {
  readonly url: string;
  readonly token: string;
}

let user: Workplace;
let server: Running;
let peers: string;
let proxy: ChildProcess | undefined;
let endpoint: Endpoint;
let before: readonly number[];

beforeAll(async () => {
  peers = await installedPeers();
  user = workplace();
  commandsOnPath(join(user.directory, 'bin'), peers);
  server = await user.start([`path:${GREETER}`]);
  const trust = ['--allow-simulator', '--reference', server.ready.referenceValues];
  const added = await user.run(['add', server.ready.url, ...trust, '--print', '--yes']);
  expect(added.code, added.stderr).toBe(0);
  [proxy, endpoint] = await startProxy();
  before = left();
});
afterAll(async () => {
  if (proxy !== undefined) {
    const ended = once(proxy, 'close');
    proxy.kill('SIGINT');
    expect(await ended).toEqual([0, null]);
  }
  await user.dispose();
});

async function startProxy(): Promise<[ChildProcess, Endpoint]> {
  const args = ['proxy', server.ready.url, '--listen', '127.0.0.1:0', '--json'];
  const child = spawn(VITRINE[0], [...VITRINE.slice(1), ...args], {
    cwd: user.directory,
    env: user.environment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  return [child, JSON.parse(line as string) as Endpoint];
}

/** What runs in this place. */
function left(): readonly number[] {
  return cannotListProcesses === false ? processesWith('HOME', user.directory) : [];
}

/** Every process of a client has ended; the server and the proxy have not. */
async function nothingIsLeft(): Promise<void> {
  await expect.poll(left, { timeout: 15_000 }).toEqual(before);
}

function environment(): Record<string, string> {
  const { PATH = '', ...rest } = user.environment() as Record<string, string>;
  return { ...rest, PATH: `${join(user.directory, 'bin')}:${PATH}`, MCP_REMOTE_CONFIG_DIR: user.directory };
}

/** Starts `command` as an MCP client would, with stdio in place of a terminal. */
function stdioOf(command: string, args: readonly string[]): StdioParameters {
  return { command, args: [...args], env: environment(), cwd: user.directory, stderr: 'ignore' };
}

function bearer(): string {
  return `Bearer ${endpoint.token}`;
}

async function greets(client: Client, transport: object): Promise<void> {
  await client.connect(transport as never);
  try {
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['greet']);
    expect(await client.callTool({ name: 'greet', arguments: { name: 'Ada' } })).toMatchObject(GREETING);
  } finally {
    await client.close();
  }
  await nothingIsLeft();
}

async function newSdk(): Promise<Sdk> {
  return {
    client: () => new v2.Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } }) as Client,
    stdio: (parameters) => new StdioClientTransport(parameters),
    http: (url, options) => new v2.StreamableHTTPClientTransport(url, options),
  };
}

async function oldSdk(): Promise<Sdk> {
  const load = (file: string): Promise<Record<string, new (...args: readonly unknown[]) => object>> =>
    import(
      pathToFileURL(join(peers, 'node_modules', '@modelcontextprotocol', 'sdk', 'dist', 'esm', 'client', file)).href
    );
  const make = async (file: string, name: string): Promise<(...args: readonly unknown[]) => object> => {
    const Made = (await load(file))[name];
    if (Made === undefined) throw new Error(`${file} has no ${name}`);
    return (...args) => new Made(...args);
  };
  const [client, stdio, http] = await Promise.all([
    make('index.js', 'Client'),
    make('stdio.js', 'StdioClientTransport'),
    make('streamableHttp.js', 'StreamableHTTPClientTransport'),
  ]);
  return { client: () => client({ name: 'test', version: '1.0.0' }) as Client, stdio, http };
}

for (const [name, load] of [
  ['version 1', oldSdk],
  ['version 2', newSdk],
] as const) {
  describe(`the SDK client, ${name}`, () => {
    promise('P8', 'works through vitrine connect', async () => {
      const sdk = await load();
      await greets(sdk.client(), sdk.stdio(stdioOf('vitrine', ['connect', server.ready.url])));
    });

    promise('P8', 'works through vitrine proxy', async () => {
      const sdk = await load();
      const headers = { authorization: bearer() };
      await greets(sdk.client(), sdk.http(new URL(endpoint.url), { requestInit: { headers } }));
    });

    promise('P1', 'gets nowhere at vitrine proxy without the token', async () => {
      const sdk = await load();
      const transport = sdk.http(new URL(endpoint.url), { requestInit: { headers: {} } });
      await expect(sdk.client().connect(transport as never)).rejects.toThrow(
        /HTTP 401|the token that the proxy printed/,
      );
    });
  });
}

describe('the inspector, on its command line', () => {
  const inspect = async (...args: readonly string[]): Promise<object> => {
    const program = peerProgram(peers, '@modelcontextprotocol/inspector');
    const { stdout } = await run(process.execPath, [program, '--cli', ...args], {
      cwd: user.directory,
      env: environment(),
    });
    return JSON.parse(stdout) as object;
  };
  const LIST = ['--method', 'tools/list'];
  const CALL = ['--method', 'tools/call', '--tool-name', 'greet', '--tool-arg', 'name=Ada'];

  promise('P8', 'works through vitrine connect', async () => {
    // It hands a clean environment to what it starts, apart from what it is told to.
    const bridge = ['-e', `VITRINE_HOME=${user.home}`, 'vitrine', 'connect', server.ready.url];
    expect(await inspect(...bridge, ...LIST)).toMatchObject({ tools: [{ name: 'greet' }] });
    expect(await inspect(...bridge, ...CALL)).toMatchObject(GREETING);
    await nothingIsLeft();
  });

  promise('P8', 'works through vitrine proxy', async () => {
    const header = ['--header', `Authorization: ${bearer()}`];
    expect(await inspect(endpoint.url, ...LIST, ...header)).toMatchObject({ tools: [{ name: 'greet' }] });
    expect(await inspect(endpoint.url, ...CALL, ...header)).toMatchObject(GREETING);
    await nothingIsLeft();
  });

  promise('P2', 'is refused by vitrine connect where the server is not pinned', async () => {
    const other = await user.start([`path:${GREETER}`]);
    const refused = inspect('vitrine', 'connect', other.ready.url, ...LIST);
    await expect(refused).rejects.toThrow(/pin\.missing/);
    await other.stop();
    await nothingIsLeft();
  });
});

describe('mcp-remote', () => {
  promise('P8', 'works as a client of vitrine proxy, with the token in a file', async () => {
    const file = join(user.directory, 'headers.txt');
    await writeFile(file, `Authorization: ${bearer()}\n`, { mode: 0o600 });
    await chmod(file, 0o600);
    const args = [peerProgram(peers, 'mcp-remote'), endpoint.url, '--allow-http', '--header-file', file];
    const sdk = await newSdk();
    await greets(sdk.client(), sdk.stdio(stdioOf(process.execPath, args)));
  });
});
