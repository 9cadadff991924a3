/**
 * `vitrine release deny`: begins a deny-list, or makes the next number of one, which denies more.
 *
 * Nothing here takes an entry away: users would not see it, since they go by the newest list alone.
 *
 * @module
 */
import { lstatSync } from 'node:fs';
import { type DenyList, denyListShape, formatUtc, UsageError } from '@vitrine/documents';
import { deniedText, entryLine, minimumText } from '../deny-list-lines.ts';
import { EXIT } from '../exit-code.ts';
import { readOwnerKey } from '../owner-key.ts';
import { clean, terminalOf } from '../terminal.ts';
import { type EntryFlags, entriesOf, withEntries } from './denied-entries.ts';
import { formatList, listNamed, readListToChange, withSignature } from './deny-list-file.ts';
import { changing } from './release-file.ts';

export interface DenyFlags extends EntryFlags {
  readonly name?: string;
  readonly 'owner-key'?: string;
  readonly json?: boolean;
}

export async function denyInList(file: string, flags: DenyFlags): Promise<number> {
  const keyFile = flags['owner-key'];
  const added = await entriesOf(flags);
  const count = added.denied.length + added.minimum.length;
  const signer = keyFile === undefined ? undefined : readOwnerKey(keyFile);
  const { before, list } = await changing(file, async (replace) => {
    const stored = await storedList(file, flags.name);
    if (stored !== undefined && count === 0) throw nothingToAdd();
    const next = checked(
      withEntries(
        {
          type: 'vitrine/deny-list/v1',
          name: flags.name ?? stored?.name ?? '',
          number: (stored?.number ?? 0) + 1,
          issued: formatUtc(Math.floor(Date.now() / 1000)),
          denied: stored?.denied ?? [],
          minimum: stored?.minimum ?? [],
          signatures: [],
        },
        added,
      ),
    );
    const made = signer === undefined ? next : await withSignature(next, file, signer);
    await replace(formatList(made, file));
    return { before: stored, list: made };
  });

  const { width } = terminalOf(process.stdout);
  const lines = [
    `${clean(file)} is ${listNamed(list)}`,
    ...(before === undefined ? [] : [`it denies what number ${before.number} did, and`]),
    ...[...added.denied.map(deniedText), ...added.minimum.map(minimumText)].map((text) => entryLine(text, width)),
    ...(signer === undefined ? [] : [`signed by ${signer.publicKey}`]),
  ];
  process.stdout.write(flags.json === true ? `${JSON.stringify(list)}\n` : `${lines.join('\n')}\n`);
  const others = (before?.signatures ?? []).filter(({ key }) => key !== signer?.publicKey);
  if (signer === undefined || others.length > 0) {
    const todo =
      signer === undefined ? 'now it has to be signed' : 'those who signed the number before have to sign it';
    process.stderr.write(`vitrine: ${todo}: vitrine release sign FILE --owner-key KEY\n`);
  }
  return EXIT.done;
}

/** The list that is there; `undefined` where one is to begin. */
async function storedList(file: string, name: string | undefined): Promise<DenyList | undefined> {
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined) {
    if (name !== undefined) return undefined;
    throw new UsageError(
      'denylist.none',
      `there is no ${file}; to begin a list there, say how it is called: --name NAME`,
    );
  }
  const list = await readListToChange(file);
  if (name === undefined || name === list.name) return list;
  throw new UsageError(
    'denylist.name',
    `--name: ${file} is the deny-list "${list.name}", and keeps its name; a list that is called "${name}" goes into another file`,
  );
}

/** What no flag was checked for yet is said of its flag. */
function checked(list: DenyList): DenyList {
  const parsed = denyListShape.parse(list);
  if (parsed.ok) return parsed.value;
  const [issue] = parsed.issues;
  const member = issue?.path.at(-1);
  const place = member === 'name' || member === 'reason' ? `--${member}` : `${member}`;
  throw new UsageError('denylist.shape', `${place}: ${issue?.message}; nothing was changed`);
}

function nothingToAdd(): UsageError {
  return new UsageError(
    'usage.missing',
    'expected what to deny: --manifest, --measurement, --below or --minimum; "vitrine release show" says what the list denies',
  );
}
