/**
 * `npm run demo`: the whole story on one screen. A real published MCP server is hosted, verified,
 * pinned and called through the bridge; then one byte of its configuration changes, and the client
 * refuses and says which check.
 *
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const SERVER = 'npm:@modelcontextprotocol/server-everything@2026.8.31';
const MAIN = fileURLToPath(new URL('../packages/cli/src/main.ts', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'vitrine-demo-'));
const environment = { ...process.env, VITRINE_HOME: join(directory, 'home') };

interface Ready {
  readonly url: string;
  readonly verify: readonly string[];
  readonly add: readonly string[];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function title(text: string): void {
  say(`\n${styleText('bold', text)}`);
}

function command(args: readonly string[]): string {
  return styleText('cyan', `$ vitrine ${args.map((arg) => arg.replace(directory, '.')).join(' ')}`);
}

function vitrineArguments(args: readonly string[]): readonly string[] {
  return ['--conditions=@vitrine/source', MAIN, ...args];
}

function writeConfiguration(greeting: string): void {
  writeFileSync(
    join(directory, 'vitrine.yaml'),
    `name: demo\nserver:\n  source: ${SERVER}\n  environment:\n    GREETING: ${greeting}\n`,
  );
}

/** Hosts the server that vitrine.yaml describes; resolves when it is ready. */
async function host(port: number): Promise<{ readonly ready: Ready; stop(): Promise<void> }> {
  const child: ChildProcess = spawn(
    process.execPath,
    vitrineArguments(['run', '--json', '--listen', `127.0.0.1:${port}`]),
    {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    // Installing can take a while, so it is shown; the rest only if the server does not start.
    for (const line of text.split('\n').filter((one) => one.includes(': installing ')))
      say(`  ${styleText('dim', line)}`);
  });
  const stop = async (): Promise<void> => {
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  };
  if (child.stdout === null) throw new Error('no stdout');
  for await (const line of createInterface({ input: child.stdout })) return { ready: JSON.parse(line) as Ready, stop };
  throw new Error(`the server did not start:\n${said}`);
}

/** Runs a command and returns what it printed. */
function vitrine(args: readonly string[]): string {
  const done = spawnSync(process.execPath, vitrineArguments(args), {
    cwd: directory,
    env: environment,
    encoding: 'utf8',
  });
  if (done.status !== 0) throw new Error(`vitrine ${args[0]} ended with ${done.status}:\n${done.stdout}${done.stderr}`);
  return done.stdout;
}

/** Starts the bridge as an MCP client would, and calls one tool. */
async function callThroughBridge(url: string, message: string): Promise<string> {
  const client = new Client({ name: 'demo', version: '1.0.0' });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...vitrineArguments(['connect', url])],
    env: environment as Record<string, string>,
    cwd: directory,
    stderr: 'ignore',
  });
  try {
    await client.connect(transport);
    const result = await client.callTool({ name: 'echo', arguments: { message } });
    return JSON.stringify(result.content);
  } finally {
    await client.close();
  }
}

async function story(): Promise<void> {
  title('1. An operator hosts a published MCP server');
  writeConfiguration('Hello');
  say(command(['run']));
  const first = await host(0);
  const { url } = first.ready;
  const port = Number(new URL(url).port);
  say(
    `${readFileSync(join(directory, 'vitrine.yaml'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => `  ${styleText('dim', line)}`)
      .join('\n')}\n  listening on ${url}`,
  );
  try {
    title('2. A user looks before trusting: five questions, then what is not proven');
    say(command(first.ready.verify.slice(2)));
    const transcript = vitrine(first.ready.verify.slice(2)).split('\n');
    const from = transcript.findIndex((text) => text.includes('Genuine hardware?'));
    say(
      [...transcript.slice(from, transcript.indexOf('', from)), `  ${styleText('bold', transcript.at(-2) ?? '')}`].join(
        '\n',
      ),
    );

    title('3. The user pins it, and a client calls a tool through the verifying bridge');
    const add = [
      ...first.ready.add.slice(2).filter((arg, index, all) => arg !== '--client' && all[index - 1] !== '--client'),
      '--print',
      '--yes',
    ];
    say(command(add));
    vitrine(add);
    say(`  echo -> ${await callThroughBridge(url, 'Hello from inside')}`);
  } finally {
    await first.stop();
  }

  title('4. The operator changes one byte of the configuration: Hello becomes Hallo');
  writeConfiguration('Hallo');
  const second = await host(port);
  try {
    say(command(['connect', url]));
    const refusal = await callThroughBridge(url, 'Hello again').then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (refusal === undefined) throw new Error('the client did not refuse');
    say(`  ${styleText('red', refusal)}`);
  } finally {
    await second.stop();
  }
  say(
    `\n${styleText('dim', 'Everything above ran in the simulator: real formats and checks, no hardware protection.')}`,
  );
}

try {
  await story();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
