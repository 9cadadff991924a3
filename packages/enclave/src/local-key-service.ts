/**
 * The key service of an enclave without keys: evidence is collected in this very process, and everything
 * that needs keys of its own is refused.
 *
 * For programs that embed the gateway, and for tests. Where a manifest names keys, credentials or a store,
 * a process of its own stands behind the same interface.
 *
 * @module
 */
import { createEvidenceService, type QuoteSource } from '@vitrine/attester';
import { type Manifest, UsageError } from '@vitrine/documents';
import type { KeyService } from '@vitrine/keys/client';

export interface LocalKeyServiceOptions {
  /** Signs report data. Handed to the evidence service and to nothing else. */
  readonly source: QuoteSource;
  readonly manifest: Manifest;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Members of a manifest that need more than this. */
const NEEDS_KEYS = ['keys', 'credentials', 'store', 'signer'] as const;
const VOLUME_KEY_BYTES = 32;

/** @throws UsageError with code `keys.none` for a manifest that names keys, credentials, a store or a signer. */
export function localKeyService({ source, manifest, randomBytes }: LocalKeyServiceOptions): KeyService {
  const needed = NEEDS_KEYS.find((member) => manifest[member] !== undefined);
  if (needed !== undefined) throw none(`the manifest has "${needed}"`);
  const volumeKeys = new Map<string, Uint8Array>();
  return {
    statements: [],
    bind: ({ tlsSpki, sandbox }) => createEvidenceService({ source, manifest, tlsSpki, sandbox, randomBytes }),
    attend: () => undefined,
    admit: () => Promise.reject(none('a server wants the socket to it')),
    dismiss: () => undefined,
    async volumeKey(volume) {
      const key = volumeKeys.get(volume) ?? randomBytes(VOLUME_KEY_BYTES);
      volumeKeys.set(volume, key);
      return key;
    },
    survivesRestart: false,
    credential: () => Promise.reject(none('a credential is wanted')),
    rewrap: () => Promise.reject(none('a root is to be wrapped anew')),
    acceptSecret: () => Promise.reject(none('a secret was handed in')),
    signReceipt: () => Promise.reject(none('a receipt is to be signed')),
    failed: new Promise(() => undefined),
    close: async () => undefined,
  };
}

function none(what: string): UsageError {
  return new UsageError(
    'keys.none',
    `${what}, but here is no key service that provides it: host the server with \`vitrine run\`, which starts one`,
  );
}
