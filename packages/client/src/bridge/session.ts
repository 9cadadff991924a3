/**
 * The session of a client up to 2025-11-25, and its renewal when the server has lost it.
 *
 * A server says with 404 that it does not know a session any more, usually because it was restarted,
 * and has then not run the request. MCP wants a client to start a new session then, and clients on
 * stdio cannot know. So the bridge does what its client did: the same `initialize`, the subscriptions
 * and the log level, and then the request. A server that comes back with another revision or other
 * capabilities is no continuation; the client is told instead. What the server itself remembered of
 * the session is gone either way.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';
import { readEvents, readText } from './event-stream.ts';
import { classify, idKey, isRecord, type Kind, type Params } from './message.ts';
import type { Session } from './request-headers.ts';

/** The session is gone and cannot be replaced. The request that found out was not carried out. */
export class SessionLostError extends VitrineError {
  constructor(message: string) {
    super('session.lost', message);
  }
}

export interface SessionOptions {
  /** Posts a message in `session`. */
  readonly post: (message: Kind, text: string, session: Session, signal: AbortSignal) => Promise<Response>;
  /** One line for people. */
  readonly report: (line: string) => void;
}

export interface SessionKeeper {
  readonly current: () => Session;
  /** Takes note of what a new session would have to be told. */
  sent(message: Kind, text: string): void;
  /** The head of the answer to `initialize`. */
  started(response: Response): void;
  /** The result of `initialize`. */
  settled(result: Params): void;
  /**
   * Opens a session in place of `lost`, once for all who found it lost.
   *
   * @throws SessionLostError when the server does not go on as before.
   */
  renew(lost: Session, signal: AbortSignal): Promise<void>;
}

const NONE: Session = { id: undefined, version: undefined };
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

interface Sent {
  readonly message: Extract<Kind, { kind: 'request' }>;
  readonly text: string;
}

export function createSession({ post, report }: SessionOptions): SessionKeeper {
  let current = NONE;
  let initialize: Sent | undefined;
  let agreed: string | undefined;
  /** What was set up in the session, in order. */
  const setUp = new Map<string, Sent>();
  let renewing: Promise<void> | undefined;

  async function open(signal: AbortSignal): Promise<void> {
    if (initialize === undefined) throw new SessionLostError('the server lost the session');
    const response = await post(initialize.message, initialize.text, NONE, signal);
    const result = response.ok ? await resultOf(response, initialize.message.id) : undefined;
    if (result === undefined) {
      await response.body?.cancel();
      throw new SessionLostError(`the server lost the session and opens no new one (HTTP ${response.status})`);
    }
    if (agreementOf(result) !== agreed) {
      throw new SessionLostError('the server lost the session and now offers something else; start the client again');
    }
    const next = { id: sessionId(response), version: versionOf(result) };
    const initialized = await post(kindOf(INITIALIZED), INITIALIZED, next, signal);
    await initialized.body?.cancel();
    for (const { message, text } of setUp.values()) {
      const answer = await post(message, text, next, signal);
      if ((answer.ok ? await resultOf(answer, message.id) : undefined) === undefined) {
        throw new SessionLostError(`the server lost the session, and the new one refuses ${message.method}`);
      }
    }
    current = next;
    report('the server had lost the session; a new one was opened in its place');
  }

  return {
    current: () => current,
    sent(message, text) {
      if (message.kind !== 'request') return;
      const { method, params } = message;
      if (method === 'initialize') initialize = { message, text };
      else if (method === 'logging/setLevel') setUp.set('level', { message, text });
      else if (method === 'resources/subscribe') setUp.set(idKey(params['uri']), { message, text });
      else if (method === 'resources/unsubscribe') setUp.delete(idKey(params['uri']));
    },
    started(response) {
      current = { id: sessionId(response), version: undefined };
      setUp.clear();
    },
    settled(result) {
      current = { ...current, version: versionOf(result) ?? current.version };
      agreed = agreementOf(result);
    },
    async renew(lost, signal) {
      if (current.id !== lost.id) return;
      renewing ??= open(signal).finally(() => {
        renewing = undefined;
      });
      await renewing;
    },
  };
}

function sessionId(response: Response): string | undefined {
  return response.headers.get('mcp-session-id') ?? undefined;
}

function versionOf(result: Params): string | undefined {
  const { protocolVersion } = result;
  return typeof protocolVersion === 'string' ? protocolVersion : undefined;
}

function agreementOf({ protocolVersion, capabilities }: Params): string {
  return JSON.stringify([protocolVersion, capabilities]);
}

/** The result for `id` in an answer; what else the server says before it is dropped. */
async function resultOf(response: Response, id: string | number): Promise<Params | undefined> {
  const stream = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  if (!stream || response.body === null) return resultIn(await readText(response), id);
  for await (const { data } of readEvents(response.body)) {
    const result = data === '' ? undefined : resultIn(data, id);
    if (result !== undefined) return result;
  }
  return undefined;
}

function resultIn(text: string, id: string | number): Params | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const message = isRecord(value) ? classify(value) : undefined;
  const answers = message?.kind === 'response' && message.id === id && message.error === undefined;
  return answers ? message.result : undefined;
}

function kindOf(text: string): Kind {
  const message = classify(JSON.parse(text));
  if (message === undefined) throw new Error('not a message');
  return message;
}
