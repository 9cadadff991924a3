/**
 * What hosting a server here needs: npm for packages, and the simulator's own root.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { dirname, join } from 'node:path';
import { simulatorRootFile, vitrineHome } from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import { findNpm } from '@vitrine/enclave';
import type { Examined } from './examined.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, missing, problem } = findingsOf('Host servers');

/** The oldest npm that keeps what an installation needs. */
const OLDEST_NPM = 10;

export function examineHost(machine: Examined): readonly Finding[] {
  return [npm(machine), simulator(machine)];
}

function npm(machine: Examined): Finding {
  const remedy = `install npm ${OLDEST_NPM} or newer; path: and -- command work without it`;
  try {
    const { args, command } = findNpm(machine.env, machine.execPath);
    const [script] = args;
    if (script === undefined) return ok('npm', `npm is ${command}`);
    const version = versionIn(machine.read(join(dirname(script), '..', 'package.json')));
    if (version === undefined) return ok('npm', `npm is ${script}`);
    if (Number.parseInt(version, 10) < OLDEST_NPM) return problem('npm', `npm ${version} is too old`, remedy);
    return ok('npm', `npm ${version}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return missing('npm', 'npm was not found, so npm: sources cannot be installed', remedy);
  }
}

function versionIn(packageFile: string | undefined): string | undefined {
  return /"version":\s*"(\d[^"]*)"/.exec(packageFile ?? '')?.[1];
}

function simulator(machine: Examined): Finding {
  const home = vitrineHome(machine.env, machine.platform, machine.homedir);
  const file = simulatorRootFile(home);
  const keys = join(dirname(file), 'simulator-keys.json');
  const again = `remove ${dirname(file)}; the next start makes another root, and simulated servers have to be added again`;
  const root = machine.read(file);
  if (root === undefined && !machine.exists(keys))
    return missing('simulator', 'the simulator has no root yet; the first `vitrine run` makes it');
  if (root === undefined) return problem('simulator', `${file} is missing, though there are keys for it`, again);
  const mode = machine.facts(keys)?.mode ?? 0;
  if ((mode & 0o077) !== 0)
    return problem('simulator', `${keys} is not yours alone: others can make simulated evidence`, `chmod 600 ${keys}`);
  const until = validUntil(root);
  if (until === undefined) return problem('simulator', `${file} is damaged`, again);
  if (until <= machine.now) return problem('simulator', `the simulator's root was valid until ${day(until)}`, again);
  return ok('simulator', `the simulator's root is valid until ${day(until)}`);
}

function validUntil(pem: string): Date | undefined {
  try {
    return new Date(new X509Certificate(pem).validTo);
  } catch {
    return undefined;
  }
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
