/**
 * Clients that the library add-mcp knows: where their configuration is, and the form of an entry.
 *
 * Its own writer neither shows a change first nor keeps a copy, and rewrites what stands around. So
 * only its knowledge is used for JSON; TOML it writes in a folder of ours, as a project's file, and
 * what came out is then planned like any other edit. YAML (one client) it cannot write elsewhere,
 * so there the entry can only be printed.
 *
 * The library reads the platform, the environment and the home directory when it is loaded.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConfigTarget, type EntryPlan, noProjectFile, type Scope } from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import { type AgentConfig, agents, detectGlobalAgents } from 'add-mcp';
import { jsonTarget } from './own-clients.ts';
import type { Target } from './target.ts';
import { serverOf, tomlTarget } from './toml-client.ts';

/** The ids that the library knows. */
export const OTHER_IDS: readonly string[] = Object.keys(agents);

/** Which of them seem to be installed here. */
export function otherInstalled(): Promise<readonly string[]> {
  return detectGlobalAgents();
}

/**
 * `undefined` for a client that the library does not know.
 *
 * @param directory - The current folder, for the scope `project`.
 */
export function otherTarget(id: string, scope: Scope, directory: string): Target | undefined {
  const agent = Object.hasOwn(agents, id) ? agents[id as keyof typeof agents] : undefined;
  if (agent === undefined) return undefined;
  const local = scope === 'project';
  // The project's file of this client has several layouts, and is the one that Claude Code reads.
  const shared = local && id === 'github-copilot-cli';
  if (shared) {
    throw new UsageError(
      'usage.scope',
      `${agent.displayName} reads a project's .mcp.json: use --client claude-code --scope project`,
    );
  }
  if (local && agent.localConfigPath === undefined) throw noProjectFile(id, agent.displayName);
  const file = fileOf(agent, local, directory);
  switch (agent.format) {
    case 'json':
      return jsonTarget(jsonConfig(agent, local, file));
    case 'toml':
      return tomlTarget(agent, file);
    case 'yaml':
      return printedTarget(agent, file);
  }
}

function fileOf(agent: AgentConfig, local: boolean, directory: string): string {
  if (agent.resolveConfigPath !== undefined) return agent.resolveConfigPath(agent, { local, cwd: directory });
  return local ? join(directory, agent.localConfigPath ?? '') : agent.configPath;
}

function jsonConfig(agent: AgentConfig, local: boolean, file: string): ConfigTarget {
  const configKey = keyOf(agent, file);
  const [first = '', ...rest] = configKey.split('.');
  return {
    id: agent.name,
    title: agent.displayName,
    file,
    path: [first, ...rest],
    syntax: 'jsonc',
    shape: (name, entry) => agent.transformConfig(name, serverOf(entry), { local, configKey }) as object,
    afterwards: `restart ${agent.displayName} to use it`,
  };
}

/** OpenCode has two layouts; the newer one, with `servers` in `mcp`, is kept where it is in use. */
function keyOf({ name, configKey }: AgentConfig, file: string): string {
  if (name !== 'opencode') return configKey;
  try {
    return /"mcp"\s*:\s*\{\s*"servers"\s*:/.test(readFileSync(file, 'utf8')) ? 'mcp.servers' : configKey;
  } catch {
    // Whether it can be read is found out, and said, when the edit is planned.
    return configKey;
  }
}

function printedTarget(agent: AgentConfig, file: string): Target {
  const { name: id, displayName: title, configKey } = agent;
  const refuse = (): Promise<EntryPlan> =>
    Promise.reject(
      new UsageError(
        'entry.print-only',
        `${file} of ${title} cannot be edited with a preview; use --print --client ${id}`,
      ),
    );
  return {
    id,
    title,
    afterwards: `put it into ${file}`,
    plan: refuse,
    planRemoval: refuse,
    // JSON is YAML, too.
    print: async (name, entry) =>
      `${JSON.stringify({ [configKey]: { [name]: agent.transformConfig(name, serverOf(entry)) } }, undefined, 2)}\n`,
  };
}
