/**
 * CBOR, as far as documents of attestation use it.
 *
 * @module
 */
import { readCbor } from '../../../packages/verifier/src/cbor/read.ts';
import {
  CBOR_NULL,
  cborArray,
  cborBytes,
  cborIndefiniteMap,
  cborInteger,
  cborMap,
  cborTag,
  cborText,
} from '../../../packages/verifier/src/testing/cbor-encode.ts';
import type { Target } from '../target.ts';

const TAG = 18;

export const target: Target = {
  run: (bytes) =>
    readCbor(bytes, { maxBytes: 4096, maxDepth: 8, maxItems: 500, tags: [TAG], indefiniteMap: 'outermost' }, 'CBOR'),
  seeds: async () => ({
    map: cborMap([cborText('a'), cborInteger(1)], [cborInteger(2), cborBytes(Uint8Array.of(1, 2, 3))]),
    indefinite: cborIndefiniteMap([cborText('é'), CBOR_NULL]),
    tagged: cborTag(TAG, cborArray(cborInteger(-7), cborInteger(70_000), cborInteger(2 ** 40))),
    nested: cborArray(cborArray(cborArray(cborMap([cborInteger(0), cborArray()])))),
  }),
  maxLength: 4096,
};
