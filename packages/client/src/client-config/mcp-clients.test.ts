import { describe, expect, test } from 'vitest';
import { CLIENT_IDS, clientTarget, installedClients, type Machine, type Scope } from './mcp-clients.ts';

const linux: Machine = { env: {}, platform: 'linux', homedir: '/h', directory: '/p' };
const mac: Machine = { ...linux, platform: 'darwin' };
const windows: Machine = { env: { APPDATA: 'C:\\A' }, platform: 'win32', homedir: 'C:\\U', directory: 'C:\\p' };
const entry = { command: 'npx', args: ['-y', '@vitrine/client@0.1.0', 'https://bank.example/mcp'] };

const fileOf = (id: string, scope: Scope, machine: Machine): string | undefined =>
  clientTarget(id, scope, machine)?.file;

describe('the configuration of each client', () => {
  test.each([
    ['claude-desktop', mac, '/h/Library/Application Support/Claude/claude_desktop_config.json'],
    ['claude-desktop', windows, 'C:\\A\\Claude\\claude_desktop_config.json'],
    ['claude-desktop', { ...windows, env: {} }, 'C:\\U\\AppData\\Roaming\\Claude\\claude_desktop_config.json'],
    ['claude-desktop', linux, '/h/.config/Claude/claude_desktop_config.json'],
    ['claude-desktop', { ...linux, env: { XDG_CONFIG_HOME: '/x' } }, '/x/Claude/claude_desktop_config.json'],
    [
      'claude-desktop',
      { ...linux, env: { XDG_CONFIG_HOME: 'relative' } },
      '/h/.config/Claude/claude_desktop_config.json',
    ],
    ['claude-code', mac, '/h/.claude.json'],
    ['claude-code', windows, 'C:\\U\\.claude.json'],
    ['claude-code', linux, '/h/.claude.json'],
    ['claude-code', { ...linux, env: { CLAUDE_CONFIG_DIR: '/c' } }, '/c/.claude.json'],
    ['vscode', mac, '/h/Library/Application Support/Code/User/mcp.json'],
    ['vscode', windows, 'C:\\A\\Code\\User\\mcp.json'],
    ['vscode', linux, '/h/.config/Code/User/mcp.json'],
    ['vscode-insiders', mac, '/h/Library/Application Support/Code - Insiders/User/mcp.json'],
    ['vscode-insiders', windows, 'C:\\A\\Code - Insiders\\User\\mcp.json'],
    ['vscode-insiders', linux, '/h/.config/Code - Insiders/User/mcp.json'],
    ['cursor', mac, '/h/.cursor/mcp.json'],
    ['cursor', windows, 'C:\\U\\.cursor\\mcp.json'],
    ['cursor', linux, '/h/.cursor/mcp.json'],
  ] as const)('of the user: %s', (id, machine, file) => {
    expect(fileOf(id, 'user', machine)).toBe(file);
  });

  test.each([
    ['claude-code', linux, '/p/.mcp.json'],
    ['claude-code', windows, 'C:\\p\\.mcp.json'],
    ['vscode', mac, '/p/.vscode/mcp.json'],
    ['vscode', windows, 'C:\\p\\.vscode\\mcp.json'],
    ['vscode-insiders', linux, '/p/.vscode/mcp.json'],
    ['cursor', linux, '/p/.cursor/mcp.json'],
    ['cursor', windows, 'C:\\p\\.cursor\\mcp.json'],
  ] as const)('of a project: %s', (id, machine, file) => {
    expect(fileOf(id, 'project', machine)).toBe(file);
  });

  test('is never a project’s for Claude Desktop', () => {
    expect(() => clientTarget('claude-desktop', 'project', linux)).toThrow(
      expect.objectContaining({ name: 'UsageError', code: 'usage.scope' }),
    );
  });

  test.each([
    ['claude-desktop', ['mcpServers'], 'json', entry],
    ['claude-code', ['mcpServers'], 'json', { type: 'stdio', ...entry }],
    ['vscode', ['servers'], 'jsonc', { type: 'stdio', ...entry }],
    ['vscode-insiders', ['servers'], 'jsonc', { type: 'stdio', ...entry }],
    ['cursor', ['mcpServers'], 'jsonc', entry],
  ] as const)('has its own form: %s', (id, path, syntax, shaped) => {
    const target = clientTarget(id, 'user', linux);
    expect(target).toMatchObject({ path, syntax });
    expect(target?.shape('bank', entry)).toEqual(shaped);
    expect(target?.afterwards).not.toBe('');
  });

  test('is unknown for other names', () => {
    expect(clientTarget('emacs', 'user', linux)).toBeUndefined();
    expect(clientTarget('constructor', 'user', linux)).toBeUndefined();
  });
});

describe('clients on this machine', () => {
  test('are found by what they leave behind', () => {
    expect(installedClients(linux, () => false)).toEqual([]);
    expect(installedClients(linux, () => true)).toEqual(CLIENT_IDS);
    expect(installedClients(linux, (path) => path === '/h/.claude')).toEqual(['claude-code']);
    expect(installedClients(windows, (path) => path === 'C:\\A\\Code\\User')).toEqual(['vscode']);
    expect(installedClients(mac, (path) => path === '/h/.cursor')).toEqual(['cursor']);
    expect(installedClients(mac, (path) => path === '/h/Library/Application Support/Claude')).toEqual([
      'claude-desktop',
    ]);
  });
});
