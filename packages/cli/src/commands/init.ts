/**
 * `vitrine init`: writes a first `vitrine.yaml` for a server, with everything decided that can be.
 *
 * @module
 */
import { access, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { UsageError } from '@vitrine/documents';
import {
  CONFIGURATION_NAME,
  configurationSchema,
  exactSource,
  initialConfiguration,
  type RunFlags,
  settingsOf,
} from '@vitrine/enclave';
import { type Arguments, parseArguments } from '../command.ts';
import { progress, resolveHere } from '../configuration.ts';
import { environmentOf } from '../environment-flag.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { printedCommand } from '../printed-command.ts';
import { initSpec } from '../specs/init.ts';

const SCHEMA_NAME = 'vitrine.schema.json';

export async function runInit(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, initSpec.options);
  const { values } = parsed;
  if (values.json === true && values['dry-run'] === true)
    throw new UsageError('usage.output', '--json and --dry-run contradict each other: give one');
  const file = values.config ?? CONFIGURATION_NAME;
  const directory = dirname(resolve(file));
  const schemaFile = join(directory, SCHEMA_NAME);
  const dryRun = values['dry-run'] === true;
  // Before anything is installed: what cannot be written is not worth the wait.
  if (!dryRun && values.force !== true) await requireAbsent(file);
  if (!dryRun && values.force !== true) await requireOurs(schemaFile);

  const settings = settingsOf(undefined, await flagsOf(parsed, directory));
  if (!dryRun) await makeDirectory(directory);
  const { manifest } = await resolveHere({ settings, file, lock: !dryRun });
  const text = initialConfiguration({ name: manifest.name, server: settings.server, schema: `./${SCHEMA_NAME}` });
  if (dryRun) {
    process.stdout.write(text);
    return EXIT.done;
  }
  await write(schemaFile, configurationSchema(), 'w');
  await write(file, text, values.force === true ? 'w' : 'wx');
  report(file, schemaFile, values.json === true);
  return EXIT.done;
}

/** As `run` reads them, but with the exact version, and with a folder as seen from the file. */
async function flagsOf(
  { values, positionals, rest }: Arguments<typeof initSpec.options>,
  directory: string,
): Promise<RunFlags> {
  const [source, extra] = positionals;
  if (extra !== undefined) {
    throw new UsageError(
      'usage.extra',
      `unexpected argument ${JSON.stringify(extra)}; arguments of the server go after "--"`,
    );
  }
  if (source === undefined && rest === undefined) {
    throw new UsageError(
      'usage.missing',
      'expected a server: npm:<package>@<version>, path:<folder>, or a command after "--"',
    );
  }
  const flags: RunFlags = {
    ...(source === undefined ? {} : { source }),
    ...(rest === undefined ? {} : source === undefined ? { command: rest } : { args: rest }),
    ...(values.bin === undefined ? {} : { bin: values.bin }),
    ...(values.entry === undefined ? {} : { entry: values.entry }),
    ...(values.name === undefined ? {} : { name: values.name }),
    ...(values.env === undefined ? {} : { environment: environmentOf(values.env) }),
  };
  // Contradicting flags are found before anything is installed.
  settingsOf(undefined, flags);
  if (source === undefined) return flags;
  const exact = await exactSource(source, {
    stateDirectory: userHome(),
    environment: process.env,
    onProgress: progress,
  });
  return { ...flags, source: exact.startsWith('path:') ? seenFrom(directory, exact.slice('path:'.length)) : exact };
}

function seenFrom(directory: string, written: string): string {
  const there = relative(directory, resolve(written)).split(sep).join('/');
  return `path:${/^(?:\.\.(?:\/|$)|\/|[A-Za-z]:)/.test(there) ? there : there === '' ? '.' : `./${there}`}`;
}

async function requireAbsent(file: string): Promise<void> {
  const found = await access(file).then(
    () => true,
    () => false,
  );
  if (found)
    throw new UsageError('init.exists', `${file} is there already; --force writes over it, --dry-run only prints`);
}

/** A schema of an older version may be replaced; a file that only has the same name may not. */
async function requireOurs(file: string): Promise<void> {
  const present = await readFile(file, 'utf8').catch(() => undefined);
  if (present === undefined || present.includes('"title": "vitrine.yaml"')) return;
  throw new UsageError('init.exists', `${file} is there already and is something else; --force writes over it`);
}

async function makeDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
  } catch (cause) {
    throw new UsageError('output.unwritable', `cannot make ${directory}: ${(cause as Error).message}`, { cause });
  }
}

async function write(file: string, text: string, flag: 'w' | 'wx'): Promise<void> {
  try {
    await writeFile(file, text, { flag });
  } catch (cause) {
    throw new UsageError('output.unwritable', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

function report(file: string, schema: string, json: boolean): void {
  const named = file === CONFIGURATION_NAME ? [] : [file];
  const run = ['vitrine', 'run', ...named.flatMap((one) => ['--config', one])];
  if (json) {
    process.stdout.write(`${JSON.stringify({ type: 'vitrine/init/v1', file, schema, run })}\n`);
    return;
  }
  const check = ['vitrine', 'config', 'check', ...named];
  process.stderr.write(
    `vitrine: wrote ${file} and ${SCHEMA_NAME}\n\nNext:\n  ${printedCommand(check, process.platform)}\n  ${printedCommand(run, process.platform)}\n`,
  );
}
