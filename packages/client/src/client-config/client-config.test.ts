import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyPlan, readConfig } from './apply-plan.ts';
import { bridgeEntry, bridgeVersion, entryName, npxBridge } from './bridge-entry.ts';
import { type EntryPlan, planEntry, planRemoval } from './entry-plan.ts';
import { lineDiff } from './line-diff.ts';
import { CLIENT_IDS, type ConfigTarget, clientTarget } from './mcp-clients.ts';

const URL_A = 'https://bank.example/mcp';
const entry = { command: 'npx', args: ['-y', '@vitrine/client@0.1.0', URL_A] };
const NOW = new Date('2026-01-31T12:00:00.000Z');

let home = '';
let file = '';
const targetOf = (id: string): ConfigTarget => {
  const target = clientTarget(id, 'user', { env: {}, platform: 'linux', homedir: home, directory: home });
  if (target === undefined) throw new Error(id);
  return target;
};
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vitrine config\n'));
  file = targetOf('claude-desktop').file;
});
afterEach(() => rm(home, { recursive: true, force: true }));

const plan = (before: string | undefined): EntryPlan => planEntry(targetOf('claude-desktop'), 'bank', entry, before);
const write = async (text: string | Uint8Array, mode = 0o644): Promise<void> => {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { mode });
};

describe('an entry', () => {
  test.each(CLIENT_IDS)('makes the file where there is none: %s', async (id) => {
    const target = targetOf(id);
    const made = planEntry(target, 'bank', entry, await readConfig(target.file));
    expect(made.change).toBe('add');
    expect(await applyPlan(made, NOW)).toBeUndefined();
    const [key] = target.path;
    expect(JSON.parse(await readFile(target.file, 'utf8'))).toEqual({ [key]: { bank: target.shape('bank', entry) } });
    expect((await stat(target.file)).mode & 0o777).toBe(0o600);
    const removed = planRemoval(target, 'bank', URL_A, await readConfig(target.file));
    await applyPlan(removed, NOW);
    expect(JSON.parse(await readFile(target.file, 'utf8'))).toEqual({ [key]: {} });
  });

  test('leaves every other byte as it is, and keeps a backup', async () => {
    const before =
      '{\n\t"zebra": 1.50,\n\t"mcpServers": {\n\t\t"other": {"command":"x", "env": {"TOKEN": "secret"}}\n\t},\n\t"1": [ ]\n}';
    await write(before);
    const made = plan(await readConfig(file));
    expect(made.diff[0]).toBe('  \t"mcpServers": {');
    expect(made.diff.slice(1, 3)).toEqual([
      '- \t\t"other": {"command":"x", "env": {"TOKEN": "secret"}}',
      '+ \t\t"other": {"command":"x", "env": {"TOKEN": "secret"}},',
    ]);
    const backup = await applyPlan(made, NOW);
    expect(backup).toBe(`${file}.backup-2026-01-31T12-00-00-000Z`);
    expect(await readFile(backup ?? '', 'utf8')).toBe(before);
    const after = await readFile(file, 'utf8');
    expect(JSON.parse(after).mcpServers.bank).toEqual(entry);
    expect(after.replace(/,\n\t\t"bank": \{[^}]*\}/, '')).toBe(before);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
  });

  test('keeps a byte order mark and the line ends of Windows', async () => {
    await write('\ufeff{\r\n  "mcpServers": {}\r\n}\r\n');
    await applyPlan(plan(await readConfig(file)), NOW);
    const after = await readFile(file, 'utf8');
    expect(after.startsWith('\ufeff{\r\n')).toBe(true);
    expect(after.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    await applyPlan(planRemoval(targetOf('claude-desktop'), 'bank', URL_A, after), new Date(NOW.getTime() + 1));
    expect(await readFile(file, 'utf8')).toBe('\ufeff{\r\n  "mcpServers": {}\r\n}\r\n');
  });

  test('keeps the comments of VS Code’s file', () => {
    const before = '{\n  // mine\n  "servers": {\n    "x": { "command": "x" }, // first\n  },\n}\n';
    const { after, diff } = planEntry(targetOf('vscode'), 'bank', entry, before);
    expect(after.replace(/\n {4}"bank": \{[^}]*\},/, '')).toBe(before);
    expect(diff.some((line) => line.startsWith('- '))).toBe(false);
  });

  test('replaces one of the same name, and is nothing to do when it is there', async () => {
    const old = JSON.stringify({ mcpServers: { bank: { command: 'old' }, z: {} } }, undefined, 2);
    const made = plan(old);
    expect(made.change).toBe('replace');
    expect(made.diff).toContain('-       "command": "old"');
    expect(JSON.parse(made.after)).toEqual({ mcpServers: { bank: entry, z: {} } });
    const again = plan(made.after);
    expect(again).toMatchObject({ change: 'none', diff: [], after: made.after });
    expect(await applyPlan(again, NOW)).toBeUndefined();
    expect(await readdir(home)).toEqual([]);
  });

  test('of the name of a built-in member is an entry like any other', () => {
    const { after, change } = planEntry(targetOf('cursor'), 'constructor', entry, '{"mcpServers":{}}');
    expect(change).toBe('add');
    expect(JSON.parse(after).mcpServers.constructor).toEqual(entry);
    expect(planRemoval(targetOf('cursor'), 'toString', URL_A, '{"mcpServers":{}}').change).toBe('none');
  });

  test.each([
    '{',
    '{"a":1,}',
    '{"a":1,"a":2}',
    '{"mcpServers":{"bank":1,"bank":2}}',
    '{"mcpServers":{},"mcpServers":{}}',
    '// comment\n{}',
    '[]',
    'null',
    '"x"',
    '{"mcpServers":[]}',
    '{"mcpServers":null}',
    '{} {}',
    "{'a':1}",
    'mcpServers: {}',
  ])('is not written into a damaged file: %s', (before) => {
    const failure = expect.objectContaining({
      name: 'UsageError',
      message: expect.stringMatching(/:1:\d+: .*nothing was changed/),
    });
    expect(() => plan(before)).toThrow(failure);
    expect(() => planRemoval(targetOf('claude-desktop'), 'bank', URL_A, before)).toThrow(failure);
  });

  test.each(['{"servers":{}}}', '{"servers":{"bank":1,"bank":2}}', '{"servers": /* }', '[1,]'])(
    'is not written into a damaged file with comments: %s',
    (before) => {
      expect(() => planEntry(targetOf('vscode'), 'bank', entry, before)).toThrow(
        expect.objectContaining({ name: 'UsageError' }),
      );
    },
  );

  test('is not written when the file has changed since it was shown', async () => {
    const made = plan('{}');
    await write('{"other": 1}');
    await expect(applyPlan(made, NOW)).rejects.toMatchObject({ code: 'entry.changed' });
    expect(await readFile(file, 'utf8')).toBe('{"other": 1}');
    await expect(applyPlan(plan(undefined), NOW)).rejects.toMatchObject({ code: 'entry.changed' });
    expect(await readdir(dirname(file))).toHaveLength(1);
  });

  test('is not written into a file that is read-only, not UTF-8, or a folder', async () => {
    await write('{}', 0o444);
    await chmod(file, 0o444);
    await expect(applyPlan(plan('{}'), NOW)).rejects.toMatchObject({ code: 'entry.read-only' });
    expect(await readdir(dirname(file))).toHaveLength(1);
    await rm(file);
    await write(Uint8Array.of(0x7b, 0xff, 0x7d));
    await expect(readConfig(file)).rejects.toMatchObject({ code: 'entry.encoding' });
    await rm(file);
    await mkdir(file);
    await expect(readConfig(file)).rejects.toMatchObject({ code: 'entry.unreadable' });
  });

  test('goes through a symbolic link, and not in the place of one that leads nowhere', async () => {
    const real = join(home, 'dotfiles.json');
    await writeFile(real, '{}');
    await mkdir(dirname(file), { recursive: true });
    await symlink(real, file);
    await applyPlan(plan(await readConfig(file)), NOW);
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
    expect(JSON.parse(await readFile(real, 'utf8'))).toEqual({ mcpServers: { bank: entry } });
    await rm(real);
    await expect(applyPlan(plan(await readConfig(file)), NOW)).rejects.toMatchObject({ code: 'entry.link' });
    expect((await lstat(file)).isSymbolicLink()).toBe(true);
  });

  test('is not written when its backup would replace another', async () => {
    await write('{}');
    await writeFile(`${file}.backup-2026-01-31T12-00-00-000Z`, 'older');
    await expect(applyPlan(plan('{}'), NOW)).rejects.toMatchObject({ code: 'entry.backup' });
    expect(await readFile(file, 'utf8')).toBe('{}');
  });

  test.each(['', '-x', '_x', 'a b', '../x', 'a.b', 'a/b', 'é', 'a\n', '"', '$(x)', 'x'.repeat(65), '__proto__'])(
    'has no name like %j',
    (name) => {
      const failure = expect.objectContaining({ code: 'entry.name' });
      expect(() => planEntry(targetOf('claude-desktop'), name, entry, '{}')).toThrow(failure);
      expect(() => planRemoval(targetOf('claude-desktop'), name, URL_A, '{}')).toThrow(failure);
    },
  );
});

describe('the removal of an entry', () => {
  const remove = (before: string | undefined): EntryPlan =>
    planRemoval(targetOf('claude-desktop'), 'bank', URL_A, before);

  test('gives back the text as it was', () => {
    const before = '{\n  "mcpServers": {\n    "x": {}\n  }\n}\n';
    const { after, change } = remove(plan(before).after);
    expect({ after, change }).toEqual({ after: before, change: 'remove' });
  });

  test.each([undefined, '', '{}', '{"mcpServers":{}}', '{"mcpServers":{"other":{}}}'])(
    'is nothing to do where there is none: %j',
    (before) => {
      expect(remove(before)).toMatchObject({ change: 'none', diff: [] });
    },
  );

  test.each([{ command: 'x' }, {}, { ...entry, args: ['https://other.example/mcp'] }, { url: `${URL_A}/x` }])(
    'leaves one of another server alone: %j',
    (other) => {
      expect(() => remove(JSON.stringify({ mcpServers: { bank: other } }))).toThrow(
        expect.objectContaining({ code: 'entry.other' }),
      );
    },
  );
});

test('a change in one long line is shown without the rest of it', () => {
  const before = `{"a":"${'secret'.repeat(50)}","m":{},"b":"${'secret'.repeat(50)}"}`;
  const shown = lineDiff(before, before.replace('{}', '{"x":1}'));
  expect(shown).toHaveLength(2);
  expect(shown.join('')).toContain('{"x":1}');
  expect(shown.join('').length).toBeLessThan(120);
});

describe('the command line of the bridge', () => {
  const options = { execPath: '/n/node', platform: 'linux' } as const;

  test('is absolute when the package did not come from a registry', async () => {
    const { command, args } = await bridgeEntry(URL_A, { ...options, extra: ['--policy', '/p'] });
    expect(command).toBe('/n/node');
    expect(args).toEqual([join(import.meta.dirname, '..', '..', 'bin', 'vitrine-connect.js'), URL_A, '--policy', '/p']);
    expect(await bridgeVersion()).toBeUndefined();
  });

  test('is npx with the exact version when it did, by npm’s own record', async () => {
    const packageDirectory = join(home, 'node_modules', '@vitrine', 'client');
    const record = (resolved: string): Promise<void> =>
      writeFile(
        join(home, 'node_modules', '.package-lock.json'),
        JSON.stringify({ packages: { 'node_modules/@vitrine/client': { version: '1.2.3', resolved } } }),
      );
    await mkdir(packageDirectory, { recursive: true });
    const installed = { ...options, packageDirectory };
    expect((await bridgeEntry(URL_A, installed)).command).toBe('/n/node');
    await record('file:../client-1.2.3.tgz');
    expect((await bridgeEntry(URL_A, installed)).command).toBe('/n/node');
    await record('https://registry.example/client-1.2.3.tgz');
    expect(await bridgeEntry(URL_A, installed)).toEqual({
      command: 'npx',
      args: ['-y', '@vitrine/client@1.2.3', URL_A],
    });
    expect(await bridgeEntry(URL_A, { ...installed, platform: 'win32' })).toEqual({
      command: 'cmd',
      args: ['/c', 'npx', '-y', '@vitrine/client@1.2.3', URL_A],
    });
  });

  test('is started by cmd on Windows only, and never there without npx', async () => {
    expect(npxBridge('1.2.3', [URL_A], 'darwin').command).toBe('npx');
    expect(npxBridge('1.2.3', [URL_A], 'win32').command).toBe('cmd');
    for (const special of [`${URL_A}/%CD%2F`, 'C:\\R&D\\policy.json', 'a\nb']) {
      expect(() => npxBridge('1.2.3', [special], 'win32')).toThrow(expect.objectContaining({ code: 'entry.cmd' }));
      expect(npxBridge('1.2.3', [special], 'linux').args).toContain(special);
    }
    expect((await bridgeEntry(URL_A, { execPath: 'C:\\node.exe', platform: 'win32' })).command).toBe('C:\\node.exe');
  });

  test('says where the pins are when that is not the usual place', async () => {
    expect((await bridgeEntry(URL_A, { ...options, vitrineHome: '/v' })).env).toEqual({ VITRINE_HOME: '/v' });
    expect('env' in (await bridgeEntry(URL_A, options))).toBe(false);
  });

  test('has a name made from the host', () => {
    expect(entryName(URL_A)).toBe('bank-example');
    expect(entryName('https://[::1]:8443/mcp')).toBe('1-8443');
  });
});
