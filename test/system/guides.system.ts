/**
 * The guides, run as they are written: each in an empty folder with a home directory of its own.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { installedPeers } from '../../tools/peers.ts';
import { commandsOnPath } from '../support/commands-on-path.ts';
import { runGuide } from '../support/guide.ts';
import { cannotListProcesses, processesWith } from '../support/processes.ts';

const ROOT = join(import.meta.dirname, '../..');
const GUIDES = join(ROOT, 'docs/guide');
const unsupported = process.platform === 'win32' ? 'the guides are for a POSIX shell' : false;

let peers: string;
beforeAll(async () => {
  if (unsupported === false) peers = await installedPeers();
});

for (const name of readdirSync(GUIDES).filter((file) => file.endsWith('.md'))) {
  const title = `docs/guide/${name} is true, from its first command to its last`;
  (unsupported === false ? test : test.skip)(
    unsupported === false ? title : `${title} (skipped: ${unsupported})`,
    async () => {
      const home = mkdtempSync(join(tmpdir(), 'vitrine-guide-'));
      try {
        const directory = join(home, 'empty');
        mkdirSync(directory);
        commandsOnPath(join(home, 'bin'), peers);
        // What `npm install @vitrine/client @vitrine/verifier @modelcontextprotocol/client` would bring.
        symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'));
        const [port, other] = await freePorts();
        const text = readFileSync(join(GUIDES, name), 'utf8').replaceAll('8443', port).replaceAll('8080', other);
        await runGuide(text, { directory, environment: environmentFor(home, port) });
        if (cannotListProcesses === false) {
          await expect.poll(() => processesWith('HOME', home), { timeout: 15_000 }).toEqual([]);
        }
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    },
  );
}

/** What a new user's shell has; the settings of this machine's network stay. */
function environmentFor(home: string, port: string): NodeJS.ProcessEnv {
  const { VITRINE_HOME: _home, XDG_CONFIG_HOME: _config, PATH = '', ...rest } = process.env;
  return { ...rest, PATH: `${join(home, 'bin')}:${PATH}`, HOME: home, NO_COLOR: '1', VITRINE_TEST_PORT: port };
}

/** Two ports that nobody uses. */
async function freePorts(): Promise<readonly [string, string]> {
  const servers = [createServer(), createServer()] as const;
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<string>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const address = server.address();
            resolve(typeof address === 'object' && address !== null ? String(address.port) : '');
          });
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return [ports[0] ?? '', ports[1] ?? ''];
}
