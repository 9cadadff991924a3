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
import { type KeyStatement, type Manifest, UsageError } from '@vitrine/documents';
import { type Housing, needsKeySocket } from './housing/housing.ts';

/** A manifest that says who may call. */
export type EnforceableManifest = Manifest & { readonly auth: NonNullable<Manifest['auth']> };

/** What there is of the housing before anybody lives in it. */
type Given = Pick<Housing, 'obtained' | 'keySockets'>;

/**
 * @param statements - Of the keys that the key service has.
 * @throws UsageError with code `manifest.unenforced` that names the first demand which is not met.
 */
export function requireEnforceable(
  manifest: Manifest,
  housing: Given,
  statements: readonly KeyStatement[],
): asserts manifest is EnforceableManifest {
  const found = unenforced(manifest, housing) ?? withoutKeys(manifest, statements);
  if (found === undefined) return;
  throw new UsageError(
    'manifest.unenforced',
    `the manifest says more than would be true: ${found}. Take that out of the configuration, or run where it can be had; \`vitrine doctor\` says what is missing`,
  );
}

function unenforced(manifest: Manifest, { obtained, keySockets }: Given): string | undefined {
  const { process, cgroup, volume } = obtained;
  const { auth, clients, credentials, data, egress, limits, sandbox, server, signer } = manifest;
  const isOpen = process !== 'bwrap';
  if (auth === undefined) return 'it does not say who may call, and "auth" has no default here';
  if (clients !== undefined) return `clients: ${clients} cannot be enforced by this version`;
  if (sandbox !== 'none' && isOpen) return `sandbox: ${sandbox}, but the server has none`;
  if (egress !== undefined && isOpen) return 'egress is limited, but without a sandbox nothing limits it';
  if (credentials !== undefined && isOpen)
    return 'credentials are added on the way out of a sandbox, and there is none';
  if (signer !== undefined && isOpen) {
    return `a signer listens on port ${signer.port} of the server's own loopback interface, but without a sandbox that is everybody's on this machine`;
  }
  if (needsKeySocket(manifest) && keySockets.length === 0) {
    return 'keys, store and signer need a socket to the key service, and this server gets none';
  }
  if (server.source.kind === 'oci' && isOpen) return 'an image is the root of the file system, but there is no sandbox';
  if (data !== undefined && data !== volume) return `data: ${data}, but the server's files are in: ${volume}`;
  const { memory, processes, cpu } = limits ?? {};
  const limitsServer = memory !== undefined || processes !== undefined || cpu !== undefined;
  if (limitsServer && (isOpen || !cgroup)) {
    return 'memory, processes or processor time are limited, but there is no control group';
  }
  return undefined;
}

function withoutKeys({ keys = {} }: Manifest, statements: readonly KeyStatement[]): string | undefined {
  const missing = Object.keys(keys).find((name) => !statements.some((one) => one.name === name));
  return missing === undefined ? undefined : `it names the key ${missing}, which the key service does not have`;
}
