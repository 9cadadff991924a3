/**
 * A root secret that a key broker keeps and hands to whom its policy admits.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';
import type { RootSecretSource } from '../root-secret.ts';
import { resourcePath } from './guest.ts';
import { type KbsOptions, kbsResource } from './kbs.ts';

const SECRET_BYTES = 32;

/** The resource must be exactly 32 bytes: anything else was not made to be a secret of this kind. */
export function kbsRootSecret(options: KbsOptions): RootSecretSource {
  const path = resourcePath(options.resource);
  return {
    description: {
      kind: 'kbs',
      boundTo: `the resource ${path} of the key broker ${options.kbs.url} and its policy`,
      derivableBy: ['the administrator of the key broker', 'any guest that its policy admits'],
      survivesUpgrade: true,
      sharedByReplicas: true,
    },
    secret: async () => {
      const secret = await kbsResource(options);
      if (secret.length === SECRET_BYTES) return secret;
      secret.fill(0);
      throw new VitrineError(
        'attester.hardware',
        `the resource ${path} of the key broker has ${secret.length} bytes; a root secret has exactly ${SECRET_BYTES}: make it with a random generator and register those bytes, not a text`,
      );
    },
  };
}
