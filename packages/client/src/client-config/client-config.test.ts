import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { applyPlan, readConfig } from './apply-plan.ts';
import { bridgeEntry, entryName } from './bridge-entry.ts';
import { claudeDesktopFile, type EntryPlan, planClientEntry } from './claude-desktop.ts';
import { setJsonMember } from './json-edit.ts';

const URL_A = 'https://bank.example/mcp';
const entry = { command: 'npx', args: ['-y', '@vitrine/client@0.1.0', URL_A] };
const NOW = new Date('2026-01-31T12:00:00.000Z');

let home = '';
let file = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vitrine config\n'));
  file = claudeDesktopFile({}, 'linux', home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

const plan = (before: string | undefined): EntryPlan => planClientEntry({ file, name: 'bank', entry }, before);

describe('the entry for Claude Desktop', () => {
  test('is where that program looks', () => {
    expect(claudeDesktopFile({}, 'darwin', '/h')).toBe(
      '/h/Library/Application Support/Claude/claude_desktop_config.json',
    );
    expect(claudeDesktopFile({ APPDATA: 'C:\\A' }, 'win32', 'C:\\U')).toBe('C:\\A\\Claude\\claude_desktop_config.json');
    expect(claudeDesktopFile({}, 'linux', '/h')).toBe('/h/.config/Claude/claude_desktop_config.json');
  });

  test('makes the file where there is none', async () => {
    const made = plan(await readConfig(file));
    expect(await applyPlan(made, NOW)).toBeUndefined();
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ mcpServers: { bank: entry } });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('leaves every other byte as it is, and keeps a backup', async () => {
    const before =
      '{\n\t"zebra": 1.50,\n\t"mcpServers": {\n\t\t"other": {"command":"x", "env": {"TOKEN": "secret"}}\n\t},\n\t"1": [ ]\n}';
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, before, { mode: 0o644 });
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
    expect(after).toContain('"zebra": 1.50');
    expect(JSON.parse(after).mcpServers.bank).toEqual(entry);
    expect(after.replace(/,\n\t\t"bank": \{[^}]*\}/, '')).toBe(before);
    expect((await stat(file)).mode & 0o777).toBe(0o644);
  });

  test('replaces an entry of the same name, and is nothing to do when it is there', async () => {
    const old = JSON.stringify({ mcpServers: { bank: { command: 'old' }, z: {} } }, undefined, 2);
    const made = plan(old);
    expect(JSON.parse(made.after)).toEqual({ mcpServers: { bank: entry, z: {} } });
    const again = plan(made.after);
    expect(again).toMatchObject({ diff: [], after: made.after });
    expect(await applyPlan(again, NOW)).toBeUndefined();
    expect(await readdir(home)).toEqual([]);
  });

  test.each(['{', '{"a":1,}', '{"a":1,"a":2}', '// comment\n{}', '[]', 'null', '{"mcpServers":[]}', '{} {}'])(
    'is not written into a damaged file: %s',
    (before) => {
      expect(() => plan(before)).toThrow(expect.objectContaining({ name: 'UsageError' }));
    },
  );

  test('is not written when the file has changed since it was shown', async () => {
    const made = plan('{}');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '{"other": 1}');
    await expect(applyPlan(made, NOW)).rejects.toMatchObject({ code: 'entry.changed' });
    expect(await readFile(file, 'utf8')).toBe('{"other": 1}');
  });

  test.each(['', '-x', 'a b', '../x', 'x'.repeat(65), '__proto__'.padStart(10)])('has no name like %j', (name) => {
    expect(() => planClientEntry({ file, name, entry }, '{}')).toThrow(expect.objectContaining({ code: 'entry.name' }));
  });
});

describe('the command line of the bridge', () => {
  test('is absolute when the package did not come from a registry', async () => {
    const { command, args } = await bridgeEntry(URL_A, { execPath: '/n/node', extra: ['--policy', '/p'] });
    expect(command).toBe('/n/node');
    expect(args).toEqual([join(import.meta.dirname, '..', '..', 'bin', 'vitrine-connect.js'), URL_A, '--policy', '/p']);
  });

  test('is npx with the exact version when it did, by npm’s own record', async () => {
    const packageDirectory = join(home, 'node_modules', '@vitrine', 'client');
    const record = (resolved: string): Promise<void> =>
      writeFile(
        join(home, 'node_modules', '.package-lock.json'),
        JSON.stringify({ packages: { 'node_modules/@vitrine/client': { version: '1.2.3', resolved } } }),
      );
    await mkdir(packageDirectory, { recursive: true });
    const options = { execPath: '/n/node', packageDirectory };
    expect((await bridgeEntry(URL_A, options)).command).toBe('/n/node');
    await record('file:../client-1.2.3.tgz');
    expect((await bridgeEntry(URL_A, options)).command).toBe('/n/node');
    await record('https://registry.example/client-1.2.3.tgz');
    expect(await bridgeEntry(URL_A, options)).toEqual({ command: 'npx', args: ['-y', '@vitrine/client@1.2.3', URL_A] });
  });

  test('says where the pins are when that is not the usual place', async () => {
    expect((await bridgeEntry(URL_A, { execPath: '/n/node', vitrineHome: '/v' })).env).toEqual({ VITRINE_HOME: '/v' });
    expect('env' in (await bridgeEntry(URL_A, { execPath: '/n/node' }))).toBe(false);
  });

  test('has a name made from the host', () => {
    expect(entryName(URL_A)).toBe('bank-example');
    expect(entryName('https://[::1]:8443/mcp')).toBe('1-8443');
  });
});

test('setting a member keeps all others, in any layout', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 1, 2, '\t'),
      fc.string(),
      (top, servers, indent, name) => {
        const text = JSON.stringify({ ...top, mcpServers: servers }, undefined, indent);
        const edited: unknown = JSON.parse(setJsonMember(text, ['mcpServers', name], entry));
        const whole = JSON.parse(text) as { mcpServers: Record<string, unknown> };
        const expected = {
          ...whole,
          mcpServers: Object.fromEntries([...Object.entries(whole.mcpServers), [name, entry]]),
        };
        expect(edited).toEqual(expected);
      },
    ),
  );
});
