/**
 * The shared libraries of this Node, so that it can run where the system has none of them.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { UsageError } from '@vitrine/documents';

export interface NodeLibraries {
  /** The program that loads the others; an absolute path, like them. */
  readonly loader: string;
  readonly libraries: readonly string[];
}

const LOADER = /^ld-(?:linux|musl)[A-Za-z0-9_.-]*\.so(?:\.[0-9]+)*$/;

/** What is loaded into this process now. @throws UsageError with code `sandbox.relay`. */
export function nodeLibraries(): NodeLibraries {
  const report = process.report as typeof process.report & { excludeNetwork: boolean };
  // Without this, the names of all addresses of this machine would be looked up.
  const { excludeNetwork } = report;
  report.excludeNetwork = true;
  const { sharedObjects } = report.getReport() as { readonly sharedObjects?: readonly string[] };
  report.excludeNetwork = excludeNetwork;
  const files = (sharedObjects ?? []).filter(
    (file) => path.isAbsolute(file) && file.includes('.so') && existsSync(file),
  );
  const loader = files.find((file) => LOADER.test(path.basename(file)));
  if (loader !== undefined) return { loader, libraries: files.filter((file) => file !== loader) };
  throw new UsageError(
    'sandbox.relay',
    'a server from an image needs a relay in its sandbox for egress and for HTTP, and the libraries of this Node were not found; use a Node that is linked dynamically, as the official ones are',
  );
}
