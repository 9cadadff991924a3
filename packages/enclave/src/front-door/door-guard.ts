/**
 * Stands between the front door and the gateway: lets in whom the manifest lets in, as often as it may.
 *
 * The token ends here: what goes on is a principal. Addresses are counted before tokens are looked at, so
 * that guessing is slow.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Gateway } from '../gateway/gateway.ts';
import type { Authenticator, AuthSettings } from '../guard/authenticate.ts';
import { challenge, refusalStatus } from '../guard/bearer-header.ts';
import { type Admitted, createRates, type RateLimits } from '../guard/rates.ts';
import { metadataUrl, resourceMetadata } from '../guard/resource-metadata.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { budgetKey } from './admission.ts';
import { type Refusal, sendJson, sendRefusal } from './responses.ts';

export interface DoorAuth {
  readonly settings: AuthSettings;
  readonly authenticator: Authenticator;
}

export interface DoorGuard {
  /** Hands the request to `handle`, or refuses it. */
  letIn(request: IncomingMessage, response: ServerResponse, handle: Gateway['handle']): Promise<void>;
  /** Answers a request for the protected resource metadata. */
  sendMetadata(request: IncomingMessage, response: ServerResponse): void;
}

const ADMITTED: Admitted = { admitted: true, done: () => undefined };
const NO_METADATA: Refusal = { status: 404, code: 'request.path', message: 'there is nothing here' };
const READ_ONLY: Refusal = {
  status: 405,
  code: 'request.method',
  message: 'only GET and HEAD are served here',
  headers: { Allow: 'GET, HEAD' },
};

/** @param now - Monotonic milliseconds. */
export function createDoorGuard(
  { settings, authenticator }: DoorAuth,
  limits: RateLimits,
  now: () => number,
  telemetry?: Pick<Telemetry, 'authRefusal' | 'rateRefusal'>,
): DoorGuard {
  const addresses = createRates(limits, now);
  const principals = createRates(limits, now);

  return {
    async letIn(request, response, handle) {
      const byAddress = addresses.enter(budgetKey(request.socket.remoteAddress ?? ''));
      if (!byAddress.admitted) {
        telemetry?.rateRefusal('address');
        return sendRefusal(request, response, tooMany(byAddress.retryAfterSeconds));
      }
      try {
        const found = await authenticator.authenticate(request.headers.authorization);
        if ('refusal' in found) {
          const { refusal } = found;
          telemetry?.authRefusal(refusal.error);
          const metadata = settings.kind === 'oauth' ? metadataUrl(request.headers.host ?? '') : undefined;
          return sendRefusal(request, response, {
            status: refusalStatus(refusal),
            code: `auth.${refusal.error.replaceAll('_', '-')}`,
            message: refusal.message,
            headers:
              refusal.error === 'unavailable'
                ? { 'Retry-After': '5' }
                : { 'WWW-Authenticate': challenge(refusal, metadata) },
          });
        }
        // Where nobody is told apart, everybody would share one budget, and one could take it all.
        const byPrincipal = settings.kind === 'none' ? ADMITTED : principals.enter(found.principal.id);
        if (!byPrincipal.admitted) {
          telemetry?.rateRefusal('principal');
          return sendRefusal(request, response, tooMany(byPrincipal.retryAfterSeconds));
        }
        try {
          // Nothing behind this point sees the token: not the gateway, not the hosted server, not a log.
          forgetToken(request);
          await handle(request, response, found.principal);
        } finally {
          byPrincipal.done();
        }
      } finally {
        byAddress.done();
      }
    },
    sendMetadata(request, response) {
      const metadata = resourceMetadata(settings, `https://${request.headers.host ?? ''}/mcp`);
      if (metadata === undefined) sendRefusal(request, response, NO_METADATA);
      else if (request.method !== 'GET' && request.method !== 'HEAD') sendRefusal(request, response, READ_ONLY);
      else sendJson(response, 200, metadata);
    },
  };
}

function tooMany(seconds: number): Refusal {
  return {
    status: 429,
    code: 'request.rate',
    message: 'too many requests; try again later',
    headers: { 'Retry-After': `${seconds}` },
  };
}

function forgetToken(request: IncomingMessage): void {
  delete request.headers.authorization;
  // Node makes other views from these on demand, and counts on their number.
  const { rawHeaders } = request;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    if (rawHeaders[index]?.toLowerCase() === 'authorization') rawHeaders[index + 1] = '';
  }
}
