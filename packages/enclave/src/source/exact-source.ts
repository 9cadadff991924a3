/**
 * From a server's code as people name it to the name of exactly one version of it, for `vitrine init`.
 *
 * @module
 */
import path from 'node:path';
import { installedPackage } from './npm-store.ts';
import { parseServerSpec } from './server-spec.ts';

export interface ExactSourceOptions {
  /** Vitrine's own directory for this user: the package is installed into its store. */
  readonly stateDirectory: string;
  /** Of this process: npm and its settings are found through it. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly onProgress: (text: string) => void;
}

/**
 * `npm:foo@^1` as `npm:foo@1.4.2`, resolved once by installing it; an exact version and a directory as they are.
 *
 * @throws UsageError for a source that cannot be read or does not exist, SourceUnavailableError for the
 *   registry, LockMismatchError for installed code that was changed.
 */
export async function exactSource(written: string, options: ExactSourceOptions): Promise<string> {
  const spec = parseServerSpec(written);
  if (spec.kind !== 'npm') return written;
  const { version } = await installedPackage(spec, undefined, {
    store: path.join(options.stateDirectory, 'store'),
    platform: `${process.platform}-${process.arch}`,
    environment: options.environment,
    onProgress: options.onProgress,
  });
  return `npm:${spec.package}@${version}`;
}
