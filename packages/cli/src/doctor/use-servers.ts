/**
 * What using a server needs: Node, Vitrine's own directory, the pins in it, and a clock.
 *
 * @module
 */
import { dirname } from 'node:path';
import { pinsFile, readPins, vitrineHome } from '@vitrine/client';
import { UsageError } from '@vitrine/documents';
import type { Examined } from './examined.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, missing, problem } = findingsOf('Use servers');

/** This code did not exist before; a clock that reads earlier is wrong. */
const EARLIEST = new Date('2026-01-01T00:00:00Z');

export async function examineUse(machine: Examined): Promise<readonly Finding[]> {
  const home = vitrineHome(machine.env, machine.platform, machine.homedir);
  return [node(machine), ...homeFindings(home, machine), await pins(home, machine), clock(home, machine)];
}

function node({ nodeVersion }: Examined): Finding {
  const [major = 0, minor = 0, patch = 0] = nodeVersion.split('.').map(Number);
  const fits =
    (major === 22 && (minor > 22 || (minor === 22 && patch >= 2))) || (major === 24 && minor >= 15) || major >= 26;
  if (fits) return ok('node.version', `Node ${nodeVersion}`);
  return problem('node.version', `Node ${nodeVersion} is not one that Vitrine runs on`, 'install Node 24 or 26');
}

function homeFindings(home: string, machine: Examined): readonly Finding[] {
  const facts = machine.facts(home);
  if (facts === undefined) {
    const parent = existingParent(home, machine);
    return machine.writable(parent)
      ? [missing('home.directory', `${home} is not there yet; it is made when something is kept in it`)]
      : [
          problem(
            'home.directory',
            `${home} cannot be made: ${parent} is not writable`,
            'set VITRINE_HOME to another directory',
          ),
        ];
  }
  if (!facts.directory)
    return [problem('home.directory', `${home} is not a directory`, 'move it away, or set VITRINE_HOME')];
  const found = machine.writable(home)
    ? ok('home.directory', `${home} is writable`)
    : problem('home.directory', `${home} is not writable`, 'make it yours, or set VITRINE_HOME to another directory');
  if ((facts.mode & 0o022) === 0) return [found];
  const why = 'other users could change whom you trust';
  return [found, problem('home.mode', `${home} has mode ${octal(facts.mode)}: ${why}`, `chmod go-w ${home}`)];
}

function existingParent(directory: string, machine: Examined): string {
  const parent = dirname(directory);
  return parent === directory || machine.exists(parent) ? parent : existingParent(parent, machine);
}

async function pins(home: string, machine: Examined): Promise<Finding> {
  const file = pinsFile(home);
  const facts = machine.facts(file);
  if (facts === undefined) return missing('pins.file', 'no server is pinned yet', 'vitrine add <url> pins one');
  if ((facts.mode & 0o077) !== 0)
    return problem('pins.mode', `${file} has mode ${octal(facts.mode)}, which is not yours alone`, `chmod 600 ${file}`);
  try {
    const count = Object.keys((await readPins(file)).pins).length;
    return ok('pins.file', `${count} server${count === 1 ? ' is' : 's are'} pinned in ${file}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const [first = '', second = ''] = error.message.split('\n');
    return problem(
      'pins.file',
      `${first.replace(/\. .*$/, '')}: ${second.trim()}`,
      `repair ${file}, or move it away and add the servers again`,
    );
  }
}

/** Without a network only what is impossible can be told: files from the future, or a time before this code. */
function clock(home: string, { now, facts }: Examined): Finding {
  const remedy = 'set the clock: certificates and revocation lists are judged by it';
  if (Number.isNaN(now.getTime()) || now < EARLIEST)
    return problem('clock', `the clock reads ${now.toISOString()}, before this version of Vitrine was written`, remedy);
  const written = facts(pinsFile(home))?.modified;
  if (written !== undefined && written.getTime() - now.getTime() > 60_000)
    return problem(
      'clock',
      `the clock reads ${now.toISOString()}, but the pins were written at ${written.toISOString()}`,
      remedy,
    );
  return ok('clock', `the clock reads ${now.toISOString()}, which nothing here contradicts`);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
