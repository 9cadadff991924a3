import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type KeydCommand, keydCommand } from './keyd-arguments.ts';
import { prepareDirectory } from './state-directory.ts';

const command: KeydCommand = {
  node: '/opt/node/bin/node',
  main: { file: '/app/keyd.js', args: ['/state'] },
  writable: ['/var/lib/keys'],
  readable: ['/app'],
  devices: [],
  isRoot: false,
  changesUser: false,
};

test('without bubblewrap it is Node, with neither debugger nor prototype setters', () => {
  expect(keydCommand(command, () => false)).toEqual([
    '/opt/node/bin/node',
    '--disable-sigusr1',
    '--disable-proto=throw',
    '--disable-warning=ExperimentalWarning',
    '/app/keyd.js',
    '/state',
  ]);
});

promise('P4', 'a sandbox has no network, no capability but those of root, and writes nothing but its state', () => {
  for (const isRoot of [true, false]) {
    const args = keydCommand({ ...command, bubblewrap: '/usr/bin/bwrap', isRoot, changesUser: isRoot }, () => true);
    const text = args.join(' ');
    expect(text).toMatch(isRoot ? /--unshare-net/ : /--unshare-all/);
    expect(text).toContain('--cap-drop ALL');
    expect([...text.matchAll(/--cap-add (\S+)/g)].map(([, one]) => one)).toEqual(
      isRoot ? ['CAP_SETUID', 'CAP_SETGID'] : [],
    );
    expect(text).not.toContain('--share-net');
    expect([...text.matchAll(/--bind (\S+)/g)].map(([, one]) => one)).toEqual(['/var/lib/keys']);
    expect(text).toContain('--die-with-parent');
    expect(text).toMatch(/--remount-ro \/ --chdir \/ --clearenv --setenv NODE_CHANNEL_FD 3/);
    // Each directory on the way is made before what is mounted in it.
    for (const path of ['/opt', '/opt/node', '/opt/node/bin', '/var', '/var/lib']) {
      expect(text.indexOf(`--dir ${path} `)).toBeGreaterThan(0);
      expect(text.indexOf(`--dir ${path} `)).toBeLessThan(text.indexOf('--ro-bind /opt/node'));
    }
  }
});

promise('P4', 'the interfaces of the platform are the service’s, and /dev is closed behind them', () => {
  const args = keydCommand(
    { ...command, bubblewrap: '/usr/bin/bwrap', devices: ['/dev/tpmrm0', '/run/dstack/dstack.sock'] },
    () => true,
  ).join(' ');
  expect(args).toContain('--dev-bind /dev/tpmrm0 /dev/tpmrm0 --dev-bind /run/dstack/dstack.sock');
  expect(args.indexOf('--dir /run/dstack')).toBeLessThan(args.indexOf('--dev-bind'));
  expect(args.indexOf('--dev-bind')).toBeLessThan(args.indexOf('--remount-ro /dev'));
  expect(args).toContain('--unshare-all');
});

promise.unless(
  process.getuid?.() === 0 ? false : 'only root gives files away',
  'P4',
  'the directory is given to the service, and what is not its own is refused',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-state-'));
    chmodSync(directory, 0o700);
    const state = join(directory, 'state');
    mkdirSync(join(state, 'inner'), { recursive: true });
    writeFileSync(join(state, 'inner', 'file'), '');
    const owner = { uid: 64_123, gid: 64_124 };
    expect(await prepareDirectory(state, owner)).toBe(state);
    for (const path of ['', 'inner', 'inner/file']) expect(statSync(join(state, path))).toMatchObject(owner);
    writeFileSync(join(directory, 'foreign'), '');
    const linked = join(state, 'linked');
    for (const make of [symlinkSync, linkSync]) {
      make(join(directory, 'foreign'), linked);
      await expect(prepareDirectory(state, owner)).rejects.toMatchObject({ code: 'keys.directory' });
      rmSync(linked);
    }
    expect(statSync(join(directory, 'foreign')).uid).toBe(0);
    rmSync(directory, { recursive: true });
  },
);
