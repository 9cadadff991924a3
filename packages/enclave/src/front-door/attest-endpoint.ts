/**
 * `POST /.well-known/vitrine/attest`: evidence for the very connection that asks, version 1 of the attested
 * channel. The client sends nothing but a nonce; everything else that the evidence binds is taken from
 * this side of the connection, so nobody can have chosen bytes attested.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { EvidenceService } from '@vitrine/attester';
import {
  base64Url,
  formatEvidenceBundle,
  fromBase64Url,
  object,
  parseStrictJson,
  VitrineError,
} from '@vitrine/documents';
import type { Admit } from './admission.ts';
import { headRefusal, malformed, readBody, textOf } from './json-request.ts';
import { type Refusal, sendJson, sendRefusal } from './responses.ts';

export const ATTEST_PATH = '/.well-known/vitrine/attest';

/** RFC 9266. */
const EXPORTER_LABEL = 'EXPORTER-Channel-Binding';
const MAX_BODY_BYTES = 1024;

const requestShape = object({ nonce: base64Url(32) });

export interface AttestOptions {
  readonly evidence: Pick<EvidenceService, 'channel'>;
  /** SHA-256 of the SubjectPublicKeyInfo of the certificate that this server presents. */
  readonly leafSpki: Uint8Array;
  readonly admit: Admit;
}

/** Serves one request. Never rejects. */
export async function attest(
  request: IncomingMessage,
  response: ServerResponse,
  options: AttestOptions,
): Promise<void> {
  const outcome = await answer(request, options).catch((error: unknown) => (isBusy(error) ? busy(1) : FAILED));
  if (typeof outcome === 'string') sendJson(response, 200, outcome);
  else sendRefusal(request, response, outcome);
}

const FAILED: Refusal = {
  status: 500,
  code: 'attest.failed',
  message: 'evidence could not be collected; the operator has to look into it',
};

async function answer(request: IncomingMessage, options: AttestOptions): Promise<string | Refusal> {
  const early = headRefusal(request, MAX_BODY_BYTES);
  if (early !== undefined) return early;
  const body = await readBody(request);
  if (body === undefined) return malformed('the body ended early');
  const nonce = readNonce(body);
  if (nonce === undefined)
    return malformed('the body must be {"nonce": <32 bytes as unpadded base64url>} and nothing else');

  const { socket } = request;
  if (!(socket instanceof TLSSocket) || socket.getProtocol() !== 'TLSv1.3' || socket.isSessionReused()) {
    return { status: 400, code: 'attest.channel', message: 'evidence is given over a fresh TLS 1.3 connection only' };
  }
  const { remoteAddress } = socket;
  if (remoteAddress === undefined) return malformed('the connection is gone');
  const exporter = socket.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0));
  const outcome = await options.admit(remoteAddress, async () => {
    if (socket.destroyed) return undefined;
    return formatEvidenceBundle(await options.evidence.channel({ nonce, exporter, leafSpki: options.leafSpki }));
  });
  if (outcome.admitted) return outcome.value ?? malformed('the connection is gone');
  return busy(outcome.retryAfterSeconds);
}

/** The hardware, or the line before it, had no time. */
function isBusy(error: unknown): boolean {
  return error instanceof VitrineError && error.code === 'attester.busy';
}

function busy(retryAfterSeconds: number): Refusal {
  return {
    status: 503,
    code: 'busy',
    message: 'too many requests for evidence at the moment; try again later',
    headers: { 'Retry-After': String(retryAfterSeconds) },
  };
}

function readNonce(body: Uint8Array): Uint8Array | undefined {
  try {
    const parsed = requestShape.parse(parseStrictJson(textOf(body)));
    return parsed.ok ? fromBase64Url(parsed.value.nonce) : undefined;
  } catch {
    return undefined;
  }
}
