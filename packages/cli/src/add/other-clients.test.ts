import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { applyPlan, type EntryPlan } from '@vitrine/client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { OTHER_IDS, otherTarget } from './other-clients.ts';
import type { Target } from './target.ts';

const URL_A = 'https://bank.example/mcp';
const entry = { command: 'npx', args: ['-y', '@vitrine/client@0.1.0', URL_A] };
const NOW = new Date('2026-01-31T12:00:00.000Z');

let project = '';
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'vitrine-other-'));
});
afterEach(() => rm(project, { recursive: true, force: true }));

const targetOf = (id: string): Target => {
  const target = otherTarget(id, 'project', project);
  if (target === undefined) throw new Error(id);
  return target;
};
const write = async (path: string, text: string): Promise<string> => {
  const file = join(project, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
};
/** Applies a plan and returns the new text. */
const apply = async (plan: EntryPlan): Promise<string> => {
  await applyPlan(plan, NOW);
  return readFile(plan.file, 'utf8');
};

describe('a client that only add-mcp knows', () => {
  test('is one of those', () => {
    expect(OTHER_IDS).toEqual(expect.arrayContaining(['codex', 'gemini-cli', 'goose', 'opencode', 'windsurf', 'zed']));
    expect(otherTarget('emacs', 'user', project)).toBeUndefined();
    expect(otherTarget('toString', 'user', project)).toBeUndefined();
  });

  test.each([
    ['gemini-cli', '.gemini/settings.json', ['mcpServers'], entry],
    ['zed', '.zed/settings.json', ['context_servers'], { source: 'custom', ...entry, env: {} }],
    ['kiro-cli', '.kiro/settings/mcp.json', ['mcpServers'], entry],
    ['kimi-code', '.kimi-code/mcp.json', ['mcpServers'], { transport: 'stdio', ...entry }],
    [
      'opencode',
      'opencode.jsonc',
      ['mcp'],
      { type: 'local', command: [entry.command, ...entry.args], environment: {}, enabled: true },
    ],
  ])('gets the entry in its form and loses it again: %s', async (id, path, keys, shaped) => {
    const file = await write(path, '{\n  // mine\n  "theme": "dark", // too\n}\n');
    const plan = await targetOf(id).plan('bank', entry);
    expect(plan).toMatchObject({ file, change: 'add' });
    const text = await apply(plan);
    expect(text).toContain('// mine\n  "theme": "dark", // too\n');
    const json: unknown = JSON.parse(text.replace(/ \/\/ .*$/gm, '').replace(/,(\s*\})/g, '$1'));
    expect(keys.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], json)).toEqual({
      bank: shaped,
    });
    expect((await targetOf(id).plan('bank', entry)).change).toBe('none');
    const removed = await targetOf(id).planRemoval('bank', URL_A);
    expect(removed.change).toBe('remove');
    expect(removed.after).not.toContain('bank');
  });

  test('keeps the newer layout of OpenCode', async () => {
    await write('opencode.jsonc', '{ "mcp": { "servers": { "x": { "type": "local", "command": ["x"] } } } }');
    const plan = await targetOf('opencode').plan('bank', entry);
    expect(JSON.parse(plan.after).mcp.servers.bank).toEqual({
      type: 'local',
      command: [entry.command, ...entry.args],
      environment: {},
    });
  });

  test.each(['codex', 'grok-build'])('keeps the comments of a TOML file: %s', async (id) => {
    const before = '# mine\nmodel = "o" # too\n\n[mcp_servers.other]\ncommand = "x"\n';
    await write(id === 'codex' ? '.codex/config.toml' : '.grok/config.toml', before);
    const plan = await targetOf(id).plan('bank', { ...entry, env: { VITRINE_HOME: '/v' } });
    expect(plan.after.startsWith(before)).toBe(true);
    expect(plan.after).toContain('[mcp_servers.bank]');
    await apply(plan);
    expect((await targetOf(id).plan('bank', { ...entry, env: { VITRINE_HOME: '/v' } })).change).toBe('none');
    const removed = await targetOf(id).planRemoval('bank', URL_A);
    expect(removed.change).toBe('remove');
    expect(removed.after).toBe(before);
  });

  test('has a TOML entry replaced, with the change shown', async () => {
    await write('.codex/config.toml', '[mcp_servers.bank]\ncommand = "old"\n');
    const plan = await targetOf('codex').plan('bank', entry);
    expect(plan.change).toBe('replace');
    expect(plan.diff).toContain('- command = "old"');
    expect(plan.after).not.toContain('old');
    await expect(targetOf('codex').planRemoval('bank', URL_A)).rejects.toMatchObject({ code: 'entry.other' });
  });

  test('has its TOML file made where there is none', async () => {
    expect((await targetOf('codex').planRemoval('bank', URL_A)).change).toBe('none');
    const plan = await targetOf('codex').plan('bank', entry);
    expect(plan).toMatchObject({ before: undefined, change: 'add' });
    expect(plan.after).toBe(await targetOf('codex').print('bank', entry));
    expect(await readdir(project)).toEqual([]);
  });

  test.each(['[mcp_servers', 'a = ', '[mcp_servers.bank]\ncommand="a"\n[mcp_servers.bank]\ncommand="b"\n'])(
    'is not written into a damaged TOML file: %j',
    async (before) => {
      const file = await write('.codex/config.toml', before);
      await expect(targetOf('codex').plan('bank', entry)).rejects.toMatchObject({ name: 'UsageError' });
      expect(await readFile(file, 'utf8')).toBe(before);
      expect(await readdir(dirname(file))).toEqual(['config.toml']);
    },
  );

  test('is only printed for where no preview can be had', async () => {
    const goose = otherTarget('goose', 'user', project);
    await expect(goose?.plan('bank', entry)).rejects.toMatchObject({ code: 'entry.print-only' });
    expect(JSON.parse((await goose?.print('bank', entry)) ?? '')).toMatchObject({
      extensions: { bank: { cmd: 'npx', args: entry.args, type: 'stdio', enabled: true } },
    });
  });

  test.each(['windsurf', 'goose', 'github-copilot-cli'])('has no file of its own in a project: %s', (id) => {
    expect(() => otherTarget(id, 'project', project)).toThrow(expect.objectContaining({ code: 'usage.scope' }));
  });

  test.each(['a.b', '', 'a b'])('has no entry called %j', async (name) => {
    await expect(targetOf('codex').plan(name, entry)).rejects.toMatchObject({ code: 'entry.name' });
    await expect(targetOf('zed').plan(name, entry)).rejects.toMatchObject({ code: 'entry.name' });
  });
});
