/**
 * `POST /.well-known/vitrine/secrets`: takes a sealed secret and hands it to the key service, which alone can
 * open and judge it. Nothing of it is kept, logged or repeated here.
 *
 * Who sends it does not matter, since its owner has signed it; so it asks for no token.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseStrictJson, UsageError } from '@vitrine/documents';
import type { KeyService } from '@vitrine/keys/client';
import type { Admit } from './admission.ts';
import { headRefusal, malformed, readBody, textOf } from './json-request.ts';
import { type Refusal, sendJson, sendRefusal } from './responses.ts';

export const SECRETS_PATH = '/.well-known/vitrine/secrets';

const MAX_BODY_BYTES = 64 * 1024;

export interface SecretsOptions {
  readonly accept: KeyService['acceptSecret'];
  readonly admit: Admit;
}

/** Serves one request. Never rejects. */
export async function takeSecret(
  request: IncomingMessage,
  response: ServerResponse,
  options: SecretsOptions,
): Promise<void> {
  const outcome = await answer(request, options).catch(refusalOf);
  if (typeof outcome === 'string') sendJson(response, 200, outcome);
  else sendRefusal(request, response, outcome);
}

async function answer(request: IncomingMessage, { accept, admit }: SecretsOptions): Promise<string | Refusal> {
  const early = headRefusal(request, MAX_BODY_BYTES);
  if (early !== undefined) return early;
  const body = await readBody(request);
  const { remoteAddress } = request.socket;
  if (body === undefined || remoteAddress === undefined) return malformed('the body ended early');
  const sealed = read(body);
  if (sealed === undefined) return malformed('the body must be one JSON document, as `vitrine secrets seal` makes it');
  const outcome = await admit(remoteAddress, () => accept(sealed.value));
  if (outcome.admitted) {
    const { name, version } = outcome.value;
    return JSON.stringify({ name, version });
  }
  return {
    status: 503,
    code: 'busy',
    message: 'too many secrets at the moment; try again later',
    headers: { 'Retry-After': String(outcome.retryAfterSeconds) },
  };
}

function read(body: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: parseStrictJson(textOf(body)) };
  } catch {
    return undefined;
  }
}

/** The key service says what is wrong with a secret, without a part of it. */
function refusalOf(cause: unknown): Refusal {
  if (cause instanceof UsageError) return { status: 400, code: cause.code, message: cause.message };
  return {
    status: 500,
    code: 'secrets.failed',
    message: 'the secret could not be taken; the operator has to look into it',
  };
}
