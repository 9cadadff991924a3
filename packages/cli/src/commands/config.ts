/**
 * `vitrine config`: what is wrong with a `vitrine.yaml`, and what it comes to.
 *
 * @module
 */
import { type Manifest, manifestDigest, nearest, UsageError } from '@vitrine/documents';
import { CONFIGURATION_NAME, type ReadConfiguration, type Settings, settingsOf } from '@vitrine/enclave';
import { type Arguments, parseArguments } from '../command.ts';
import { findConfiguration, resolveHere } from '../configuration.ts';
import { EXIT } from '../exit-code.ts';
import { configSpec } from '../specs/config.ts';

const ACTIONS = ['check', 'show', 'hash'] as const;
type Action = (typeof ACTIONS)[number];
type Values = Arguments<typeof configSpec.options>['values'];

export async function runConfig(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, configSpec.options);
  if (rest !== undefined) throw new UsageError('usage.extra', 'nothing may stand after "--" here');
  const [action, file, extra] = positionals;
  if (extra !== undefined)
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(extra)}: expected only one file`);
  const wanted = actionOf(action);
  if (wanted === 'check' && values.offline === true)
    throw new UsageError('usage.offline', '--offline is for show and hash; check asks nobody anyway');
  const read = await findConfiguration(file);
  if (read === undefined) {
    throw new UsageError(
      'config.missing',
      `there is no ${CONFIGURATION_NAME} here: name a file, or write one with \`vitrine init\``,
    );
  }
  process.stdout.write(await outputOf(wanted, read, settingsOf(read, {}), values));
  return EXIT.done;
}

function actionOf(given: string | undefined): Action {
  const found = ACTIONS.find((action) => action === given);
  if (found !== undefined) return found;
  if (given === undefined) throw new UsageError('usage.missing', `expected one of ${ACTIONS.join(', ')}`);
  const near = nearest(given, ACTIONS);
  throw new UsageError(
    'usage.action',
    `unknown action ${JSON.stringify(given)}${near === undefined ? `: expected one of ${ACTIONS.join(', ')}` : `; did you mean ${JSON.stringify(near)}?`}`,
  );
}

async function outputOf(
  action: Action,
  read: ReadConfiguration,
  settings: Settings,
  { json, offline }: Values,
): Promise<string> {
  const { file } = read;
  if (action === 'check')
    return json === true ? line({ type: 'vitrine/config-check/v1', file, ok: true }) : `${file} is in order\n`;
  const { manifest } = await resolveHere({ settings, file, lock: true, offline: offline === true });
  if (action === 'show') return json === true ? line(manifest) : `${JSON.stringify(manifest, null, 2)}\n`;
  const digest = await manifestDigest(manifest);
  return json === true ? line(digestDocument(file, manifest, digest)) : `${digest}\n`;
}

function digestDocument(file: string, { name, number }: Manifest, digest: string): object {
  return { type: 'vitrine/config-hash/v1', file, name, number, manifestDigest: digest };
}

function line(document: object): string {
  return `${JSON.stringify(document)}\n`;
}
