/**
 * A real EVM node of this machine, with accounts that have money, from the peers.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { installedPeers } from '../../tools/peers.ts';

export interface EvmNode {
  readonly url: string;
  stop(): Promise<void>;
}

/** Chain id 31337. Resolves when it answers. */
export async function startEvmNode(): Promise<EvmNode> {
  const peers = await installedPeers();
  const directory = await mkdtemp(path.join(tmpdir(), 'vitrine-evm-'));
  await symlink(path.join(peers, 'node_modules'), path.join(directory, 'node_modules'));
  await writeFile(path.join(directory, 'package.json'), '{ "type": "module", "private": true }');
  await writeFile(path.join(directory, 'hardhat.config.js'), 'export default {};\n');
  const port = await freePort();
  const child = spawn(
    process.execPath,
    [path.join(peers, 'node_modules/hardhat/dist/src/cli.js'), 'node', '--hostname', '127.0.0.1', '--port', `${port}`],
    {
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '', HOME: directory, HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true', CI: 'true' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  await started(child);
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'close');
        child.kill('SIGKILL');
        await ended;
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Why there can be none here. */
export function noEvmNode(): false | string {
  return existsSync('/proc') && process.arch === 'x64' ? false : 'the node was tried on x86-64 Linux only';
}

async function started(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let said = '';
  const hear = (text: string): void => {
    said = `${said}${text}`.slice(-10_000);
    if (said.includes('Started HTTP')) resolve();
  };
  child.stdout?.setEncoding('utf8').on('data', hear);
  child.stderr?.setEncoding('utf8').on('data', hear);
  child.once('close', (code) => reject(new Error(`the EVM node ended with ${code}: ${said}`)));
  await promise;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
