/**
 * `vitrine release make`.
 *
 * @module
 */
import {
  manifestDigest,
  type ReferenceEntry,
  type Release,
  type ReleaseMeasurement,
  UsageError,
} from '@vitrine/documents';
import { CONFIGURATION_NAME, settingsOf } from '@vitrine/enclave';
import { findConfiguration, resolveHere } from '../configuration.ts';
import { EXIT } from '../exit-code.ts';
import { readReferenceValues } from '../inputs.ts';
import { clean } from '../terminal.ts';
import { lossWarning, numbered, slotsDirectory, slotsOf } from './local-slots.ts';
import { createRelease, type Named, named, print } from './release-file.ts';

export interface MakeFlags {
  readonly config?: string;
  readonly from?: string;
  readonly measurement?: readonly string[];
  readonly json?: boolean;
}

export async function makeRelease(file: string, flags: MakeFlags): Promise<number> {
  const read = await findConfiguration(flags.config);
  if (read === undefined) {
    throw new UsageError('config.missing', `there is no ${CONFIGURATION_NAME} here: name a file with --config`);
  }
  const { manifest } = await resolveHere({ settings: settingsOf(read, {}), file: read.file, lock: true });
  const to = { manifest: await manifestDigest(manifest), number: manifest.number };
  const from = flags.from === undefined ? await fromSlots(manifest.name) : parseFrom(flags.from);
  if (to.manifest === from.manifest) {
    throw new UsageError('release.same', 'the keys are with this very manifest already; no release is needed');
  }
  if (to.number <= from.number) {
    throw new UsageError(
      'release.number',
      `number ${to.number} in ${read.file} has to be above ${from.number}, that of the manifest with the keys; raise it`,
    );
  }
  const measured = measuredImages(flags.measurement ?? [], from, to);
  const release: Release = { type: 'vitrine/release/v1', name: manifest.name, ...measured, signatures: [] };
  createRelease(file, release);
  print(flags.json, release, `${clean(file)} admits ${named(to)}\nafter ${named(from)}\n`);
  const slots = await slotsOf(manifest.name).catch(() => undefined);
  const warning = slots === undefined ? undefined : lossWarning(slots);
  if (warning !== undefined) process.stderr.write(`vitrine: ${warning}\n`);
  process.stderr.write('vitrine: now it has to be signed: vitrine release sign FILE --owner-key KEY\n');
  return EXIT.done;
}

/** What this machine's key slots are wrapped for. */
async function fromSlots(name: string): Promise<Named> {
  const found = await slotsOf(name);
  if (found === undefined) {
    throw new UsageError(
      'release.from',
      `there is no root of keys of ${name} in ${slotsDirectory(name)}; on another machine, name the manifest that has the keys with --from DIGEST:NUMBER`,
    );
  }
  if (found.upgrade.kind === 'pinned') {
    throw new UsageError(
      'release.pinned',
      `the keys of ${name} are bound to ${named(numbered(found.manifest))} by upgrade: pinned, which no release opens`,
    );
  }
  return numbered(found.manifest);
}

function parseFrom(text: string): Named {
  const [, manifest, digits] = /^([0-9a-f]{96}):([1-9][0-9]{0,15})$/.exec(text) ?? [];
  const number = Number(digits);
  if (manifest !== undefined && Number.isSafeInteger(number)) return { manifest, number };
  throw new UsageError(
    'usage.from',
    `--from: expected the manifest's digest (96 hexadecimal digits), ":" and its number, found ${JSON.stringify(text)}`,
  );
}

/** Reference values say for which manifest they are, so each goes to the side that it belongs to. */
function measuredImages(files: readonly string[], from: Named, to: Named): Pick<Release, 'from' | 'to'> {
  const entries = files.flatMap((file) => readReferenceValues(file).entries.map((entry) => ({ file, entry })));
  const stray = entries.find(({ entry }) => ![from.manifest, to.manifest].includes(entry.manifestDigest));
  if (stray !== undefined) {
    throw new UsageError(
      'release.measurement',
      `${stray.file} has reference values for the manifest ${stray.entry.manifestDigest}, and the release is about ${named(from)} and ${named(to)}`,
    );
  }
  const of = (side: Named): { readonly measurements?: readonly ReleaseMeasurement[] } => {
    const own = entries.flatMap(({ entry }) => (entry.manifestDigest === side.manifest ? [measurementOf(entry)] : []));
    const texts = own.map((one) => JSON.stringify(one));
    const once = own.filter((_, index) => texts.indexOf(texts[index] ?? '') === index);
    return once.length === 0 ? {} : { measurements: once };
  };
  return { from: { ...from, ...of(from) }, to: { ...to, ...of(to) } };
}

function measurementOf({ technology, registers }: ReferenceEntry): ReleaseMeasurement {
  const named = Object.entries<string | undefined>(registers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return { technology, registers: Object.fromEntries(named) };
}
