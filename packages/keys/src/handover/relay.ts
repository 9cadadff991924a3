/**
 * What the supervisor of a receiver does for its key service, which has no network: carries messages to the giver's
 * front door and brings the answers.
 *
 * The giver's certificate is its own and names nobody, so whoever stands in between could read and change what
 * passes. That is of no use to him: the root is encrypted to a key in the receiver's evidence, both sides judge the
 * other's evidence, and the answer is tied to the one request. So TLS proves nothing here, and `send` need not
 * demand a known issuer. What a relay can do is to withhold.
 *
 * @module
 */
import { type Endorsements, errorDocumentShape, parseStrictJson, UsageError, VitrineError } from '@vitrine/documents';
import { MAX_MESSAGE_BYTES } from './message-size.ts';
import type { HandoverAnswer, HandoverExchange } from './receive-app-root.ts';

export const HANDOVER_PATH = '/.well-known/vitrine/handover';

/** An answer of the front door. */
export interface RelayResponse {
  readonly status: number;
  /** At most as many bytes as were asked for. */
  readonly body: string;
}

/**
 * Posts JSON and returns whatever answer comes. It follows no redirect, and rejects where none comes or it is
 * longer than `maxBytes`.
 */
export type RelaySend = (url: URL, body: string, maxBytes: number) => Promise<RelayResponse>;

export interface RelayOptions {
  /** Brings endorsements for evidence in an answer, the text of a bundle; absent: those in it have to do. */
  readonly endorsementsFor?: (evidence: string) => Promise<Endorsements | undefined>;
}

/**
 * An exchange with the giver at `url`, of which the origin counts.
 *
 * Its errors: UsageError with the code of the giver's refusal, VitrineError `busy` where it may be tried again, and
 * VitrineError `handover.unreachable`.
 *
 * @throws UsageError `handover.url` for what is no https URL.
 */
export function relayHandover(url: string, send: RelaySend, { endorsementsFor }: RelayOptions = {}): HandoverExchange {
  const target = endpointOf(url);
  return async (message): Promise<HandoverAnswer> => {
    const response = await send(target, message, MAX_MESSAGE_BYTES).catch((cause: unknown) => {
      throw unreachable(target, cause instanceof Error ? cause.message : 'no answer', cause);
    });
    if (response.status !== 200) throw refusalOf(target, response);
    const evidence = endorsementsFor === undefined ? undefined : evidenceIn(response.body);
    const endorsements = evidence === undefined ? undefined : await endorsementsFor?.(evidence).catch(() => undefined);
    return { answer: response.body, ...(endorsements === undefined ? {} : { endorsements }) };
  };
}

function endpointOf(url: string): URL {
  const base = URL.parse(url);
  if (base?.protocol !== 'https:' || base.username !== '' || base.password !== '') {
    throw new UsageError('handover.url', 'expected the https URL of the enclave that has the root');
  }
  return new URL(HANDOVER_PATH, base);
}

/** The evidence in a message that may be anything. */
export function evidenceIn(message: string): string | undefined {
  try {
    const value = parseStrictJson(message);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    const evidence = isObject ? (value as Readonly<Record<string, unknown>>)['evidence'] : undefined;
    return typeof evidence === 'string' ? evidence : undefined;
  } catch {
    return undefined;
  }
}

function refusalOf(target: URL, { status, body }: RelayResponse): VitrineError {
  const parsed = errorDocumentShape.parse(parsedOrNothing(body));
  if (!parsed.ok || !/^[a-z][a-z0-9.-]{0,63}$/.test(parsed.value.code)) {
    return unreachable(target, `it answered with status ${status}, and not as Vitrine does`);
  }
  const { code, message } = parsed.value;
  if (status === 503) return new VitrineError('busy', `${target.origin} has no time for it: ${code}; try again later`);
  if (status === 404) {
    return new UsageError(
      'handover.not-offered',
      `${target.origin} hands nothing over: its manifest has no "handover" that allows it. Its owners can allow it with a release`,
    );
  }
  // Somebody in between may have written it, so no more than that is taken from it.
  const said = message.replace(/[^ -~]/g, '?').slice(0, 400);
  return new UsageError(code, `${target.origin} says: ${said}`);
}

function parsedOrNothing(body: string): unknown {
  try {
    return parseStrictJson(body);
  } catch {
    return undefined;
  }
}

function unreachable(target: URL, why: string, cause?: unknown): VitrineError {
  return new VitrineError(
    'handover.unreachable',
    `${target.origin} could not be asked for its root: ${why}; look whether the enclave that has the root runs there, and start again`,
    {
      cause,
    },
  );
}
