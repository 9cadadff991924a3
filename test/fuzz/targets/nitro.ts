/**
 * AWS Nitro documents: COSE_Sign1 with a CBOR payload, bare and in dstack's container.
 *
 * @module
 */
import { parseNitroDocument } from '../../../packages/verifier/src/nitro/parse.ts';
import { containDstack, forgeNitro } from '../../../packages/verifier/src/testing/forged-nitro.ts';
import type { Target } from '../target.ts';

export const target: Target = {
  run: (bytes) => parseNitroDocument(bytes),
  seeds: async () => {
    const good = forgeNitro();
    return { good, contained: containDstack(good) };
  },
  maxLength: 16_384,
};
