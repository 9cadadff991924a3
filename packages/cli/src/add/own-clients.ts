/**
 * The clients that Vitrine knows by itself, and any other whose configuration is JSON, as targets.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import {
  type ConfigTarget,
  clientTarget,
  installedClients,
  type Machine,
  planEntry,
  planRemoval,
  readConfig,
  type Scope,
} from '@vitrine/client';
import type { Target } from './target.ts';

/** This machine and the current folder. */
function thisMachine(): Machine {
  return { env: process.env, platform: process.platform, homedir: homedir(), directory: process.cwd() };
}

/** `undefined` for a client that is not in the table. */
export function ownTarget(id: string, scope: Scope): Target | undefined {
  const target = clientTarget(id, scope, thisMachine());
  return target === undefined ? undefined : jsonTarget(target);
}

/** Which of them seem to be installed here. */
export function ownInstalled(): readonly string[] {
  return installedClients(thisMachine(), existsSync);
}

/** A target whose configuration is edited by Vitrine itself. */
export function jsonTarget(target: ConfigTarget): Target {
  const { id, title, file, afterwards } = target;
  return {
    id,
    title,
    afterwards,
    plan: async (name, entry) => planEntry(target, name, entry, await readConfig(file)),
    planRemoval: async (name, url) => planRemoval(target, name, url, await readConfig(file)),
    print: async (name, entry) => {
      const shaped = target.path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), {
        [name]: target.shape(name, entry),
      });
      return `${JSON.stringify(shaped, undefined, 2)}\n`;
    },
  };
}
