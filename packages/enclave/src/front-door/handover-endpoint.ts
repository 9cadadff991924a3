/**
 * `POST /.well-known/vitrine/handover`: carries messages of a hand-over to the key service, which alone reads and
 * judges them. What passes is of no use to whoever reads it, and who sends it is shown by evidence in it; so it
 * asks for no token, and neither this endpoint nor TLS is trusted with anything.
 *
 * A message may be large and takes a verification, so its body is read only when it is its turn.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Endorsements, UsageError, VitrineError } from '@vitrine/documents';
import { evidenceIn, isRetriable, MAX_HANDOVER_BYTES } from '@vitrine/keys/client';
import type { AdmissionLimits, Admit } from './admission.ts';
import { headRefusal, malformed, readBody, textOf } from './json-request.ts';
import { type Refusal, sendJson, sendRefusal } from './responses.ts';

export interface HandoverOptions {
  /** The key service's answer to a message. */
  readonly answer: (message: string, endorsements?: Endorsements) => Promise<string>;
  /** Brings endorsements for evidence, the text of a bundle; absent: those in it have to do. */
  readonly endorsementsFor?: (evidence: string) => Promise<Endorsements | undefined>;
}

/** Two messages for each hand-over, and few hand-overs. */
export const HANDOVER_ADMISSION: AdmissionLimits = {
  running: 4,
  waiting: 16,
  burst: 16,
  perSecond: 0.5,
  addresses: 1024,
};

const BUSY_SECONDS = 5;
const ENDORSEMENTS_SECONDS = 60;

/** Serves one request. Never rejects. */
export async function handoverEndpoint(
  request: IncomingMessage,
  response: ServerResponse,
  options: HandoverOptions & { readonly admit: Admit },
): Promise<void> {
  const outcome = await answer(request, options).catch(refusalOf);
  if (typeof outcome === 'string') sendJson(response, 200, outcome);
  else sendRefusal(request, response, outcome);
}

async function answer(
  request: IncomingMessage,
  options: HandoverOptions & { readonly admit: Admit },
): Promise<string | Refusal> {
  const early = headRefusal(request, MAX_HANDOVER_BYTES);
  if (early !== undefined) return early;
  const { remoteAddress } = request.socket;
  if (remoteAddress === undefined) return malformed('the connection is gone');
  const outcome = await options.admit(remoteAddress, async () => {
    const body = await readBody(request);
    if (body === undefined) return malformed('the body ended early');
    const message = messageOf(body);
    if (message === undefined) return malformed('the body must be one JSON document');
    return options.answer(message, ...(await endorsements(message, options)));
  });
  if (outcome.admitted) return outcome.value;
  return later('busy', 'too many hand-overs at the moment; try again later', outcome.retryAfterSeconds);
}

function messageOf(body: Uint8Array): string | undefined {
  try {
    return textOf(body);
  } catch {
    return undefined;
  }
}

/** What cannot be fetched is left out; the key service says so where it is needed. */
async function endorsements(message: string, { endorsementsFor }: HandoverOptions): Promise<[Endorsements] | []> {
  const evidence = endorsementsFor === undefined ? undefined : evidenceIn(message);
  if (evidence === undefined) return [];
  const found = await endorsementsFor?.(evidence).catch(() => undefined);
  return found === undefined ? [] : [found];
}

/** The key service says which check refuses; all that it names is in evidence or manifests. */
function refusalOf(cause: unknown): Refusal {
  if (cause instanceof VitrineError && isRetriable(cause.code)) {
    return later(
      cause.code,
      cause.message,
      cause.code === 'handover.endorsements' ? ENDORSEMENTS_SECONDS : BUSY_SECONDS,
    );
  }
  if (cause instanceof UsageError && cause.code.startsWith('handover.')) {
    return { status: cause.code === 'handover.malformed' ? 400 : 403, code: cause.code, message: cause.message };
  }
  return {
    status: 500,
    code: 'handover.failed',
    message: 'the root could not be handed over; the operator has to look into it',
  };
}

function later(code: string, message: string, seconds: number): Refusal {
  return { status: 503, code, message, headers: { 'Retry-After': String(seconds) } };
}
