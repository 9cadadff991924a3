/**
 * The MCP clients that `vitrine add` knows by itself: where each keeps its configuration, and what
 * an entry looks like there. Nothing is read here: platform, environment and folders are given.
 *
 * Windows, macOS and Linux keep such files in different places; the project's file is the same
 * everywhere.
 *
 * @module
 */
import { posix, win32 } from 'node:path';
import { UsageError } from '@vitrine/documents';
import type { Environment } from '../pins/vitrine-home.ts';
import type { BridgeEntry } from './bridge-entry.ts';

/** For this user everywhere, or for everybody who works in this folder. */
export type Scope = 'user' | 'project';

/** What decides the paths. */
export interface Machine {
  readonly env: Environment;
  readonly platform: NodeJS.Platform;
  readonly homedir: string;
  /** The current folder, for the scope `project`. */
  readonly directory: string;
}

/** One file of one client, and how an entry is written into it. */
export interface ConfigTarget {
  readonly id: string;
  /** As people call the client. */
  readonly title: string;
  readonly file: string;
  /** The member that holds all entries. */
  readonly path: readonly [string, ...string[]];
  /** `jsonc` where the client itself reads comments and trailing commas. */
  readonly syntax: 'json' | 'jsonc';
  shape(name: string, entry: BridgeEntry): object;
  /** What the person has to do to use the server, as a sentence without its full stop. */
  readonly afterwards: string;
}

interface ClientRow {
  readonly id: string;
  readonly title: string;
  readonly user: (machine: Machine) => string;
  /** Below the current folder; absent where the client has no such file. */
  readonly project?: readonly string[];
  readonly key: string;
  readonly syntax: ConfigTarget['syntax'];
  /** Whether an entry says that it is started as a process. */
  readonly typed: boolean;
  /** What is there when the client is installed, if not the folder of its file. */
  readonly traces?: (machine: Machine) => readonly string[];
  readonly afterwards: Readonly<Record<Scope, string>>;
}

const VSCODE = {
  project: ['.vscode', 'mcp.json'],
  key: 'servers',
  syntax: 'jsonc',
  typed: true,
  afterwards: {
    user: 'start it in VS Code with "MCP: List Servers"',
    project: 'start it in VS Code with "MCP: List Servers", in this folder',
  },
} as const;

const CLIENTS: readonly ClientRow[] = [
  {
    id: 'claude-desktop',
    title: 'Claude Desktop',
    user: (machine) => inAppData(machine, 'Claude', 'claude_desktop_config.json'),
    key: 'mcpServers',
    syntax: 'json',
    typed: false,
    afterwards: { user: 'restart Claude Desktop to use it', project: '' },
  },
  {
    id: 'claude-code',
    title: 'Claude Code',
    user: (machine) => {
      const { CLAUDE_CONFIG_DIR } = machine.env;
      return pathOf(machine).join(CLAUDE_CONFIG_DIR || machine.homedir, '.claude.json');
    },
    project: ['.mcp.json'],
    key: 'mcpServers',
    syntax: 'json',
    typed: true,
    traces: (machine) => [
      pathOf(machine).join(machine.homedir, '.claude.json'),
      machine.env['CLAUDE_CONFIG_DIR'] || pathOf(machine).join(machine.homedir, '.claude'),
    ],
    afterwards: {
      user: 'start a new session of Claude Code; /mcp shows the server',
      project: 'start Claude Code in this folder; it asks before it uses the server',
    },
  },
  { id: 'vscode', title: 'VS Code', user: (machine) => inAppData(machine, 'Code', 'User', 'mcp.json'), ...VSCODE },
  {
    id: 'vscode-insiders',
    title: 'VS Code Insiders',
    user: (machine) => inAppData(machine, 'Code - Insiders', 'User', 'mcp.json'),
    ...VSCODE,
  },
  {
    id: 'cursor',
    title: 'Cursor',
    user: (machine) => pathOf(machine).join(machine.homedir, '.cursor', 'mcp.json'),
    project: ['.cursor', 'mcp.json'],
    key: 'mcpServers',
    syntax: 'jsonc',
    typed: false,
    afterwards: { user: 'switch it on in the settings of Cursor', project: 'switch it on in the settings of Cursor' },
  },
];

/** The ids of these clients. */
export const CLIENT_IDS: readonly string[] = CLIENTS.map(({ id }) => id);

/**
 * The file of a client and how to write into it; `undefined` for a client that is not in the table.
 *
 * @throws UsageError where the client has no configuration of that scope.
 */
export function clientTarget(id: string, scope: Scope, machine: Machine): ConfigTarget | undefined {
  const row = CLIENTS.find((client) => client.id === id);
  if (row === undefined) return undefined;
  const { title, key, syntax, typed } = row;
  if (scope === 'project' && row.project === undefined) throw noProjectFile(id, title);
  const file =
    scope === 'project' ? pathOf(machine).join(machine.directory, ...(row.project ?? [])) : row.user(machine);
  return {
    id,
    title,
    file,
    path: [key],
    syntax,
    shape: (_name, entry) => (typed ? { type: 'stdio', ...entry } : entry),
    afterwards: row.afterwards[scope],
  };
}

/** The error for a client whose configuration is never a project's. */
export function noProjectFile(id: string, title: string): UsageError {
  return new UsageError('usage.scope', `${title} has no configuration per project; leave out --scope for ${id}`);
}

/** Which of these clients seem to be installed. `exists` is asked about absolute paths. */
export function installedClients(machine: Machine, exists: (path: string) => boolean): readonly string[] {
  return CLIENTS.filter((client) => {
    const traces = client.traces?.(machine) ?? [pathOf(machine).dirname(client.user(machine))];
    return traces.some(exists);
  }).map(({ id }) => id);
}

function pathOf({ platform }: Machine): typeof posix {
  return platform === 'win32' ? win32 : posix;
}

/** Below the folder where the platform keeps the settings of applications. */
function inAppData(machine: Machine, ...names: readonly string[]): string {
  const { env, platform, homedir } = machine;
  const { join } = pathOf(machine);
  if (platform === 'win32') return join(env['APPDATA'] || join(homedir, 'AppData', 'Roaming'), ...names);
  if (platform === 'darwin') return join(homedir, 'Library', 'Application Support', ...names);
  // The XDG specification wants relative paths ignored.
  const { XDG_CONFIG_HOME } = env;
  return join(XDG_CONFIG_HOME?.startsWith('/') ? XDG_CONFIG_HOME : join(homedir, '.config'), ...names);
}
