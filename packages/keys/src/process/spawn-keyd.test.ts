import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Instance } from '../service.ts';
import { manifestWith, temporaryDirectory } from '../testing/open-test-keyd.ts';
import { holdSocket } from './hold-socket.ts';
import { KEYD_USER, type SpawnedKeyService, type SpawnKeydOptions, spawnKeyd } from './spawn-keyd.ts';

const ROOT = resolve(fileURLToPath(new URL('../../../../', import.meta.url)));
const BWRAP = '/usr/bin/bwrap';
const isRoot = process.getuid?.() === 0;
const noSandbox = existsSync(BWRAP) ? false : 'there is no bubblewrap';
const notLinux = process.platform === 'linux' ? false : 'this is not Linux';
const notRoot = isRoot ? noSandbox : 'these tests do not run as root';

const open: SpawnedKeyService[] = [];
const children: ChildProcess[] = [];
const directories: string[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(open.splice(0).map((service) => service.close()));
});
afterAll(() => Promise.all(directories.map((directory) => rm(directory, { recursive: true, force: true }))));

interface Extra extends Partial<SpawnKeydOptions> {
  readonly entry?: 'fake-keyd-entry' | 'keyd-entry';
}

async function start({ entry = 'fake-keyd-entry', ...changes }: Extra = {}): Promise<SpawnedKeyService> {
  const directory = changes.directory ?? temporaryDirectory();
  directories.push(directory);
  const simulator = join(directory, 'simulator');
  await mkdir(simulator, { recursive: true });
  const service = await spawnKeyd({
    node: process.execPath,
    main: {
      file: join(ROOT, `packages/keys/src/testing/${entry}.ts`),
      args: [directory, simulator],
      nodeOptions: ['--conditions=@vitrine/source'],
    },
    directory,
    readable: [ROOT],
    manifest: manifestWith({}),
    genesis: true,
    onLog: () => undefined,
    ...changes,
  });
  open.push(service);
  return service;
}

const shown = async (service: SpawnedKeyService, what: string): Promise<unknown> =>
  JSON.parse((await service.credential(what)) ?? 'null');

/** A server of one line of shell, with its key socket. */
function server(script: string): { readonly child: ChildProcess; readonly socket: Socket } {
  const child = spawn('/bin/sh', ['-c', script], { env: {}, stdio: ['ignore', 'pipe', 'ignore', 'pipe'] });
  children.push(child);
  const socket = child.stdio[3] as Socket;
  holdSocket(socket);
  return { child, socket };
}

function output(child: ChildProcess): Promise<string> {
  return new Promise((resolvePromise) => {
    let all = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      all += text;
    });
    child.once('close', () => resolvePromise(all));
  });
}

const instance = (id: string): Instance => ({ id, principal: 'ada', isolated: true });

/** The process of Node below the one that was started, as this machine numbers it. */
function innermost(pid: number): number {
  const below = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return below === '' ? pid : innermost(Number(below.split(' ')[0]));
}

const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
};

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((next) => setImmediate(next));
}

/** Whether the process listens anywhere, in its own network. */
function listeners(pid: number): readonly string[] {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [`${statSync(`/proc/${pid}/fd/${fd}`).ino}`];
      } catch {
        return [];
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'latin1')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && own.has(fields[9] ?? ''))
      .map((fields) => fields[1] ?? ''),
  );
}

const variants = [
  ['in a sandbox', noSandbox, { bubblewrap: BWRAP }],
  ['without a sandbox', notLinux, {}],
] as const;

for (const [name, missing, changes] of variants) {
  describe(name, () => {
    promise.unless(missing, 'P4', 'its environment is empty and no image of its memory is written', async () => {
      const service = await start(changes);
      const environment = (await shown(service, 'environment')) as Record<string, string>;
      expect(Object.keys(environment).filter((one) => one !== 'PWD')).toEqual([]);
      expect(await shown(service, 'limits')).toMatch(/^Max core file size\s+0\s+0\s/m);
    });

    promise.unless(missing, 'P4', 'what a server wrote before it was admitted arrives, a hundred times', async () => {
      const service = await start(changes);
      for (let round = 0; round < 100; round++) {
        const { child, socket } = server(`echo hello ${round} >&3; read -r line <&3; echo "$line"`);
        const said = output(child);
        if (round % 2 === 1) await new Promise((resolvePromise) => setImmediate(resolvePromise));
        await service.admit(instance(`i${round}`), socket);
        expect(await said).toBe(`hello ${round}\n`);
      }
    });

    promise.unless(missing, 'P4', 'a debugger cannot be opened by a signal', async () => {
      const service = await start(changes);
      const pid = innermost(service.pid);
      process.kill(pid, 'SIGUSR1');
      expect(Buffer.from(await service.volumeKey('a'))).toEqual(Buffer.alloc(32, 7));
      expect(listeners(pid)).toEqual([]);
      expect(isAlive(pid)).toBe(true);
    });

    promise.unless(missing, 'P4', 'signals of a terminal do not end it, the end of its supervisor does', async () => {
      const service = await start(changes);
      const pid = innermost(service.pid);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
      expect(Buffer.from(await service.volumeKey('a'))).toEqual(Buffer.alloc(32, 7));
      await service.close();
      await until(() => !isAlive(pid));
    });

    promise.unless(missing, 'P4', 'it does not outlive a supervisor that is killed', async () => {
      const script = join(ROOT, 'packages/keys/src/testing/supervisor-entry.ts');
      const directory = temporaryDirectory();
      directories.push(directory);
      const args = ['--conditions=@vitrine/source', script, directory, 'bubblewrap' in changes ? BWRAP : ''];
      const supervisor = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(supervisor);
      const pid = await new Promise<number>((resolvePromise) => {
        supervisor.stdout?.once('data', (text: Buffer) => resolvePromise(innermost(Number(text.toString()))));
      });
      expect(isAlive(pid)).toBe(true);
      supervisor.kill('SIGKILL');
      await until(() => !isAlive(pid));
    });

    promise.unless(missing, 'P7', 'a crash is told without what it said, and ends all that waits', async () => {
      const lines: string[] = [];
      const service = await start({
        ...changes,
        onLog: (line) => lines.push(line),
        manifest: manifestWith({ name: 'crashes' }),
      });
      expect((await service.failed).message).toContain('exit code 5');
      expect(lines.join()).toBe('the key service has failed: Error');
      await expect(service.volumeKey('a')).rejects.toMatchObject({ code: 'keys.service-ended' });
      const other = await start(changes);
      const hanging = other.credential('hang');
      const crashed = other.credential('crash');
      await expect(hanging).rejects.toMatchObject({ code: 'keys.service-ended' });
      await expect(crashed).rejects.toMatchObject({ code: 'keys.service-ended' });
      expect(await other.failed).toMatchObject({ code: 'keys.service-ended' });
    });

    promise.unless(missing, 'P4', 'errors keep their code, and foreign ones say nothing', async () => {
      await expect(start({ ...changes, manifest: manifestWith({ name: 'fails' }) })).rejects.toMatchObject({
        code: 'keys.example',
      });
      const service = await start(changes);
      const what = {
        tlsSpki: new Uint8Array(32),
        sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
      } as const;
      const refused = service.bind(what);
      await expect(refused).rejects.toMatchObject({ code: 'keys.internal' });
      await expect(refused).rejects.not.toThrow(/secret text/);
      await expect(service.bind({ ...what, tlsSpki: new Uint8Array(31) })).rejects.toMatchObject({
        code: 'keys.protocol',
      });
    });

    promise.unless(missing, 'P4', 'it asks who runs, and takes a question back when the server goes', async () => {
      const service = await start(changes);
      const aborted = new Promise<string>((resolvePromise) => {
        service.attend({
          runningTools: (id) => [id, 'send'],
          confirm: (_id, question, signal) =>
            new Promise((answer) => {
              signal.addEventListener('abort', () => {
                resolvePromise(question);
                answer('declined');
              });
            }),
        });
      });
      const asks = server('printf tools >&3; head -c 7 <&3');
      const said = output(asks.child);
      await service.admit(instance('i1'), asks.socket);
      expect(await said).toBe('i1 send');
      const goes = server('printf confirm >&3; exec 3>&-; exec sleep 0');
      await service.admit(instance('i2'), goes.socket);
      expect(await aborted).toBe('may it?');
    });
  });
}

describe('isolation', () => {
  promise.unless(noSandbox, 'P4', 'in a sandbox it has no network, and sees no files but its own', async () => {
    const service = await start({ bubblewrap: BWRAP });
    expect(service.obtained.network).toBe('none');
    expect(await service.credential('network')).toBe('ENETUNREACH');
    expect(await shown(service, 'files')).toEqual([]);
  });

  promise.unless(
    isRoot ? false : 'these tests do not run as root',
    'P4',
    'under root without a sandbox it stays root, in directories that are root’s alone, and says so',
    async () => {
      const directory = join(temporaryDirectory(), 'closed', 'state');
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const service = await start({ directory });
      expect(service.obtained).toMatchObject({ uid: 'shared', network: 'host', dumpable: true });
    },
  );

  promise.unless(notRoot, 'P4', 'under root it has a user of its own, and nobody else reads its memory', async () => {
    const service = await start({ bubblewrap: BWRAP });
    expect(service.obtained).toEqual({ uid: 'own', network: 'none', dumpable: false });
    expect(await shown(service, 'user')).toMatchObject({ uid: 64_123, gid: 64_123 });
    expect(await shown(service, 'becomesRoot')).toBe(false);
    expect(await shown(service, 'status')).toMatch(/^CapEff:\s+0+$/m);
    const pid = innermost(service.pid);
    for (const file of ['mem', 'environ', 'maps']) {
      for (const uid of [65_534, 64_123]) {
        const read = spawnSync('/bin/sh', ['-c', `head -c 1 /proc/${pid}/${file}`], { uid, gid: uid, env: {} });
        expect(read.status).not.toBe(0);
        expect(`${read.stderr}`).toMatch(/denied/i);
      }
    }
    const environ = readFileSync(`/proc/${pid}/environ`, 'latin1')
      .split('\0')
      .filter(Boolean)
      .map((line) => line.split('=')[0]);
    expect(environ.filter((one) => !one?.startsWith('NODE_CHANNEL_') && one !== 'PWD')).toEqual([]);
  });

  promise.unless(
    notRoot,
    'P4',
    'root that stays root has no capability, and reads what was another user’s',
    async () => {
      const directory = temporaryDirectory();
      writeFileSync(join(directory, 'state'), '"kept"', { mode: 0o600 });
      for (const path of [directory, join(directory, 'state')]) chownSync(path, KEYD_USER.uid, KEYD_USER.gid);
      const service = await start({ bubblewrap: BWRAP, staysRoot: true, directory });
      expect(service.obtained).toEqual({ uid: 'shared', network: 'none', dumpable: true });
      expect(await shown(service, 'status')).toMatch(/^CapInh:\s+0+\nCapPrm:\s+0+\nCapEff:\s+0+$/m);
      expect(await shown(service, 'state')).toBe('"kept"');
    },
  );

  promise.unless(
    notRoot,
    'P4',
    'it is in the group that a device belongs to until it is open, and no longer',
    async () => {
      const directory = temporaryDirectory();
      const device = join(directory, 'tpm');
      writeFileSync(device, '', { mode: 0o660 });
      chownSync(device, 65_533, 65_532);
      chmodSync(device, 0o660);
      const service = await start({ bubblewrap: BWRAP, devices: [device] });
      expect(await shown(service, 'groupsAtFirst')).toContain(65_532);
      const { groups } = (await shown(service, 'user')) as { readonly groups: readonly number[] };
      expect(groups).not.toContain(65_532);
    },
  );

  test('the socket of a server that somebody has read from is not handed over', async () => {
    const child = spawn('/bin/sh', ['-c', 'echo hello >&3; exec cat <&3'], {
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    });
    children.push(child);
    const socket = child.stdio[3] as Socket;
    await new Promise((resolvePromise) => socket.once('data', resolvePromise));
    expect(() => holdSocket(socket)).toThrow('has read from the socket');
    socket.destroy();
    expect(() => holdSocket(socket)).toThrow('closed');
  });
});

describe('the real service', () => {
  promise.unless(noSandbox, 'P4', 'signs for a server, binds its keys, and is the same after a restart', async () => {
    const manifest = manifestWith({
      keys: {
        notes: {
          origin: 'derived',
          algorithm: 'ed25519',
          version: 1,
          policy: { rules: [{ id: 'all', effect: 'allow', action: 'sign', contexts: ['notes'] }] },
        },
      },
    });
    const directory = temporaryDirectory();
    const options = { entry: 'keyd-entry', bubblewrap: BWRAP, manifest, directory } as const;
    const first = await start(options);
    expect(first.appRoot?.isNew).toBe(true);
    const what = {
      tlsSpki: new Uint8Array(32),
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    } as const;
    const evidence = await first.bind(what);
    const bundle = await evidence.channel({
      nonce: new Uint8Array(32),
      exporter: new Uint8Array(32),
      leafSpki: what.tlsSpki,
    });
    expect(bundle.hardware.technology).toBe('tdx');
    expect(bundle.keyStatements?.statements).toEqual(first.statements);
    expect(await first.signReceipt({ tool: 'a' })).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    await expect(first.acceptSecret({})).rejects.toMatchObject({ code: 'secret.malformed' });

    const child = spawn('/bin/sh', ['-c', 'cat <&3 & exec cat >&3'], {
      env: {},
      stdio: ['pipe', 'pipe', 'ignore', 'pipe'],
    });
    children.push(child);
    const request = {
      jsonrpc: '2.0',
      id: 1,
      method: 'sign',
      params: { key: 'notes', context: 'notes', message: 'AAAA' },
    };
    await first.admit(instance('i1'), child.stdio[3] as Socket);
    const answered = new Promise<string>((resolvePromise) =>
      child.stdout?.once('data', (text: Buffer) => resolvePromise(text.toString())),
    );
    child.stdin?.write(`${JSON.stringify(request)}\n`);
    expect(JSON.parse(await answered)).toMatchObject({ id: 1, result: { signature: expect.any(String) } });
    const volume = await first.volumeKey('data');
    await first.close();
    const second = await start({ ...options, genesis: false });
    expect(second.statements).toEqual(first.statements);
    expect(await second.volumeKey('data')).toEqual(volume);
    expect(second.appRoot).toEqual({ id: first.appRoot?.id, isNew: false });
  });
});
