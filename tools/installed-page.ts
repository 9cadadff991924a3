/**
 * The packages of an installation as a browser loads them: one file per module, found through an
 * import map with the conditions of a bundler for browsers. Nothing is bundled or changed.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';

/** What bundlers for browsers take, and the order does not matter: a package's own order decides. */
const CONDITIONS = ['browser', 'import', 'default'];
const MODULES = '/node_modules/';

type Target = string | { readonly [condition: string]: Target };

interface PackageFile {
  readonly name: string;
  readonly exports?: Readonly<Record<string, Target>>;
  readonly imports?: Readonly<Record<string, Target>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface ImportMap {
  readonly imports: Readonly<Record<string, string>>;
  readonly scopes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** The import map for `entries` and all that they depend on, installed under `directory`. */
export function importMapOf(directory: string, entries: readonly string[]): ImportMap {
  const imports: Record<string, string> = {};
  const scopes: Record<string, Record<string, string>> = {};
  const left = [...entries];
  for (let name = left.pop(); name !== undefined; name = left.pop()) {
    const base = `${MODULES}${name}/`;
    if (imports[name] !== undefined) continue;
    const file = JSON.parse(readFileSync(join(directory, base, 'package.json'), 'utf8')) as PackageFile;
    for (const [path, target] of Object.entries(file.exports ?? {})) {
      imports[normalize(`${name}/${path}`).replace(/\/\.?$/, '')] = `${base}${relativeTarget(target, name)}`;
    }
    for (const [specifier, target] of Object.entries(file.imports ?? {})) {
      scopes[base] = { ...scopes[base], [specifier]: `${base}${relativeTarget(target, specifier)}` };
    }
    left.push(...Object.keys(file.dependencies ?? {}));
  }
  return { imports, scopes };
}

/** A file of the installation by the path under which the page asks for it. */
export function installedFile(directory: string, path: string): Uint8Array | undefined {
  const file = join(directory, normalize(path));
  return path.startsWith(MODULES) && existsSync(file) ? readFileSync(file) : undefined;
}

function relativeTarget(target: Target, what: string): string {
  if (typeof target === 'string') return normalize(target);
  const condition = Object.keys(target).find((key) => CONDITIONS.includes(key));
  const next = condition === undefined ? undefined : target[condition];
  if (next === undefined) throw new Error(`${what} has no target for browsers`);
  return relativeTarget(next, what);
}
