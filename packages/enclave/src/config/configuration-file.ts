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
import { type Configuration, configurationShape } from './configuration.ts';
import { readYaml } from './yaml-file.ts';

/** The name that is looked for in the current directory. */
export const CONFIGURATION_NAME = 'vitrine.yaml';

/**
 * Reads the file.
 *
 * @throws UsageError (`config.unreadable`, `config.syntax`, `config.shape`); errors begin with
 *   `file:line:column` and say what is allowed.
 */
export async function readConfiguration(file: string): Promise<Configuration> {
  let content: string;
  try {
    content = new TextDecoder('utf-8', { fatal: true }).decode(await readFile(file));
  } catch (cause) {
    const why = cause instanceof TypeError ? 'it is not UTF-8 text' : (cause as Error).message;
    throw new UsageError('config.unreadable', `cannot read ${file}: ${why}`, { cause });
  }
  return parseConfiguration(content, file);
}

/** Like {@link readConfiguration}, for text; `name` is how the file is called in errors. */
export function parseConfiguration(content: string, name: string): Configuration {
  const yaml = readYaml(content, name);
  const parsed = configurationShape.parse(yaml.value);
  if (parsed.ok) return parsed.value;
  const lines = parsed.issues.map((issue) => {
    // Of an unknown field the name is wrong, of any other issue the value.
    const of = /^(?:unknown field|the name) /.test(issue.message) ? 'key' : 'value';
    const place = issue.path.length === 0 ? '' : `${showPath(issue.path)}: `;
    return `${name}:${yaml.position(issue.path, of)}: ${place}${issue.message}`;
  });
  throw new UsageError('config.shape', lines.join('\n'));
}
