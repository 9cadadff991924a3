/**
 * The text by which people name a server's code: `npm:<package>@<version, range or tag>`, `path:<directory>`,
 * `module:<file or directory>` or `oci:<image layout>`.
 *
 * @module
 */
import { nearest, UsageError } from '@vitrine/documents';

export type ServerSpec =
  | {
      readonly kind: 'npm';
      /** As it was written; the key in `vitrine.lock`. */
      readonly written: string;
      readonly package: string;
      /** Exact version, range or tag. */
      readonly wanted: string;
    }
  | { readonly kind: 'path'; readonly written: string; readonly directory: string }
  /** `place` is a file, or a folder. */
  | { readonly kind: 'module'; readonly written: string; readonly place: string }
  /** A folder that is an OCI image layout. */
  | { readonly kind: 'oci'; readonly written: string; readonly directory: string };

// The manifest accepts the same names. Old npm names with capitals cannot be published any more.
const NPM = /^npm:(?<name>(?:@[a-z0-9._~-]+\/)?[a-z0-9._~-]+)(?:@(?<wanted>[^@]*))?$/;
/** No ":", "/" or "#": npm would take those for an alias, an address or a repository. */
const WANTED = /^[0-9A-Za-z.+~^<>=|*_ -]+$/;
const EXACT = /^[0-9]+\.[0-9]+\.[0-9]+(?:-[0-9A-Za-z.-]+)?$/;

const KINDS = ['npm', 'path', 'module', 'oci'] as const;

/** @throws UsageError with code `source.spec`. */
export function parseServerSpec(written: string): ServerSpec {
  const kind = written.split(':', 1)[0] ?? '';
  if (!written.includes(':')) {
    throw invalid(
      written,
      'it names no kind. Write npm:<package>@<version>, path:<directory>, module:<file> or oci:<image layout>; for a command use -- command',
    );
  }
  if (kind === 'path' || kind === 'module' || kind === 'oci') {
    const place = written.slice(kind.length + 1);
    if (place === '' || place.includes('\0')) {
      throw invalid(written, `${kind === 'module' ? 'a file or directory' : 'a directory'} must follow "${kind}:"`);
    }
    return kind === 'module' ? { kind, written, place } : { kind, written, directory: place };
  }
  if (kind !== 'npm') {
    const hint = nearest(kind, KINDS);
    throw invalid(
      written,
      `unknown kind ${JSON.stringify(kind)}; allowed: ${KINDS.join(', ')}${hint === undefined ? '' : `; did you mean ${JSON.stringify(hint)}?`}`,
    );
  }
  const groups = NPM.exec(written)?.groups;
  const name = groups?.['name'];
  const wanted = groups?.['wanted'];
  if (
    name === undefined ||
    /^(?:@[._]|[._])/.test(name) ||
    name.split('/').some((part) => part === '.' || part === '..')
  ) {
    throw invalid(written, 'this is not a package name followed by @ and a version, range or tag');
  }
  if (wanted === undefined || wanted === '') {
    throw invalid(
      written,
      `say which version, for instance npm:${name}@latest, which is then resolved once and locked`,
    );
  }
  if (!WANTED.test(wanted)) {
    throw invalid(written, `${JSON.stringify(wanted)} is not a version, range or tag of the registry`);
  }
  return { kind: 'npm', written, package: name, wanted };
}

/** Whether `wanted` names one version, so that nothing has to be resolved. */
export function isExactVersion(wanted: string): boolean {
  return EXACT.test(wanted);
}

function invalid(written: string, why: string): UsageError {
  return new UsageError('source.spec', `${JSON.stringify(written)} does not name a server: ${why}`);
}
