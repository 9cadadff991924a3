/**
 * `vitrine add`: verifies a server, asks once, pins it, and puts the verifying bridge into MCP clients.
 *
 * @module
 */
import { isAbsolute, resolve } from 'node:path';
import {
  bridgeEntry,
  entryName,
  findPin,
  type Look,
  makePin,
  pinnable,
  pinsFile,
  requireEntryName,
  requireNoFall,
  resolveTrust,
  type Scope,
  type Trust,
  verifyUrl,
  writePin,
} from '@vitrine/client';
import { freshEndorsements, onlineEndorsements } from '@vitrine/client/online-endorsements';
import { proxyFromEnvironment } from '@vitrine/client/proxy-environment';
import { UsageError } from '@vitrine/documents';
import { type EndorsementFetcher, exitCodeOf } from '@vitrine/verifier';
import { removeEntries } from '../add/remove.ts';
import { applyPlans, hintOf, type Planned, showPin, showPlans } from '../add/show.ts';
import type { Target } from '../add/target.ts';
import { chooseClients, targetsOf } from '../add/targets.ts';
import { confirm } from '../ask.ts';
import { type Arguments, onlyPositional, parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { readEndorsements, readPolicy, readReferenceValues, readText } from '../inputs.ts';
import { furtherTrust } from '../live-look.ts';
import { pinnedBundle, requireBundleVersion, writeBundle } from '../mcpb/write-bundle.ts';
import { addSpec } from '../specs/add.ts';
import { terminalOf } from '../terminal.ts';
import { SIMULATOR_HINT, transcript } from '../transcript.ts';

const TIME_LIMIT_MS = 15_000;

type Values = Arguments<typeof addSpec.options>['values'];

export async function runAdd(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, addSpec.options);
  if (rest !== undefined) throw new UsageError('usage.extra', 'nothing may stand after "--" here');
  const url = onlyPositional(positionals, 'the URL of a server');
  const scope = scopeOf(values.scope);
  requireConsistent(values);
  if (values.name !== undefined) requireEntryName(values.name);
  const clients = values.client ?? (values.print === true || values.mcpb !== undefined ? [] : await chooseClients());
  const { name, yes = false, 'dry-run': dryRun = false } = values;
  if (values.uninstall === true) return removeEntries({ url, clients, scope, name, yes, dryRun });
  const bundleVersion = values.mcpb === undefined ? undefined : await requireBundleVersion(values.mcpb);
  return pinAndWrite(url, values, await targetsOf(clients, scope), bundleVersion);
}

async function pinAndWrite(
  url: string,
  values: Values,
  targets: readonly Target[],
  bundleVersion: string | undefined,
): Promise<number> {
  const home = userHome();
  const { name: policyName, trust } = await trustOf(url, values, home);
  const name = values.name ?? entryName(trust.url);
  const entry = await bridgeEntry(trust.url, {
    execPath: process.execPath,
    platform: process.platform,
    // A desktop client starts the bridge without this shell's environment.
    ...(isOwnHome(process.env) ? { vitrineHome: resolve(home) } : {}),
  });
  // Before anything is sent, asked or written: damaged pins or a damaged client configuration must stop here.
  const pinned = await findPin(pinsFile(home), trust.url);
  const plans: Planned[] = [];
  if (values.print !== true) for (const target of targets) plans.push({ target, plan: await target.plan(name, entry) });

  const look = await verifyUrl(trust, {
    now: () => new Date(),
    timeLimitMs: TIME_LIMIT_MS,
    proxyFor: proxyFromEnvironment(process.env),
  });
  process.stderr.write(transcript(look.result, trust.url, policyName, terminalOf(process.stderr)));
  const acceptable = pinnable(look.result, trust);
  if (!acceptable.ok) return refuse(look, trust);
  const pin = makePin(look.result, {
    policy: trust.policyName ?? trust.policy,
    simulated: acceptable.simulated,
    now: new Date(),
    referenceValues: trust.referenceValues,
    tpmAk: trust.tpmAk,
  });
  if (pinned !== undefined) requireNoFall(trust.url, pinned, pin);
  const bundle =
    values.mcpb === undefined || bundleVersion === undefined
      ? undefined
      : pinnedBundle({ file: values.mcpb, url: trust.url, name, version: bundleVersion, policy: trust.policy, pin });
  showPin(acceptable.firstUse, pinned, pin);
  showPlans(plans);

  if (values['dry-run'] === true) {
    process.stderr.write('vitrine: --dry-run: nothing was pinned or written\n');
  } else {
    if (values.yes !== true && !(await confirm(question(trust.url, plans)))) {
      process.stderr.write('vitrine: nothing was changed\n');
      return EXIT.notVerified;
    }
    await writePin(pinsFile(home), trust.url, pin);
    process.stderr.write(`vitrine: pinned ${trust.url} in ${pinsFile(home)}\n`);
    await applyPlans(plans, true);
    if (values.scope === 'project' && plans.length > 0) noteAboutProject(trust.url, isAbsolute(entry.command));
    if (bundle !== undefined && values.mcpb !== undefined) {
      await writeBundle(values.mcpb, bundle);
      process.stderr.write(`vitrine: wrote ${values.mcpb}\n`);
    }
  }
  if (values.print === true) {
    const [target] = targets;
    process.stdout.write(
      target === undefined
        ? `${JSON.stringify({ mcpServers: { [name]: entry } }, null, 2)}\n`
        : await target.print(name, entry),
    );
    const hint = hintOf(target?.id, scopeOf(values.scope), name, entry);
    if (hint !== undefined) process.stderr.write(`vitrine: or let the client do it:\n  ${hint}\n`);
  }
  return EXIT.done;
}

async function trustOf(
  url: string,
  values: Values,
  home: string,
): Promise<{ readonly name: string; readonly trust: Trust }> {
  const policy = readPolicy(values.policy, values.preset);
  const trust = await resolveTrust(url, {
    home,
    purpose: 'pin',
    policy: values.policy === undefined ? (policy.name as 'default') : policy.policy,
    endorsements: readEndorsements(values.endorsements ?? []),
    ...(values.reference === undefined ? {} : { referenceValues: readReferenceValues(values.reference) }),
    ...(values['allow-simulator'] === true ? { allowSimulator: true } : {}),
    ...(values['simulator-root'] === undefined ? {} : { simulatorRootPem: readText(values['simulator-root']) }),
    ...(await furtherTrust(values)),
    ...(values.offline === true ? {} : { fetchEndorsements: fetcherOf(values, home) }),
  });
  return { name: policy.name, trust };
}

/** A dry run keeps nothing, also not what the vendors answered. */
function fetcherOf(values: Values, home: string): EndorsementFetcher {
  const proxyFor = proxyFromEnvironment(process.env);
  return values['dry-run'] === true ? freshEndorsements(proxyFor) : onlineEndorsements(home, proxyFor);
}

/** A pin is of one user, and others get the file, too. */
function noteAboutProject(url: string, paths: boolean): void {
  if (paths) process.stderr.write('vitrine: the entry names paths of this machine, so it works for nobody else\n');
  process.stderr.write(`vitrine: everybody else in this project pins the server first: vitrine add ${url} --print\n`);
}

function scopeOf(given: string | undefined): Scope {
  if (given === undefined || given === 'user' || given === 'project') return given ?? 'user';
  throw new UsageError('usage.scope', `--scope: expected user or project, found ${JSON.stringify(given)}`);
}

function requireConsistent({ client, print, uninstall, mcpb }: Values): void {
  if (print === true && client !== undefined && new Set(client).size > 1)
    throw new UsageError('usage.target', '--print shows the entry for one --client at a time');
  if (uninstall !== true) return;
  const [flag] = Object.entries({ print, mcpb }).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  if (flag !== undefined) throw new UsageError('usage.target', `--uninstall and --${flag} contradict each other`);
  if (client === undefined)
    throw new UsageError('usage.target', 'from which client is the entry removed? Give --client NAME');
}

function question(url: string, plans: readonly Planned[]): string {
  const files = plans.filter(({ plan }) => plan.change !== 'none').length;
  return `Pin ${url}${files === 0 ? '' : ` and change ${files === 1 ? 'this file' : `these ${files} files`}`}?`;
}

function refuse({ result }: Look, trust: Trust): number {
  const { allowSimulated } = trust;
  if (result.verdict === 'simulated' && !allowSimulated) process.stderr.write(SIMULATOR_HINT);
  process.stderr.write('vitrine: nothing was pinned\n');
  const exitCode = exitCodeOf(result, { allowSimulated });
  // A policy that waives the workload can verify the hardware, but leaves nothing to pin.
  return exitCode === EXIT.done ? EXIT.notVerified : exitCode;
}

/** Whether this shell says where the pins are; a client that is started elsewhere would not find them. */
function isOwnHome({ VITRINE_HOME, XDG_CONFIG_HOME }: NodeJS.ProcessEnv): boolean {
  return (VITRINE_HOME ?? '') !== '' || (process.platform !== 'win32' && (XDG_CONFIG_HOME ?? '') !== '');
}
