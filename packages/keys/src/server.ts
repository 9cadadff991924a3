/**
 * What a hosted server uses of the key service, from within its sandbox.
 *
 * @module
 */
export { type DocumentCollection, type ServerStore, serverStore } from './server/document-store.ts';
export { type JwsSigner, jwsSigner } from './server/jws-signer.ts';
export { connectKeys, type KeyClient, KeyServiceError } from './server/key-client.ts';
export type { Approval, Explanation, MethodName, Methods, PublicKey } from './wire.ts';
