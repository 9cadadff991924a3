/**
 * `npm run test:pack`: uses the packed packages from an empty folder. `run`, `verify` and `connect`
 * work; no package has an install script; the client brings no enclave code.
 *
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { installPacked } from './packed.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const installed = installPacked(root);
const environment = { ...process.env, VITRINE_HOME: join(installed.directory, 'home') };
let done = 0;

function step(name: string): void {
  done++;
  process.stdout.write(`ok ${done} ${name}\n`);
}

function vitrine(...args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [installed.vitrine, ...args], {
    cwd: installed.directory,
    env: environment,
    encoding: 'utf8',
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert(child.stdout !== null);
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error('the process ended without a line on stdout');
}

function noInstallScripts(): void {
  const scope = join(installed.directory, 'node_modules', '@vitrine');
  const folders = [
    ...readdirSync(scope).map((name) => join(scope, name)),
    join(installed.directory, 'node_modules', 'vitrine'),
  ];
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      scripts?: object;
      name: string;
    };
    assert.equal(manifest.scripts, undefined, `${manifest.name} has scripts`);
    assert(readdirSync(folder).includes('LICENSE'), `${manifest.name} has no licence`);
  }
  const tree = execFileSync('npm', ['ls', '--all', '--parseable'], {
    cwd: installed.directory,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  assert(!tree.includes('node-linux'), 'a published package depends on a Node binary');
  step('no package has an install script, none depends on a Node binary');
}

async function journey(): Promise<void> {
  const server = join(root, 'test', 'fixtures', 'greeter');
  const host = spawn(
    process.execPath,
    [installed.vitrine, 'run', `path:${server}`, '--listen', '127.0.0.1:0', '--json'],
    {
      cwd: installed.directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  try {
    const ready = JSON.parse(await firstLine(host)) as {
      url: string;
      referenceValues: string;
      verify: string[];
      add: string[];
    };
    step('run');
    const verified = vitrine(...ready.verify.slice(2));
    assert.equal(verified.status, 0, verified.stdout + verified.stderr);
    assert.match(verified.stdout.trimEnd().split('\n').at(-1) ?? '', /^simulated$/);
    step('verify');

    const client = join(installed.directory, 'node_modules', '@vitrine', 'client', 'bin', 'vitrine-connect.js');
    for (const [name, start] of [
      ['vitrine connect', [installed.vitrine, 'connect']],
      ['vitrine-connect', [client]],
    ] as const) {
      const bridge = spawn(
        process.execPath,
        [...start, ready.url, '--allow-simulator', '--policy', policyFile(), '--reference', ready.referenceValues],
        {
          cwd: installed.directory,
          env: environment,
          stdio: ['pipe', 'pipe', 'inherit'],
        },
      );
      const initialize = {
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'pack', version: '1' } },
      };
      bridge.stdin?.write(`${JSON.stringify(initialize)}\n`);
      assert.match(await firstLine(bridge), /"serverInfo":\{"name":"greeter"/);
      const ended = once(bridge, 'exit');
      bridge.stdin?.end();
      const [code] = (await ended) as [number | null];
      assert.equal(code, 0);
      step(name);
    }
  } finally {
    const ended = once(host, 'exit');
    host.kill('SIGINT');
    await ended;
  }
  assert.equal(host.exitCode, 0, 'run ends with 0 on Ctrl-C');
  step('run stops on Ctrl-C');
}

function policyFile(): string {
  return join(installed.directory, 'node_modules', '@vitrine', 'verifier', 'src', 'presets', 'default.json');
}

try {
  noInstallScripts();
  await journey();
  process.stdout.write(`${done} passed, 0 failed\n`);
} finally {
  installed.dispose();
}
