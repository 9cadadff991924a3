/**
 * Clients whose configuration is TOML, through the library add-mcp.
 *
 * The library writes files in place and drops comments. It is therefore let loose on a copy, in a
 * folder of ours as if that were a project. Where adding or cutting the entry as text comes to the
 * same by the library's own reading, that is planned instead, so that comments stay; otherwise the
 * preview shows what the library made of the file.
 *
 * @module
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  type BridgeEntry,
  noEdit,
  plannedEdit,
  readConfig,
  requireEntryName,
  requireSameServer,
} from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import { type AgentConfig, listInstalledServers, type McpServerConfig, removeServer, upsertServer } from 'add-mcp';
import type { Target } from './target.ts';

/** An entry in the library's terms. */
export function serverOf({ command, args, env }: BridgeEntry): McpServerConfig {
  return { command, args: [...args], ...(env === undefined ? {} : { env: { ...env } }) };
}

/** A target for an agent with a project file, whose layout is that of the user's file. */
export function tomlTarget(agent: AgentConfig, file: string): Target {
  const { displayName: title } = agent;
  const copy = copies(agent, file);
  return {
    id: agent.name,
    title,
    afterwards: `restart ${title} to use it`,
    print: (name, entry) => copy.set('', name, serverOf(entry)),
    async plan(name, entry) {
      requireEntryName(name);
      const server = serverOf(entry);
      const before = await readConfig(file);
      const text = before ?? '';
      const existing = await copy.find(text, name);
      const wanted = await copy.find(await copy.set('', name, server), name);
      if (isDeepStrictEqual(existing, wanted)) return noEdit(file, before);
      const rewritten = await copy.set(text, name, server);
      if (existing !== undefined) return plannedEdit(file, before, rewritten, 'replace');
      const appended = append(text, await copy.set('', name, server));
      const same = (await copy.set(appended, name, server).catch(() => undefined)) === rewritten;
      return plannedEdit(file, before, same ? appended : rewritten, 'add');
    },
    async planRemoval(name, url) {
      requireEntryName(name);
      const before = await readConfig(file);
      const text = before ?? '';
      const existing = await copy.find(text, name);
      if (existing === undefined) return noEdit(file, before);
      requireSameServer(file, name, url, existing);
      const rewritten = await copy.remove(text, name);
      const cut = cutOut(text, await copy.set('', name, existing));
      const normal = cut === undefined ? undefined : await copy.remove(await copy.set(cut, name, existing), name);
      return plannedEdit(file, before, cut !== undefined && normal === rewritten ? cut : rewritten, 'remove');
    },
  };
}

interface Copies {
  find(text: string, name: string): Promise<McpServerConfig | undefined>;
  set(text: string, name: string, server: McpServerConfig): Promise<string>;
  remove(text: string, name: string): Promise<string>;
}

function copies(agent: AgentConfig, file: string): Copies {
  const on = async <T>(text: string, action: (cwd: string, path: string) => T | Promise<T>): Promise<T> => {
    const cwd = await mkdtemp(join(tmpdir(), 'vitrine-add-'));
    try {
      const path = join(cwd, agent.localConfigPath ?? '');
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, { mode: 0o600 });
      return await action(cwd, path);
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  };
  const check = (error: string | undefined): void => {
    if (error === undefined) return;
    throw new UsageError('entry.syntax', `${file}: ${error.split('\n')[0]}; nothing was changed`);
  };
  const id = agent.name;
  return {
    find: (text, name) =>
      on(text, async (cwd) => {
        const [found] = await listInstalledServers({ agents: [id as 'codex'], global: false, cwd });
        check(found?.error);
        return found?.servers.find(({ serverName }) => serverName === name)?.config as McpServerConfig | undefined;
      }),
    set: (text, name, server) =>
      on(text, (cwd, path) => {
        check(upsertServer(id, name, server, { local: true, cwd }).error);
        return readFile(path, 'utf8');
      }),
    remove: (text, name) =>
      on(text, (cwd, path) => {
        check(removeServer(id, name, { local: true, cwd }).error);
        return readFile(path, 'utf8');
      }),
  };
}

function append(text: string, table: string): string {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const start = text.trimEnd();
  return `${start}${start === '' ? '' : newline + newline}${table.trim().replaceAll('\n', newline)}${newline}`;
}

/** `text` without the table, if it is there as we would have appended it. */
function cutOut(text: string, table: string): string | undefined {
  const newline = text.includes('\r\n') ? '\r\n' : '\n';
  const [before, after, ...more] = text.split(`${table.trim().replaceAll('\n', newline)}${newline}`);
  if (before === undefined || after === undefined || more.length > 0) return undefined;
  return after === '' ? `${before.trimEnd()}${before.trim() === '' ? '' : newline}` : before + after;
}
