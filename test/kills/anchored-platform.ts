/**
 * A platform whose freshness anchor is the service that the manifest names, over plain HTTP on loopback.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createServiceAnchor } from '../../packages/keys/src/anchor/service-anchor.ts';
import type { Platform } from '../../packages/keys/src/keyd/platform.ts';
import { testPlatform } from '../../packages/keys/src/testing/open-test-keyd.ts';

export function anchoredPlatform(): Platform {
  return testPlatform({
    openAnchor: async (terms, store, access) => {
      if (terms.kind !== 'service') throw new TypeError(`there is no anchor of kind ${terms.kind}`);
      return createServiceAnchor({
        terms,
        store,
        access,
        exchange: async (method, path, body, signal) => {
          const response = await fetch(`${terms.url}${path}`, { method, body, signal, redirect: 'manual' });
          return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
        },
        randomBytes: (length) => Uint8Array.from(randomBytes(length)),
        monotonic: () => performance.now(),
        sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal, ref: false }).catch(() => undefined),
      });
    },
  });
}
