import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BridgeEntry, clientTarget, planEntry } from '@vitrine/client';
import { openSimulator } from '@vitrine/simulator';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { freshPlace, type Place } from '../testing/in-process.ts';
import { VERSION } from '../version.ts';
import { examineClients } from './clients.ts';
import { type Examined, thisMachine } from './examined.ts';
import type { Finding } from './finding.ts';
import { examineHardware } from './hardware.ts';
import { examineHost } from './host-servers.ts';
import { examineNetwork } from './network.ts';
import { examineSandbox } from './sandbox.ts';
import { examineUse } from './use-servers.ts';

const URL_OF_SERVER = 'https://bank.example/mcp';
const NO_PINS = '{"type":"vitrine/pins/v1","pins":{}}';
const posix = process.platform !== 'win32';

/** This machine in a fresh place, but for what a test says of it. */
function machine(place: Place, told: Partial<Examined> = {}): Examined {
  return { ...thisMachine(), homedir: place.directory, directory: place.directory, ...told };
}

function finding(findings: readonly Finding[], id: string): Finding {
  const found = findings.find((one) => one.id === id);
  if (found === undefined) throw new Error(`no ${id} among ${findings.map((one) => one.id).join(', ')}`);
  return found;
}

describe('using servers', () => {
  test('a new machine lacks what is made later, and nothing is a problem', async () => {
    const findings = await examineUse(machine(freshPlace()));
    expect(findings.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'node.version ok',
      'home.directory missing',
      'pins.file missing',
      'clock ok',
    ]);
  });

  test.each(['22.22.1', '23.0.0', '24.14.9', '25.1.0', '20.20.2'])('Node %s is too old', async (nodeVersion) => {
    const findings = await examineUse(machine(freshPlace(), { nodeVersion }));
    expect(finding(findings, 'node.version')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining(nodeVersion),
    });
  });

  test.each(['22.22.2', '22.23.0', '24.15.0', '26.0.0', '27.1.0'])('Node %s will do', async (nodeVersion) => {
    expect(finding(await examineUse(machine(freshPlace(), { nodeVersion })), 'node.version').status).toBe('ok');
  });

  promise('P2', 'damaged pins are a problem that says where, and exit code 2', async () => {
    const place = freshPlace();
    mkdirSync(place.home, { mode: 0o700 });
    writeFileSync(join(place.home, 'pins.json'), '{"type":"vitrine/pins/v1","pins":', { mode: 0o600 });
    const { code, stdout } = await place.run('doctor', '--json');
    expect(code).toBe(2);
    const report = JSON.parse(stdout) as { ready: boolean; findings: Finding[] };
    expect(report.ready).toBe(false);
    expect(finding(report.findings, 'pins.file')).toMatchObject({
      status: 'problem',
      message: expect.stringMatching(/damaged.*pins\.json:1:\d+/),
    });
  });

  test.skipIf(!posix)('pins and a directory that others may read or change', async () => {
    const place = freshPlace();
    mkdirSync(place.home);
    chmodSync(place.home, 0o777);
    const pins = join(place.home, 'pins.json');
    writeFileSync(pins, NO_PINS);
    chmodSync(pins, 0o644);
    const findings = await examineUse(machine(place));
    expect(finding(findings, 'home.mode')).toMatchObject({ status: 'problem', remedy: `chmod go-w ${place.home}` });
    expect(finding(findings, 'pins.mode')).toMatchObject({ status: 'problem', remedy: `chmod 600 ${pins}` });
    chmodSync(place.home, 0o700);
    chmodSync(pins, 0o600);
    expect((await examineUse(machine(place))).map(({ status }) => status)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  test('a directory that is a file, and one that cannot be made', async () => {
    const place = freshPlace();
    writeFileSync(place.home, '');
    expect(finding(await examineUse(machine(place)), 'home.directory').message).toContain('is not a directory');
    rmSync(place.home);
    const findings = await examineUse(machine(place, { writable: () => false }));
    expect(finding(findings, 'home.directory')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('cannot be made'),
    });
  });

  test('a clock before this code, or before its own files', async () => {
    const place = freshPlace();
    expect(finding(await examineUse(machine(place, { now: new Date(0) })), 'clock').status).toBe('problem');
    mkdirSync(place.home, { mode: 0o700 });
    writeFileSync(join(place.home, 'pins.json'), NO_PINS, { mode: 0o600 });
    const earlier = new Date(Date.now() - 3_600_000);
    expect(finding(await examineUse(machine(place, { now: earlier })), 'clock')).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('the pins were written at'),
    });
  });
});

describe('entries in MCP clients', () => {
  const configure = (place: Place, id: string, entry: BridgeEntry): string => {
    const target = clientTarget(id, 'user', machine(place));
    if (target === undefined) throw new Error(`no client ${id}`);
    mkdirSync(join(target.file, '..'), { recursive: true });
    writeFileSync(target.file, planEntry(target, 'bank', entry, undefined).after);
    return target.file;
  };
  const only = async (place: Place): Promise<Finding> => {
    const [first, ...more] = await examineClients(machine(place));
    expect(more).toEqual([]);
    if (first === undefined) throw new Error('nothing was found');
    return first;
  };

  test('no client', async () => {
    expect(await only(freshPlace())).toMatchObject({ id: 'client.none', status: 'missing' });
  });

  promise('P2', 'an entry whose program is gone is a problem, and the way to write it anew is said', async () => {
    const place = freshPlace();
    const gone = join(place.directory, 'gone', 'vitrine-connect.js');
    configure(place, 'claude-desktop', { command: process.execPath, args: [gone, URL_OF_SERVER] });
    const found = await only(place);
    expect(found).toMatchObject({
      id: 'client.entry',
      status: 'problem',
      remedy: `vitrine add ${URL_OF_SERVER} --client claude-desktop`,
    });
    expect(found.message).toContain(gone);
  });

  test('an entry for a server that is not pinned is a problem', async () => {
    const place = freshPlace();
    configure(place, 'cursor', { command: 'npx', args: ['-y', '@vitrine/client@0.1.0', URL_OF_SERVER] });
    expect(await only(place)).toMatchObject({
      id: 'client.pin',
      status: 'problem',
      message: expect.stringContaining('is not pinned'),
    });
  });

  test('with a policy of its own, or where the pins cannot be read, nothing is said about the pin', async () => {
    const place = freshPlace();
    const args = ['-y', `@vitrine/client@${VERSION}`, URL_OF_SERVER];
    configure(place, 'vscode', { command: 'npx', args: [...args, '--policy', 'p.json'] });
    expect((await only(place)).status).toBe('ok');
    configure(place, 'vscode', { command: 'npx', args });
    expect((await only(place)).status).toBe('problem');
    const home = join(place.directory, 'other');
    mkdirSync(home);
    writeFileSync(join(home, 'pins.json'), '{');
    configure(place, 'vscode', { command: 'npx', args, env: { VITRINE_HOME: home } });
    expect((await only(place)).status).toBe('ok');
  });

  test('another version of the bridge is named', async () => {
    const place = freshPlace();
    configure(place, 'vscode', { command: 'npx', args: ['-y', '@vitrine/client@0.0.1', '--policy', 'x'] });
    expect(await only(place)).toMatchObject({
      id: 'client.version',
      status: 'ok',
      message: expect.stringContaining('0.0.1'),
    });
  });

  test('entries of other programs are left alone, and a damaged file is a problem', async () => {
    const place = freshPlace();
    const file = configure(place, 'claude-code', { command: 'npx', args: ['-y', 'other@1.0.0', URL_OF_SERVER] });
    expect(await only(place)).toMatchObject({
      id: 'client.found',
      status: 'ok',
      message: expect.stringContaining('no entry of Vitrine'),
    });
    writeFileSync(file, '{"mcpServers": ');
    expect(await only(place)).toMatchObject({
      id: 'client.file',
      status: 'problem',
      message: expect.stringContaining(file),
    });
    for (const text of [
      '',
      '{}',
      '{"mcpServers": {"a": null, "b": {"args": 3}, "c": {"command": 7, "args": [null]}}}',
    ]) {
      writeFileSync(file, text);
      expect((await only(place)).status).toBe('ok');
    }
  });
});

describe('hosting servers', () => {
  test('npm is found, or what to do without it', () => {
    const place = freshPlace();
    expect(finding(examineHost(machine(place)), 'npm').status).toBe('ok');
    const none = machine(place, { env: { PATH: '' }, execPath: join(place.directory, 'node') });
    expect(finding(examineHost(none), 'npm')).toMatchObject({
      status: 'missing',
      remedy: expect.stringContaining('npm 10'),
    });
    const old = machine(place, { read: () => '{"version": "9.1.0"}' });
    expect(finding(examineHost(old), 'npm')).toMatchObject({ status: 'problem', message: 'npm 9.1.0 is too old' });
  });

  test("the simulator's root: none, valid, too old, damaged, missing, open to others", async () => {
    const place = freshPlace();
    const simulator = (told: Partial<Examined> = {}): Finding =>
      finding(examineHost(machine(place, told)), 'simulator');
    expect(simulator().status).toBe('missing');
    const directory = join(place.home, 'simulator');
    await openSimulator({ directory, now: () => new Date(), release: '1' });
    expect(simulator().status).toBe('ok');
    expect(simulator({ now: new Date('2100-01-01') })).toMatchObject({
      status: 'problem',
      message: expect.stringContaining('was valid until'),
    });
    if (posix) {
      chmodSync(join(directory, 'simulator-keys.json'), 0o644);
      expect(simulator()).toMatchObject({ status: 'problem', message: expect.stringContaining('not yours alone') });
      chmodSync(join(directory, 'simulator-keys.json'), 0o600);
    }
    writeFileSync(join(directory, 'root.pem'), 'x');
    expect(simulator()).toMatchObject({ status: 'problem', message: expect.stringContaining('damaged') });
    rmSync(join(directory, 'root.pem'));
    expect(simulator()).toMatchObject({ status: 'problem', message: expect.stringContaining('is missing') });
  });
});

describe('network', () => {
  const examine = (env: Examined['env'], told: Partial<Examined> = {}): readonly Finding[] =>
    examineNetwork({ ...thisMachine(), env, ...told });

  test('nothing is set', () => {
    expect(examine({}).map(({ id, status }) => `${id} ${status}`)).toEqual(['proxy missing', 'tls ok']);
  });

  promise('P1', 'a proxy is shown without user name and password', () => {
    const findings = examine({ HTTPS_PROXY: 'http://user:x1y2@proxy.example:8080', http_proxy: 'x1y2 x1y2' });
    expect(findings[0]).toMatchObject({ status: 'ok', message: 'HTTPS_PROXY is http://proxy.example:8080' });
    expect(findings[1]).toMatchObject({ status: 'problem', message: 'http_proxy is no address of a proxy' });
    expect(JSON.stringify(findings)).not.toMatch(/x1y2|user/);
  });

  test('settings that weaken TLS or load code are problems', () => {
    expect(examine({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })[1]).toMatchObject({
      id: 'tls.unauthorized',
      status: 'problem',
    });
    expect(examine({ NODE_EXTRA_CA_CERTS: '/nowhere/ca.pem' })[1]).toMatchObject({
      id: 'tls.extra',
      status: 'problem',
    });
    expect(examine({ NODE_EXTRA_CA_CERTS: '/ca.pem' }, { exists: () => true })[1]).toMatchObject({
      id: 'tls.extra',
      status: 'ok',
    });
    for (const NODE_OPTIONS of ['--require ./x.js', '--import=./x.js', '-r x', '--inspect', '--inspect-brk=0'])
      expect(examine({ NODE_OPTIONS }).at(-1)).toMatchObject({ id: 'node.options', status: 'problem' });
    expect(examine({ NODE_OPTIONS: '--max-old-space-size=100' }).at(-1)?.id).toBe('tls');
  });
});

describe('hardware and sandbox', () => {
  test('devices that are there, and none', () => {
    const linux = { ...thisMachine(), platform: 'linux' } as const;
    expect(examineHardware({ ...linux, exists: () => false })).toMatchObject([{ id: 'tee', status: 'missing' }]);
    expect(
      examineHardware({
        ...linux,
        exists: (path) => path === '/dev/sev-guest' || path === '/run/dstack.sock',
        writable: () => true,
      }),
    ).toMatchObject([
      { id: 'tee.dstack', status: 'ok', message: 'a dstack guest agent: /run/dstack.sock' },
      { id: 'tee.snp', status: 'ok', message: 'an AMD SEV-SNP guest: /dev/sev-guest' },
      { id: 'tee.auto', status: 'ok', message: '--platform auto takes dstack' },
    ]);
    expect(
      examineHardware({ ...linux, exists: (path) => path === '/dev/tdx_guest', writable: () => false }),
    ).toMatchObject([
      { id: 'tee.tdx', status: 'ok' },
      { id: 'tee.tdx.access', status: 'missing', remedy: 'run as root, or let this user open it' },
      { id: 'tee.tdx.lacks', status: 'missing', remedy: expect.stringContaining('configfs') },
      { id: 'tee.tdx.lacks', status: 'missing', remedy: expect.stringContaining('Linux 6.16') },
      { id: 'tee.auto', status: 'ok' },
    ]);
    expect(examineHardware({ ...linux, exists: (path) => path === '/dev/tpmrm0', writable: () => true })).toMatchObject(
      [
        { id: 'tee.tpm', status: 'ok' },
        { id: 'tee.auto', status: 'missing' },
      ],
    );
    expect(examineHardware({ ...linux, platform: 'darwin' })).toMatchObject([{ id: 'tee', status: 'missing' }]);
  });

  test('bubblewrap is tried, and settings of the kernel are read', () => {
    const place = freshPlace();
    const program = join(place.directory, 'bwrap');
    writeFileSync(program, '', { mode: 0o755 });
    const files: Record<string, string> = {
      '/proc/sys/kernel/seccomp/actions_avail': 'kill_process errno allow\n',
      '/sys/fs/cgroup/cgroup.controllers': 'cpu memory pids\n',
    };
    const statuses = (told: Partial<Examined>): string =>
      examineSandbox(
        machine(place, {
          platform: 'linux',
          uid: 0,
          env: { PATH: place.directory },
          read: (path) => files[path],
          ...told,
        }),
      )
        .map(({ id, status }) => `${id.replace('sandbox.', '')} ${status}`)
        .join(', ');
    if (posix) {
      expect(statuses({ exitCode: () => 0 })).toBe(
        'bwrap ok, namespaces ok, seccomp ok, cgroup ok, volumes missing, keys ok',
      );
      for (const code of [1, undefined])
        expect(statuses({ exitCode: () => code })).toMatch(/^bwrap problem, .*keys missing$/);
    }
    for (const [file, value] of [
      ['/proc/sys/user/max_user_namespaces', '0\n'],
      ['/proc/sys/kernel/unprivileged_userns_clone', '0\n'],
      ['/proc/sys/kernel/apparmor_restrict_unprivileged_userns', '1\n'],
    ] as const)
      expect(statuses({ env: {}, read: (path) => (path === file ? value : undefined) })).toBe(
        'bwrap missing, namespaces problem, seccomp missing, cgroup missing, volumes missing, keys missing',
      );
    expect(statuses({ platform: 'win32' })).toBe('sandbox missing, keys missing');
  });

  promise('P4', 'how far the key service would be apart is said as it is', () => {
    const place = freshPlace();
    writeFileSync(join(place.directory, 'bwrap'), '', { mode: 0o755 });
    const said = (told: Partial<Examined>): string => {
      const env = { PATH: place.directory };
      const { status, message } = finding(
        examineSandbox(machine(place, { platform: 'linux', env, read: () => undefined, exitCode: () => 0, ...told })),
        'sandbox.keys',
      );
      return `${status}: ${message}`;
    };
    if (posix) {
      expect(said({ uid: 0 })).toBe('ok: the key service gets a user of its own, and no network');
      expect(said({ uid: 1000 })).toMatch(/^missing: .*no network, and runs as you, so your other programs can read/);
    }
    for (const told of [
      { uid: 0, env: {} },
      { uid: 0, exitCode: () => 1 },
      { uid: 1000, exitCode: () => 1 },
      { uid: 501, platform: 'darwin' },
      { uid: undefined, platform: 'win32' },
    ] as const)
      expect(said(told)).toMatch(/^missing: .*the network of this machine, and runs as you/);
  });
});

test('the report has one line or two for each finding, and ends with what it comes to', async () => {
  const { code, stdout, stderr } = await freshPlace().run('doctor');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^Use servers\n {2}ok {7}Node /);
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('Nothing that using servers needs is broken.');
  const { findings } = JSON.parse((await freshPlace().run('doctor', '--json')).stdout) as { findings: Finding[] };
  expect(stdout.match(/^ {2}(?:ok|missing|problem) /gm)).toHaveLength(findings.length);
});

promise('P1', 'doctor changes nothing and asks no network', async () => {
  const place = freshPlace({ HTTPS_PROXY: 'http://127.0.0.1:9', npm_config_registry: 'http://127.0.0.1:9' });
  await place.run('doctor');
  expect(thisMachine().exists(place.home)).toBe(false);
});
