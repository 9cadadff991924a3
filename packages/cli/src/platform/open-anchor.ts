/**
 * What remembers how far the state has got, as the manifest names it: a counter of the TPM, or a service that is
 * reached through the relay, since the key service has no network.
 *
 * @module
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { setTimeout as sleepFor } from 'node:timers/promises';
import { type AnchorAccess, type FreshnessAnchor, tpmCounterAnchor, type UrlEndpoint } from '@vitrine/attester';
import type { AnchorTerms } from '@vitrine/documents';
import { type AnchorExchange, createServiceAnchor } from '@vitrine/keys';
import { clocks, type Inside, wayOut } from './inside.ts';

/** Far above any answer, and nothing to worry about. */
const MAX_BYTES = 64 * 1024;

/** @param store - Names the state, 64 hexadecimal digits. */
export async function openAnchor(
  inside: Inside,
  terms: AnchorTerms,
  store: string,
  access: AnchorAccess,
): Promise<FreshnessAnchor> {
  if (terms.kind === 'tpm') {
    const { tpm } = inside.opened;
    if (tpm === undefined) throw new TypeError('the TPM was not opened');
    return tpmCounterAnchor({ transport: tpm, store, access });
  }
  return createServiceAnchor({
    terms,
    store,
    access,
    exchange: exchangeWith(wayOut(inside, terms.url)),
    randomBytes: clocks.randomBytes,
    monotonic: clocks.monotonic,
    sleep: async (milliseconds, signal) => sleepFor(milliseconds, undefined, { signal }),
  });
}

/** One request on a connection of its own; TLS ends here, so the relay sees ciphertext alone. */
function exchangeWith({ url: base, socketPath }: UrlEndpoint): AnchorExchange {
  return (method, path, body, signal) => {
    const url = new URL(`${base.replace(/\/$/, '')}${path}`);
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<AnchorExchange>>>();
    const sent = request(
      url,
      {
        method,
        signal,
        agent: false,
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ...(socketPath === undefined ? {} : { socketPath }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > MAX_BYTES) response.destroy(new Error(`the answer is longer than ${MAX_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
    return promise;
  };
}
