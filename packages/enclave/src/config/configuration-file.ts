/**
 * Reads `vitrine.yaml`.
 *
 * For completion and checks in editors, begin the file with
 * `# yaml-language-server: $schema=<path or address of vitrine.schema.json>`; the schema is in the package
 * `@vitrine/enclave` under `schema/vitrine.schema.json`.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { showPath, UsageError } from '@vitrine/documents';
import { parseServerSpec } from '../source/server-spec.ts';
import { type Configuration, configurationShape, serverChoice } from './configuration.ts';
import { checkCredentials, checkPolicies, checkSigner } from './key-terms.ts';
import { checkAuth, checkLasting, checkTransport, checkUpgrade, egressRule, egressRules } from './operator-terms.ts';
import { checkPublicValues } from './public-values.ts';
import { readYaml, type YamlFile } from './yaml-file.ts';

/** The name that is looked for in the current directory. */
export const CONFIGURATION_NAME = 'vitrine.yaml';

/**
 * Reads the file.
 *
 * @throws UsageError (`config.unreadable`, `config.syntax`, `config.shape`, `source.spec`, `config.secret`,
 *   `config.environment`, `config.transport`, `config.egress`, `config.auth`, `config.signer`,
 *   `config.credentials`, `config.upgrade`, and `policy.*`, `keys.spec` and `keys.path` for keys that the key service would not
 *   take); errors about the content begin with `file:line:column` and say what is allowed.
 */
export async function readConfiguration(file: string): Promise<Configuration> {
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    const why = cause instanceof TypeError ? 'it is not UTF-8 text' : reasonOf(cause as NodeJS.ErrnoException);
    throw new UsageError('config.unreadable', `cannot read ${file}: ${why}`, { cause });
  }
  const configuration = parseConfiguration(content, file);
  const { keys, isolation } = configuration;
  if (keys !== undefined)
    await checkPolicies(keys, isolation, (path) => `${file}:${readYaml(content, file).position(path, 'value')}`);
  return configuration;
}

/**
 * Like {@link readConfiguration}, for text and without a look at policies; `name` is how the file is called in
 * errors.
 */
export function parseConfiguration(content: string, name: string): Configuration {
  const yaml = readYaml(content, name);
  const parsed = configurationShape.parse(yaml.value);
  if (parsed.ok) {
    checkMeaning(parsed.value, yaml, name);
    return parsed.value;
  }
  const lines = parsed.issues.map((issue) => {
    // Of an unknown field the name is wrong, of any other issue the value.
    const of = /^(?:unknown field|the name) /.test(issue.message) ? 'key' : 'value';
    const place = issue.path.length === 0 ? '' : `${showPath(issue.path)}: `;
    return `${name}:${yaml.position(issue.path, of)}: ${place}${issue.message}`;
  });
  throw new UsageError('config.shape', lines.join('\n'));
}

/** What a shape does not say: that the source can be read, and that nothing in it is secret or loads other code. */
function checkMeaning(configuration: Configuration, yaml: YamlFile, name: string): void {
  const { server, egress, auth, keys, credentials, signer } = configuration;
  const { source, args, command, environment, transport, httpPort } = serverChoice(server);
  const at = (path: readonly (string | number)[], check: () => void): void => {
    try {
      check();
    } catch (cause) {
      if (!(cause instanceof UsageError)) throw cause;
      const message = `${name}:${yaml.position(path, 'value')}: ${cause.message}`;
      throw new UsageError(cause.code, message, { cause });
    }
  };
  if (source !== undefined) {
    at(typeof server === 'string' ? ['server'] : ['server', 'source'], () => parseServerSpec(source));
  }
  for (const [variable, value] of Object.entries(environment ?? {})) {
    at(['server', 'environment', variable], () => checkPublicValues([], { [variable]: value }));
  }
  const ofTransport = transport === undefined ? 'port' : 'transport';
  if (transport !== undefined || httpPort !== undefined) {
    at(['server', ofTransport], () => checkTransport(transport, httpPort));
  }
  for (const [index, rule] of (egress ?? []).entries()) at(['egress', index], () => egressRule(rule));
  if (auth !== undefined) at(['auth'], () => checkAuth(auth));
  if (configuration.upgrade !== undefined) at(['upgrade'], () => checkUpgrade(configuration));
  for (const member of ['roots', 'anchor', 'handover'] as const) {
    if (configuration[member] !== undefined) at([member], () => checkLasting(member, configuration));
  }
  if (signer !== undefined) checkSigner(signer, keys, httpPort, at);
  if (credentials !== undefined) checkCredentials(credentials, egressRules(egress ?? []), at);
  if (args !== undefined) at(['server', 'args'], () => checkPublicValues(args, {}));
  if (command !== undefined) at(['server', 'command'], () => checkPublicValues(command.slice(1), {}));
}

function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'it is a folder';
  return code === 'EACCES' ? 'permission denied' : message;
}
