/**
 * A freshness anchor that is a service elsewhere: compare-and-set over HTTP.
 *
 * Whoever carries the questions can lose, delay and repeat them, and make up answers; none of that moves the anchor or
 * makes it say anything. Only its operator can put it back. An answer that is not authenticated in every respect is
 * none: the anchor counts as unavailable, and it is not known whether it has moved.
 *
 * @module
 */
import type { AnchorAccess, AnchoredHead, FreshnessAnchor, WitnessedTime } from '@vitrine/attester';
import {
  type AnchorTerms,
  JsonSyntaxError,
  parseStrictJson,
  toBase64Url,
  toHex,
  VitrineError,
} from '@vitrine/documents';
import {
  type AnchorAnswer,
  type AnchorQuestion,
  isSignedBy,
  signedAnswerShape,
  signedBytes,
} from './anchor-protocol.ts';

/**
 * One HTTP request to the service: `path` is put after the path of its URL, `body` is a JSON text. It follows no
 * redirect.
 */
export type AnchorExchange = (
  method: 'POST',
  path: string,
  body: string,
  signal: AbortSignal,
) => Promise<{ readonly status: number; readonly body: Uint8Array }>;

export interface ServiceAnchorOptions {
  readonly terms: Extract<AnchorTerms, { readonly kind: 'service' }>;
  /** Names the state, 64 hexadecimal digits. */
  readonly store: string;
  readonly access: AnchorAccess;
  readonly exchange: AnchorExchange;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** Milliseconds on a clock that is never set. */
  readonly monotonic: () => number;
  /** Resolves after so many milliseconds, or when it is not waited for any more. */
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

const MAX_ANSWER_BYTES = 8192;
const ANSWER_MS = 10_000;

export function createServiceAnchor(options: ServiceAnchorOptions): FreshnessAnchor {
  const { terms, store, access, exchange, randomBytes, monotonic } = options;
  let witnessed: { readonly time: number; readonly asked: number; readonly answered: number } | undefined;

  const ask = async (path: string, move?: NonNullable<AnchorQuestion['move']>): Promise<AnchorAnswer> => {
    const question: AnchorQuestion = {
      type: 'vitrine/anchor-question/v1',
      service: terms.key,
      store,
      nonce: toBase64Url(randomBytes(32)),
      ...(move === undefined ? {} : { move }),
    };
    const body = JSON.stringify({
      question,
      key: toHex(access.publicKey),
      signature: toBase64Url(access.sign(signedBytes(question))),
    });
    const asked = monotonic();
    const answer = readAnswer(await inTime(path, body), question, terms.key);
    witnessed = { time: answer.time, asked, answered: monotonic() };
    return answer;
  };
  const inTime = async (path: string, body: string): ReturnType<AnchorExchange> => {
    const ended = new AbortController();
    const late = options.sleep(ANSWER_MS, ended.signal).then(() => {
      throw unavailable(`it did not answer within ${ANSWER_MS / 1000} s`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([exchange('POST', path, body, ended.signal), late]);
    } catch (error) {
      if (error instanceof VitrineError && error.code === 'anchor.unavailable') throw error;
      throw unavailable(error instanceof VitrineError ? error.message : 'it cannot be reached', error);
    } finally {
      ended.abort();
    }
  };

  return {
    description: { kind: 'service', rolledBackBy: [`the operator of the freshness service ${terms.key}`] },
    remembersDigests: true,
    read: async () => (await ask('/v1/read')).head,
    advance: async (from, to) => {
      const { moved, head } = await ask('/v1/advance', {
        ...(from === undefined ? {} : { from: plain(from) }),
        to: plain(to),
      });
      if (head !== undefined && head.sequence === to.sequence && head.digest === to.digest) return;
      if (moved) throw unavailable('it says that it moved, and that it is elsewhere');
      throw new VitrineError(
        'anchor.conflict',
        `the freshness service is at ${head === undefined ? 'nothing' : head.sequence}, not at ${from === undefined ? 'nothing' : from.sequence}: somebody else has moved it`,
      );
    },
    time: (): WitnessedTime | undefined => {
      if (witnessed === undefined) return undefined;
      const now = monotonic();
      return {
        earliest: witnessed.time + (now - witnessed.answered),
        latest: witnessed.time + (now - witnessed.asked),
      };
    },
    close: async () => undefined,
  };
}

function plain({ sequence, digest }: AnchoredHead): AnchoredHead {
  return { sequence, digest };
}

/** @throws VitrineError `anchor.unavailable` for anything but the service's answer to this very question. */
function readAnswer(
  { status, body }: Awaited<ReturnType<AnchorExchange>>,
  { store, nonce }: AnchorQuestion,
  key: string,
): AnchorAnswer {
  if (body.length > MAX_ANSWER_BYTES) throw unavailable(`its answer has more than ${MAX_ANSWER_BYTES} bytes`);
  if (status !== 200) throw unavailable(`it answered with status ${status}`);
  const parsed = signedAnswerShape.parse(parseJson(body));
  if (!parsed.ok) throw unavailable(`its answer is malformed: ${parsed.issues[0]?.message ?? ''}`);
  const { answer, signature } = parsed.value;
  if (!isSignedBy(key, answer, signature)) throw unavailable('its answer is not signed by the key of the manifest');
  if (answer.nonce !== nonce) throw unavailable('its answer is to another question');
  if (answer.store !== store) throw unavailable('its answer is about another state');
  return answer;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
  } catch (error) {
    if (error instanceof JsonSyntaxError || error instanceof TypeError)
      throw unavailable('its answer is not JSON', error);
    throw error;
  }
}

function unavailable(why: string, cause?: unknown): VitrineError {
  return new VitrineError(
    'anchor.unavailable',
    `the freshness service cannot be asked now: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
