/**
 * Whether everything that a manifest says of its surroundings is what this enclave does: the last check
 * before evidence exists, whatever configured and housed the server.
 *
 * A manifest is attested as it is written, so a demand that nothing enforces would be a lie with a
 * signature. What the gateway and the front door enforce themselves (catalogue, rates, isolation, tokens)
 * is not judged here.
 *
 * @module
 */
import { type Manifest, UsageError } from '@vitrine/documents';
import type { Obtained } from './housing/housing.ts';

/** A manifest that says who may call. */
export type EnforceableManifest = Manifest & { readonly auth: NonNullable<Manifest['auth']> };

/** @throws UsageError with code `manifest.unenforced` that names the first demand which is not met. */
export function requireEnforceable(manifest: Manifest, obtained: Obtained): asserts manifest is EnforceableManifest {
  const found = unenforced(manifest, obtained);
  if (found === undefined) return;
  throw new UsageError(
    'manifest.unenforced',
    `the manifest says more than would be true: ${found}. Take that out of the configuration, or run where it can be had; \`vitrine doctor\` says what is missing`,
  );
}

function unenforced(manifest: Manifest, { process, cgroup, volume }: Obtained): string | undefined {
  const { auth, clients, data, egress, limits, sandbox, server } = manifest;
  const isOpen = process !== 'bwrap';
  if (auth === undefined) return 'it does not say who may call, and "auth" has no default here';
  if (clients !== undefined) return `clients: ${clients} cannot be enforced by this version`;
  if (sandbox !== 'none' && isOpen) return `sandbox: ${sandbox}, but the server has none`;
  if (egress !== undefined && isOpen) return 'egress is limited, but without a sandbox nothing limits it';
  if (server.source.kind === 'oci' && isOpen) return 'an image is the root of the file system, but there is no sandbox';
  if (data !== undefined && data !== volume) return `data: ${data}, but the server's files are in: ${volume}`;
  const { memory, processes, cpu } = limits ?? {};
  const limitsServer = memory !== undefined || processes !== undefined || cpu !== undefined;
  if (limitsServer && (isOpen || !cgroup)) {
    return 'memory, processes or processor time are limited, but there is no control group';
  }
  return undefined;
}
