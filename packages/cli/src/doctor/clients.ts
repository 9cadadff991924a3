/**
 * MCP clients on this machine, and whether their entries of Vitrine can still start.
 *
 * @module
 */
import {
  CLIENT_IDS,
  type ConfigTarget,
  clientTarget,
  findPin,
  normaliseUrl,
  pinsFile,
  type Scope,
  type VitrineEntry,
  vitrineEntries,
  vitrineHome,
} from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import { VERSION } from '../version.ts';
import type { Examined } from './examined.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, missing, problem } = findingsOf('Use servers');

export async function examineClients(machine: Examined): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const target of targets(machine)) {
    const text = machine.read(target.file);
    if (text !== undefined) findings.push(...(await examineFile(text, target, machine)));
  }
  return findings.length > 0
    ? findings
    : [
        missing(
          'client.none',
          `no configuration of ${CLIENT_IDS.join(', ')} was found`,
          'vitrine add <url> --print shows the entry for any other client',
        ),
      ];
}

/** Of this user, and of the current folder; in a home directory the two can be the same file. */
function targets(machine: Examined): readonly ConfigTarget[] {
  const scopes: readonly Scope[] = ['user', 'project'];
  const all = CLIENT_IDS.flatMap((id) => scopes.flatMap((scope) => targetOf(id, scope, machine) ?? []));
  return all.filter(({ file }, index) => all.findIndex((target) => target.file === file) === index);
}

function targetOf(id: string, scope: Scope, machine: Examined): ConfigTarget | undefined {
  try {
    return clientTarget(id, scope, machine);
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}

async function examineFile(text: string, target: ConfigTarget, machine: Examined): Promise<readonly Finding[]> {
  const { title, file } = target;
  try {
    const entries = vitrineEntries(text.replace(/^\ufeff/, ''), target);
    if (entries.length === 0) return [ok('client.found', `${title}: ${file} has no entry of Vitrine`)];
    return await Promise.all(entries.map((entry) => examineEntry(entry, target, machine)));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const why = error.message.replace(/; nothing was changed$/, '');
    return [problem('client.file', `${title} cannot read its configuration: ${why}`, `repair ${file}`)];
  }
}

async function examineEntry(
  entry: VitrineEntry,
  { id, title, file }: ConfigTarget,
  machine: Examined,
): Promise<Finding> {
  const { name, url, version, files } = entry;
  const called = `${title}: entry ${JSON.stringify(name)}`;
  const again = `vitrine add ${url ?? '<url>'} --client ${id}`;
  const gone = files.find((path) => !machine.exists(path));
  if (gone !== undefined)
    return problem('client.entry', `${called} in ${file} starts ${gone}, which is not there any more`, again);
  if (url !== undefined && !entry.ownPolicy && (await isPinned(url, entry, machine)) === false)
    return problem('client.pin', `${called} is for ${url}, which is not pinned, so it is refused`, again);
  if (version !== undefined && version !== VERSION)
    return ok('client.version', `${called} uses version ${version} of the bridge; this is ${VERSION}`, again);
  return ok('client.entry', `${called} is for ${url ?? 'an address that it does not name'}`);
}

/** Looked up where the entry's bridge looks; `undefined` where the pins cannot be read, which another finding says. */
async function isPinned(url: string, { home }: VitrineEntry, machine: Examined): Promise<boolean | undefined> {
  try {
    const directory = home ?? vitrineHome(machine.env, machine.platform, machine.homedir);
    return (await findPin(pinsFile(directory), normaliseUrl(url))) !== undefined;
  } catch (error) {
    if (error instanceof UsageError) return undefined;
    throw error;
  }
}
