/**
 * `vitrine add`: verifies a server, asks once, pins it, and puts the verifying bridge into an MCP client.
 *
 * @module
 */
import { homedir } from 'node:os';
import {
  applyPlan,
  type BridgeEntry,
  bridgeEntry,
  claudeDesktopFile,
  describePinChange,
  type EntryPlan,
  entryName,
  findPin,
  type Look,
  makePin,
  type Pin,
  type Pinnable,
  pinnable,
  pinsFile,
  planClientEntry,
  readConfig,
  resolveTrust,
  type Trust,
  verifyUrl,
  writePin,
} from '@vitrine/client';
import { onlineEndorsements } from '@vitrine/client/online-endorsements';
import { UsageError } from '@vitrine/documents';
import { exitCodeOf } from '@vitrine/verifier';
import { confirm } from '../ask.ts';
import { type Arguments, type Command, onlyPositional, parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { readEndorsements, readPolicy, readReferenceValues, readText } from '../inputs.ts';
import { clean, terminalOf } from '../terminal.ts';
import { transcript } from '../transcript.ts';

const help = `vitrine add <url>: verify a server, pin it, and put the verifying bridge into an MCP client.

Examples
  vitrine add https://bank.example/mcp --client claude-desktop
  vitrine add https://bank.example/mcp --reference reference-values.json --print

  --client claude-desktop  edit this client's configuration: the change is shown, the old file kept
  --print                  print the entry for another client on stdout, and edit nothing
  --name NAME              what the client calls the server (default: made from the host)
  --yes                    do not ask

What to compare with
  --preset NAME            strict or default (the default); hardware-only leaves nothing to pin
  --policy FILE            a policy of your own; the pin keeps it
  --reference FILE         registers and manifest digest of a release; without it the first contact is
                           trusted, after you said so
  --endorsements PATH      Intel collateral; may be repeated
  --offline                fetch nothing from Intel
  --allow-simulator        accept the simulator of this user, on a loopback URL
  --simulator-root FILE    accept the simulator with this root certificate (PEM)

From then on \`vitrine connect <url>\` accepts this code and configuration only, and refuses any change.

Exit codes: 0 pinned; 1 not verified, or you said no; 2 wrong usage; 3 could not be checked; 4 simulated
evidence where hardware is wanted.
`;

const OPTIONS = {
  client: { type: 'string' },
  print: { type: 'boolean' },
  name: { type: 'string' },
  yes: { type: 'boolean' },
  preset: { type: 'string' },
  policy: { type: 'string' },
  reference: { type: 'string' },
  endorsements: { type: 'string', multiple: true },
  offline: { type: 'boolean' },
  'allow-simulator': { type: 'boolean' },
  'simulator-root': { type: 'string' },
} as const;

const TIME_LIMIT_MS = 15_000;

type Values = Arguments<typeof OPTIONS>['values'];

export const add: Command = {
  name: 'add',
  summary: 'Verify a server, pin it, and put it into an MCP client',
  help,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, OPTIONS);
  if (rest !== undefined) throw new UsageError('usage.extra', 'nothing may stand after "--" here');
  const url = onlyPositional(positionals, 'the URL of a server');
  requireTarget(values);
  const policy = readPolicy(values.policy, values.preset);
  const home = userHome();
  const trust = await resolveTrust(url, {
    home,
    purpose: 'pin',
    policy: values.policy === undefined ? (policy.name as 'default') : policy.policy,
    endorsements: readEndorsements(values.endorsements ?? []),
    ...(values.reference === undefined ? {} : { referenceValues: readReferenceValues(values.reference) }),
    ...(values['allow-simulator'] === true ? { allowSimulator: true } : {}),
    ...(values['simulator-root'] === undefined ? {} : { simulatorRootPem: readText(values['simulator-root']) }),
    ...(values.offline === true ? {} : { fetchEndorsements: onlineEndorsements(userHome()) }),
  });
  // Before anything is asked or written: damaged pins or a damaged client configuration must stop here.
  const pinned = await findPin(pinsFile(home), trust.url);
  const look = await verifyUrl(trust, { now: () => new Date(), timeLimitMs: TIME_LIMIT_MS });
  process.stderr.write(transcript(look.result, trust.url, policy.name, terminalOf(process.stderr)));
  const acceptable = pinnable(look.result, trust);
  if (!acceptable.ok) return refuse(look, trust);

  const pin = makePin(look.result, {
    policy: trust.policyName ?? trust.policy,
    simulated: acceptable.simulated,
    now: new Date(),
  });
  const entry = await bridgeEntry(trust.url, {
    execPath: process.execPath,
    // A desktop client starts the bridge without this shell's environment.
    ...(process.env['VITRINE_HOME'] === undefined ? {} : { vitrineHome: home }),
  });
  const plan = values.print === true ? undefined : await planFor(values.name ?? entryName(trust.url), entry);
  show(acceptable, pinned, pin, plan);
  if (
    values.yes !== true &&
    !(await confirm(`Pin ${trust.url}${plan === undefined ? '' : ' and change this file'}?`))
  ) {
    process.stderr.write('vitrine: nothing was changed\n');
    return EXIT.notVerified;
  }
  await writePin(pinsFile(home), trust.url, pin);
  process.stderr.write(`vitrine: pinned ${trust.url} in ${pinsFile(home)}\n`);
  if (plan === undefined) printEntry(values.name ?? entryName(trust.url), entry);
  else await write(plan);
  return EXIT.done;
}

function requireTarget({ client, print }: Values): void {
  if (client !== undefined && print === true)
    throw new UsageError('usage.target', '--client and --print contradict each other: give one');
  if (client === undefined && print !== true)
    throw new UsageError(
      'usage.target',
      'where to? --client claude-desktop edits its configuration, --print shows the entry',
    );
  if (client !== undefined && client !== 'claude-desktop')
    throw new UsageError(
      'usage.client',
      `--client: expected claude-desktop, found ${JSON.stringify(client)}; --print shows the entry for any other`,
    );
}

function refuse({ result }: Look, trust: Trust): number {
  process.stderr.write('vitrine: nothing was pinned\n');
  const exitCode = exitCodeOf(result, { allowSimulated: trust.allowSimulated });
  // A policy that waives the workload can verify the hardware, but leaves nothing to pin.
  return exitCode === EXIT.done ? EXIT.notVerified : exitCode;
}

function show(
  acceptable: Pinnable & { readonly ok: true },
  pinned: Pin | undefined,
  pin: Pin,
  plan: EntryPlan | undefined,
): void {
  if (acceptable.firstUse) {
    process.stderr.write(
      '\nThere was nothing to compare the code with. Pinning it now is trust on first use: from now on it must stay the same.\n',
    );
  }
  const changes = pinned === undefined ? [] : describePinChange(pinned, pin);
  if (changes.length > 0)
    process.stderr.write(
      `\nThis server is pinned already, and differs from its pin:\n${changes.map((line) => `  ${clean(line)}\n`).join('')}`,
    );
  if (plan === undefined) return;
  process.stderr.write(
    plan.diff.length === 0
      ? `\n${plan.file} has the entry already.\n`
      : `\n${plan.file}\n${plan.diff.map((line) => `  ${line}\n`).join('')}\n`,
  );
}

async function planFor(name: string, entry: BridgeEntry): Promise<EntryPlan> {
  const file = claudeDesktopFile(process.env, process.platform, homedir());
  return planClientEntry({ file, name, entry }, await readConfig(file));
}

async function write(plan: EntryPlan): Promise<void> {
  const backup = await applyPlan(plan, new Date());
  if (plan.diff.length > 0)
    process.stderr.write(`vitrine: wrote ${plan.file}${backup === undefined ? '' : `; the old file is ${backup}`}\n`);
  process.stderr.write('vitrine: restart Claude Desktop to use it\n');
}

function printEntry(name: string, entry: BridgeEntry): void {
  process.stdout.write(`${JSON.stringify({ mcpServers: { [name]: entry } }, null, 2)}\n`);
}
