/**
 * `vitrine release`: makes, signs and shows the document that hands an application's root to its next manifest.
 *
 * Whether a release counts is decided by the key service when the root is opened, by the policy in its slot.
 * What is said here of keys on this machine's disk helps people, and is believed by nobody.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import {
  manifestDigest,
  nearest,
  parseDocument,
  type Release,
  releaseShape,
  releaseSigned,
  toBase64Url,
  UsageError,
} from '@vitrine/documents';
import { CONFIGURATION_NAME, settingsOf } from '@vitrine/enclave';
import type { NumberedManifest, WrappedFor } from '@vitrine/keys';
import { refuseFlags } from '../action-flags.ts';
import { type Arguments, parseArguments } from '../command.ts';
import { findConfiguration, resolveHere } from '../configuration.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { readText } from '../inputs.ts';
import { readOwnerKey } from '../owner-key.ts';
import { releaseSpec } from '../specs/release.ts';
import { keysDirectory } from '../start-keyd.ts';
import { clean } from '../terminal.ts';

const ACTIONS = ['make', 'sign', 'show'] as const;
const FLAGS = ['config', 'from', 'owner-key'] as const;
const OWN_FLAGS: Readonly<Record<(typeof ACTIONS)[number], readonly string[]>> = {
  make: ['config', 'from'],
  sign: ['owner-key'],
  show: [],
};

type Values = Arguments<typeof releaseSpec.options>['values'];

export async function runRelease(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, releaseSpec.options);
  const [given, file, extra] = positionals;
  if (rest !== undefined || extra !== undefined)
    throw new UsageError('usage.extra', 'unexpected argument: expected an action and one file');
  const action = ACTIONS.find((one) => one === given);
  if (action === undefined) throw unknownAction(given);
  if (file === undefined) {
    throw new UsageError('usage.missing', `expected the file of the release${action === 'make' ? ' to make' : ''}`);
  }
  for (const flag of FLAGS) {
    if (OWN_FLAGS[action].includes(flag)) continue;
    refuseFlags(values, [flag], `vitrine release ${flag === 'owner-key' ? 'sign' : 'make'}`);
  }
  if (action === 'make') return make(file, values);
  return action === 'sign' ? sign(file, values) : show(file, values);
}

function unknownAction(given: string | undefined): UsageError {
  const near = given === undefined ? undefined : nearest(given, ACTIONS);
  const found = given === undefined ? '' : `, found ${JSON.stringify(given)}`;
  const hint = near === undefined ? '' : `; did you mean "${near}"?`;
  return new UsageError('usage.action', `expected make, sign or show${found}${hint}`);
}

/** Parses a release; whether anybody has to heed it is not judged. */
function readReleaseFile(file: string): Release {
  return parseDocument(readText(file), releaseShape, file);
}

async function make(file: string, values: Values): Promise<number> {
  const read = await findConfiguration(values.config);
  if (read === undefined) {
    throw new UsageError('config.missing', `there is no ${CONFIGURATION_NAME} here: name a file with --config`);
  }
  const { manifest } = await resolveHere({ settings: settingsOf(read, {}), file: read.file, lock: true });
  const to = { manifest: await manifestDigest(manifest), number: manifest.number };
  const from = values.from === undefined ? await fromSlots(manifest.name) : parseFrom(values.from);
  if (to.manifest === from.manifest) {
    throw new UsageError('release.same', 'the keys are with this very manifest already; no release is needed');
  }
  if (to.number <= from.number) {
    throw new UsageError(
      'release.number',
      `number ${to.number} in ${read.file} has to be above ${from.number}, that of the manifest with the keys; raise it`,
    );
  }
  const release: Release = { type: 'vitrine/release/v1', name: manifest.name, from, to, signatures: [] };
  create(file, format(release));
  print(values, release, `${clean(file)} admits ${named(to)}\nafter ${named(from)}\n`);
  process.stderr.write('vitrine: now it has to be signed: vitrine release sign FILE --owner-key KEY\n');
  return EXIT.done;
}

/** What this machine's key slots are wrapped for. */
async function fromSlots(name: string): Promise<Release['from']> {
  const found = await slotsOf(name);
  if (found === undefined) {
    throw new UsageError(
      'release.from',
      `there is no root of keys of ${name} in ${keysDirectory(userHome(), name)}; on another machine, name the manifest that has the keys with --from DIGEST:NUMBER`,
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

async function slotsOf(name: string): Promise<WrappedFor | undefined> {
  const { wrappedFor } = await import('@vitrine/keys');
  return wrappedFor(keysDirectory(userHome(), name));
}

function parseFrom(text: string): Release['from'] {
  const [, manifest, digits] = /^([0-9a-f]{96}):([1-9][0-9]{0,15})$/.exec(text) ?? [];
  const number = Number(digits);
  if (manifest !== undefined && Number.isSafeInteger(number)) return { manifest, number };
  throw new UsageError(
    'usage.from',
    `--from: expected the manifest's digest (96 hexadecimal digits), ":" and its number, found ${JSON.stringify(text)}`,
  );
}

async function sign(file: string, values: Values): Promise<number> {
  const keyFile = values['owner-key'];
  if (keyFile === undefined) {
    throw new UsageError(
      'usage.missing',
      'expected --owner-key FILE: your release key; "vitrine secrets keygen FILE" makes one',
    );
  }
  const release = readReleaseFile(file);
  const { publicKey, sign: signWith } = readOwnerKey(keyFile);
  if (release.signatures.some(({ key }) => key === publicKey)) {
    throw new UsageError('release.signed', `${file} has a signature of ${publicKey} already`);
  }
  const signature = toBase64Url(await signWith(releaseSigned(release)));
  const signed: Release = { ...release, signatures: [...release.signatures, { key: publicKey, signature }] };
  replace(file, format(signed));
  print(
    values,
    signed,
    `${publicKey} has signed ${clean(file)}, which admits ${named(release.to)}\nafter ${named(release.from)}\n`,
  );
  return EXIT.done;
}

async function show(file: string, values: Values): Promise<number> {
  const { readRelease, signersOf } = await import('@vitrine/keys');
  const release = readRelease(readReleaseFile(file));
  const { good, bad } = signersOf(release);
  const slots = await slotsOf(release.name).catch(() => undefined);
  const isForSlots = slots !== undefined && same(numbered(slots.manifest), release.from);
  const policy = isForSlots && slots.upgrade.kind === 'signed' ? slots.upgrade : undefined;
  if (values.json === true) {
    const { name, from, to } = release;
    const known = policy === undefined ? {} : { listed: policy.keys, threshold: policy.threshold };
    process.stdout.write(
      `${JSON.stringify({ type: 'vitrine/release-shown/v1', name, from, to, signedBy: good, invalid: bad, ...known })}\n`,
    );
    return EXIT.done;
  }
  const lines = [
    `${clean(release.name)}: admits ${named(release.to)}`,
    `after ${named(release.from)}`,
    ...(good.length + bad.length === 0 ? ['nobody has signed it'] : []),
    ...good.map(
      (key) =>
        `signed by ${key}${policy !== undefined && !policy.keys.includes(key) ? ', which is not listed and does not count' : ''}`,
    ),
    ...bad.map((key) => `INVALID signature of ${key}`),
    policy === undefined
      ? 'which keys count is said by the former manifest, whose key slots are not on this machine'
      : `${policy.keys.filter((key) => good.includes(key)).length} of ${policy.keys.length} listed keys have signed it; ${policy.threshold} have to`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return EXIT.done;
}

function print({ json }: Values, release: Release, text: string): void {
  process.stdout.write(json === true ? `${JSON.stringify(release)}\n` : text);
}

function numbered({ digest, number }: NumberedManifest): Release['from'] {
  return { manifest: digest, number };
}

function same(one: Release['from'], other: Release['from']): boolean {
  return one.manifest === other.manifest && one.number === other.number;
}

/** The whole digest: it is what people compare. */
function named({ manifest, number }: Release['from']): string {
  return `number ${number}, manifest ${manifest}`;
}

function format(release: Release): string {
  return `${JSON.stringify(release, null, 2)}\n`;
}

function create(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (cause) {
    throw unwritable(file, cause);
  }
}

/** Either all of the old document is there, or all of the new one. */
function replace(file: string, text: string): void {
  const temporary = `${file}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const descriptor = openSync(temporary, 'wx', statSync(file).mode & 0o777);
    try {
      writeFileSync(descriptor, text);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw unwritable(file, cause);
  }
}

function unwritable(file: string, cause: unknown): UsageError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why = code === 'EEXIST' ? 'it is there already, and is kept; name another one' : (code ?? message);
  return new UsageError('release.unwritable', `cannot write the release ${file}: ${why}`, { cause });
}
