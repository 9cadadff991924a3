/**
 * The messages of a hand-over, version 1, each one JSON document.
 *
 * ```
 * receiver → giver  vitrine/handover-begin/v1    its challenge
 * giver → receiver  vitrine/handover-session/v1  a session, and its own challenge
 * receiver → giver  vitrine/handover-request/v1  evidence over both challenges and an X25519 key
 * giver → receiver  vitrine/handover-grant/v1    evidence that names that request, and the root, encrypted and signed
 * ```
 *
 * They pass between two key services. Whoever carries them may read, drop and change all of them.
 *
 * @module
 */
import {
  base64Url,
  type Infer,
  object,
  oneOf,
  optional,
  parseStrictJson,
  releaseShape,
  type Shape,
  showPath,
  text,
  UsageError,
} from '@vitrine/documents';
import { envelopeShape } from './envelope.ts';
import { MAX_MESSAGE_BYTES } from './message-size.ts';

/** The text of an evidence bundle, as it is; read where it is judged. */
const bundle = text('an evidence bundle');

const begin = object({ type: oneOf('vitrine/handover-begin/v1'), nonce: base64Url(32) });
const session = object({
  type: oneOf('vitrine/handover-session/v1'),
  /** Names what the giver remembers; good for one request. */
  session: base64Url(32),
  nonce: base64Url(32),
});
const request = object({
  type: oneOf('vitrine/handover-request/v1'),
  session: base64Url(32),
  evidence: bundle,
  /** Where the receiver has a later manifest than the giver. */
  release: optional(releaseShape),
});
const grant = object({ type: oneOf('vitrine/handover-grant/v1'), evidence: bundle, envelope: envelopeShape });

export type BeginMessage = Infer<typeof begin>;
export type SessionMessage = Infer<typeof session>;
export type RequestMessage = Infer<typeof request>;
export type GrantMessage = Infer<typeof grant>;

export const messageShapes: {
  readonly begin: Shape<BeginMessage>;
  readonly session: Shape<SessionMessage>;
  readonly request: Shape<RequestMessage>;
  readonly grant: Shape<GrantMessage>;
} = { begin, session, request, grant };

/** The text of a message as a value. @throws UsageError `handover.malformed`. */
export function readJson(message: string): unknown {
  if (message.length > MAX_MESSAGE_BYTES) throw malformed(`it is longer than ${MAX_MESSAGE_BYTES} characters`);
  try {
    return parseStrictJson(message);
  } catch {
    throw malformed('it is not one strict JSON document');
  }
}

/** @throws UsageError `handover.malformed`, which repeats nothing of it. */
export function readMessage<T>(shape: Shape<T>, message: unknown): T {
  const parsed = shape.parse(message);
  if (parsed.ok) return parsed.value;
  throw malformed(`it is malformed at ${showPath(parsed.issues[0]?.path ?? []) || '(top level)'}`);
}

/** What a message says that it is; `undefined` where it says nothing. */
export function typeOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'type' in message ? message.type : undefined;
}

export function malformed(why: string): UsageError {
  return new UsageError('handover.malformed', `this is no message of a hand-over, version 1: ${why}`);
}
