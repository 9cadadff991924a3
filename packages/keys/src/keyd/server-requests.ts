/**
 * All that a server can ask: the methods of the wire, for one instance.
 *
 * @module
 */
import { type JsonValue, toBase64Url } from '@vitrine/documents';
import { createDocuments, DEFAULT_DOCUMENT_LIMITS, type DocumentStore } from '@vitrine/storage';
import type { LastingState } from '../anchor/lasting-state.ts';
import type { KeyRing } from '../ring/key-ring.ts';
import type { Instance } from '../service.ts';
import type { RequestHandler } from './connection.ts';
import { MAX_RANDOM_BYTES, otherMethods, readParameters } from './method-parameters.ts';
import type { OpenState } from './open-state.ts';
import { isKeyMethod } from './prepare-request.ts';
import { JSON_RPC, malformedParameters, RequestError } from './request-error.ts';
import type { Signer } from './signer.ts';

export interface ServerRequestsOptions {
  readonly signer: Signer;
  readonly ring: KeyRing;
  /** There exactly where servers may keep documents. */
  readonly state?: Pick<OpenState, 'store' | 'lasting'>;
  /** Whether one server is for everybody, so that everybody has the same documents. */
  readonly isShared: boolean;
  readonly randomBytes: (length: number) => Uint8Array;
}

type Method = (params: JsonValue, signal: AbortSignal) => unknown;

/** What answers the requests of `instance`. */
export function serverRequests(options: ServerRequestsOptions, instance: Instance): RequestHandler {
  const { signer, ring, state, randomBytes } = options;
  const tenant = options.isShared ? 'everybody' : `principal/${instance.principal}`;
  const methods: Readonly<Record<string, Method>> = {
    'keys.list': (params) => {
      readParameters(otherMethods['keys.list'], params);
      return ring.publicKeys();
    },
    random: (params) => {
      const { bytes } = readParameters(otherMethods.random, params);
      if (bytes > MAX_RANDOM_BYTES) throw malformedParameters(`bytes: expected at most ${MAX_RANDOM_BYTES}`);
      return { bytes: toBase64Url(randomBytes(bytes)) };
    },
    explain: (params) => {
      const asked = readParameters(otherMethods.explain, params);
      if (isKeyMethod(asked.method)) return signer.explain(asked.method, asked.params, instance);
      throw malformedParameters('method: expected one that uses a key');
    },
    ...(state === undefined
      ? {}
      : storeMethods(createDocuments(state.store, tenant, DEFAULT_DOCUMENT_LIMITS), state.lasting)),
  };

  return async (method, params, signal) => {
    if (isKeyMethod(method)) return signer.use(method, params, instance, signal);
    const found = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (found !== undefined) return found(params, signal);
    if (method.startsWith('store.') && Object.hasOwn(otherMethods, method)) {
      throw new RequestError(JSON_RPC.method, 'keys.no-store', 'the manifest gives this server no store');
    }
    throw new RequestError(JSON_RPC.method, 'keys.method', `there is no method ${JSON.stringify(method.slice(0, 80))}`);
  };
}

function storeMethods(documents: DocumentStore, lasting: LastingState): Readonly<Record<string, Method>> {
  return {
    'store.get': async (params) => {
      const { collection, id } = readParameters(otherMethods['store.get'], params);
      const document = await lasting.read(() => documents.get(collection, id));
      return document === undefined ? null : { document };
    },
    'store.put': async (params) => {
      const { collection, id, document } = readParameters(otherMethods['store.put'], params);
      return { version: await lasting.commit(() => documents.put(collection, id, document)) };
    },
    'store.delete': async (params) => {
      const { collection, id } = readParameters(otherMethods['store.delete'], params);
      return { deleted: await lasting.commit(() => documents.delete(collection, id)) };
    },
    'store.list': (params) => {
      const { collection } = readParameters(otherMethods['store.list'], params);
      return lasting.read(() => documents.list(collection));
    },
  };
}
