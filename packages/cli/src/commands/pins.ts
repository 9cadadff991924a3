/**
 * `vitrine pins`: what the user has accepted, server by server, and the deny-lists that the user keeps.
 *
 * @module
 */
import {
  denyListsFile,
  forgetDenyList,
  GROUPS,
  type Group,
  type KeptDenyList,
  type Pin,
  pinFacts,
  pinsFile,
  readKeptDenyLists,
  readPins,
  removePin,
  stateText,
} from '@vitrine/client';
import { nearest, UsageError } from '@vitrine/documents';
import { refuseFlags } from '../action-flags.ts';
import { confirm } from '../ask.ts';
import { parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { groupHeading, rowLines, sectionsOf } from '../fact-lines.ts';
import { userHome } from '../home.ts';
import { keepFile, listName, listSummary, listText, requireKept } from '../kept-lists.ts';
import { type Pinned, requirePin } from '../pinned.ts';
import { pinsSpec } from '../specs/pins.ts';
import { clean, terminalOf } from '../terminal.ts';

const ACTIONS = ['ls', 'show', 'rm', 'deny'] as const;

export async function runPins(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, pinsSpec.options);
  const [action, given, extra] = positionals;
  if (rest !== undefined || extra !== undefined || (action === 'ls' && given !== undefined)) {
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(extra ?? given ?? '--')}`);
  }
  if (values.yes === true && action !== 'rm') throw new UsageError('usage.flag', '--yes is for "vitrine pins rm"');
  if (action !== 'deny') refuseFlags(values, ['key', 'threshold'], 'vitrine pins deny');
  const json = values.json === true;
  const file = pinsFile(userHome());
  if (action === 'ls') return list(file, json);
  if (action !== 'show' && action !== 'rm' && action !== 'deny') throw unknownAction(action);
  if (given === undefined) {
    const what = action === 'deny' ? 'the file of a deny-list' : 'the URL of a pinned server, or list:NAME,';
    throw new UsageError('usage.missing', `expected ${what} after "${action}"`);
  }
  if (action === 'deny') {
    const kept = await keepFile(given, values);
    process.stdout.write(json ? `${JSON.stringify(kept.json)}\n` : `${clean(kept.text)}\n`);
    return EXIT.done;
  }
  const name = listName(given);
  if (name !== undefined) return onList(action, name, json, values.yes === true);
  const pinned = requirePin(await readPins(file), given);
  return action === 'show' ? show(pinned, json) : remove(file, pinned, json, values.yes === true);
}

async function onList(action: 'show' | 'rm', name: string, json: boolean, yes: boolean): Promise<number> {
  const kept = await requireKept(name);
  if (action === 'rm') return removeList(name, kept, json, yes);
  process.stdout.write(
    json
      ? `${JSON.stringify({ type: 'vitrine/kept-deny-list/v1', ...kept })}\n`
      : listText(kept, terminalOf(process.stdout)),
  );
  return EXIT.done;
}

function unknownAction(action: string | undefined): UsageError {
  const near = action === undefined ? undefined : nearest(action, ACTIONS);
  const found = action === undefined ? '' : `, found ${JSON.stringify(action)}`;
  return new UsageError(
    'usage.action',
    `expected ls, show, rm or deny${found}${near === undefined ? '' : `; did you mean "${near}"?`}`,
  );
}

async function list(file: string, json: boolean): Promise<number> {
  const { pins } = await readPins(file);
  const { lists } = await readKeptDenyLists(denyListsFile(userHome()));
  if (json) {
    process.stdout.write(`${JSON.stringify({ type: 'vitrine/pins-list/v1', file, pins, denyLists: lists })}\n`);
    return EXIT.done;
  }
  const entries = Object.entries(pins).sort(([left], [right]) => (left < right ? -1 : 1));
  if (entries.length === 0) process.stderr.write(`vitrine: nothing is pinned yet (${clean(file)})\n`);
  for (const [url, pin] of entries) process.stdout.write(`${clean(url)}\n  ${clean(summary(pin))}\n`);
  for (const kept of Object.values(lists)) process.stdout.write(`${listSummary(kept)}\n`);
  return EXIT.done;
}

function summary(pin: Pin): string {
  const tools = pin.catalogue === undefined ? 'tools not seen yet' : count(pin.catalogue.tools);
  return [
    pin.mode === 'exact' ? 'exactly this code' : `by source, number ${pin.minNumber} or later`,
    `number ${pin.manifestNumber}`,
    tools,
    `since ${pin.firstSeen.slice(0, 10)}`,
    ...(pin.simulated ? ['SIMULATED'] : []),
  ].join(', ');
}

function count(tools: object): string {
  const number = Object.keys(tools).length;
  return `${number} tool${number === 1 ? '' : 's'}`;
}

function show({ url, pin }: Pinned, json: boolean): number {
  if (json) {
    process.stdout.write(`${JSON.stringify({ type: 'vitrine/pin/v1', url, pin })}\n`);
    return EXIT.done;
  }
  const { width } = terminalOf(process.stdout);
  const policy = typeof pin.policy === 'string' ? pin.policy : 'of your own (see --json)';
  const head = [
    clean(url),
    `  ${clean(summary(pin))}`,
    `  policy ${policy}`,
    ...(pin.mode === 'exact' && pin.state !== undefined ? [`  keys and data seen at ${stateText(pin.state)}`] : []),
    ...(pin.mode === 'exact' && pin.tpmKey !== undefined ? ['  under the TPM key that you vouched for'] : []),
    ...(pin.mode === 'source' ? ['  cannot be checked by this version: connecting is refused'] : []),
  ];
  const facts = pinFacts(pin);
  const groups = GROUPS.flatMap((group: Group) => [
    groupHeading(group),
    ...sectionsOf(group).flatMap((section) => rowLines(section, facts[section], width)),
  ]);
  process.stdout.write(`${[...head, '', ...groups].join('\n')}\n`);
  return EXIT.done;
}

async function remove(file: string, { url, pin }: Pinned, json: boolean, yes: boolean): Promise<number> {
  if (!yes) process.stderr.write(`${clean(url)}\n  ${clean(summary(pin))}\n`);
  if (!yes && !(await confirm('Forget it, with the highest number and the tools that you have seen?'))) {
    process.stderr.write('vitrine: nothing was changed\n');
    if (json) process.stdout.write(`${JSON.stringify({ type: 'vitrine/pin-removed/v1', url, removed: false })}\n`);
    return EXIT.notVerified;
  }
  const removed = (await removePin(file, url)) !== undefined;
  if (json) process.stdout.write(`${JSON.stringify({ type: 'vitrine/pin-removed/v1', url, removed })}\n`);
  else process.stdout.write(`${clean(url)} is no longer pinned\n`);
  return EXIT.done;
}

async function removeList(name: string, kept: KeptDenyList, json: boolean, yes: boolean): Promise<number> {
  const say = (removed: boolean): void => {
    if (json) process.stdout.write(`${JSON.stringify({ type: 'vitrine/deny-list-removed/v1', name, removed })}\n`);
  };
  if (!yes) process.stderr.write(`${listSummary(kept)}\n`);
  if (!yes && !(await confirm('Forget it, with its number and keys? What it denies is then accepted again'))) {
    process.stderr.write('vitrine: nothing was changed\n');
    say(false);
    return EXIT.notVerified;
  }
  const removed = (await forgetDenyList(denyListsFile(userHome()), name)) !== undefined;
  say(removed);
  if (!json) process.stdout.write(`the deny-list "${name}" is no longer kept\n`);
  return EXIT.done;
}
