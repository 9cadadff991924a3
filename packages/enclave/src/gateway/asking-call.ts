/**
 * One call of a stateless client to a 2025-11-25 server that may ask that client: what the server asks
 * becomes an input-required result, what the client's retry answers goes back to the server under the
 * server's own request ids, until the server gives its result.
 *
 * Questions that the server writes together are asked together: after the first one the server is
 * pinged, and what it wrote before its answer belongs to the same round. One that comes later is asked in the next
 * round. A server that is too busy to answer is not waited for. Progress and log records that come while nobody listens are dropped, as
 * the next round has a stream of its own. A result that comes while nobody listens waits for the retry.
 *
 * The gateway asks questions of its own in the same way; what the client answers to these goes to whoever
 * asked, and never to the server.
 *
 * Specification: MCP 2026-07-28, multi round-trip requests; MCP 2025-11-25, elicitation, sampling, roots.
 *
 * @module
 */
import type { JSONRPCMessage, JSONRPCRequest, ProgressToken, RequestId, Result } from '@modelcontextprotocol/server';
import { errorMessage, isObject, type Params, type RpcError, rpcCode } from './message.ts';
import type { Reply } from './peer.ts';
import type { AskClient } from './running-calls.ts';
import type { Waiting } from './waiting-calls.ts';

/** One HTTP request of the client for this call: the first, or a retry. */
export interface Attempt {
  readonly reply: Reply;
  readonly progressToken?: ProgressToken;
}

/** What a call needs of its surroundings. */
export interface AskingHost {
  /** Sends the call to the server; the returned function cancels it there. */
  open(reply: Reply): () => void;
  /** Writes to the server. */
  send(message: JSONRPCMessage): void;
  /** Settles when everything has arrived that the server had written when this was called. */
  caughtUp(): Promise<unknown>;
  /** A result of the gateway itself, with what every result of this server carries. */
  describe(result: Result): Result;
  /** Puts the call on the waiting list; gives its `requestState`. */
  park(call: AskingCall): string;
  /** The server works on this call no longer. Called once. */
  ended(): void;
}

export interface AskingCall extends Waiting {
  /** Takes a request of the server. */
  ask(question: JSONRPCRequest): void;
  /** Takes a question of the gateway; the returned function takes it back. */
  readonly askForGateway: AskClient;
  /** The server no longer wants to know. */
  withdraw(questionId: unknown): void;
  /** Goes on with a client's answers, by the keys of the questions; the returned function is for a client that has left. */
  resume(answers: Readonly<Record<string, unknown>>, attempt: Attempt): () => void;
  /** The client of the current attempt has left. */
  leave(): void;
}

type Deliver = (reply: Reply) => void;

/** Something that the client is asked. */
interface Question {
  readonly request: JSONRPCRequest;
  readonly isServers: boolean;
  /** Gets the client's answer. */
  answer(result: Result): void;
  /** There will be no answer. */
  giveUp(error: RpcError): void;
}

/**
 * Starts the call at once.
 *
 * @param gatherMs - Longest time to wait for the server to have caught up before its questions are asked.
 */
export function createAskingCall(host: AskingHost, first: Attempt, gatherMs: number): AskingCall {
  const questions = new Map<string, Question>();
  let attempt: Attempt | undefined = first;
  let outcome: Deliver | undefined;
  let gathering: NodeJS.Timeout | undefined;
  let asked = 0;
  let isOver = false;

  function finish(deliver: Deliver): void {
    if (isOver) return;
    isOver = true;
    clearTimeout(gathering);
    const open = [...questions.values()].filter(({ isServers }) => !isServers);
    questions.clear();
    host.ended();
    for (const one of open) one.giveUp(GONE);
    if (attempt === undefined) outcome = deliver;
    else deliver(attempt.reply);
  }

  /** Asks the client what is open, once it is all there. */
  function gather(): void {
    if (gathering !== undefined || attempt === undefined) return;
    const round = setTimeout(() => flush(round), gatherMs);
    gathering = round;
    const done = (): void => flush(round);
    host.caughtUp().then(done, done);
  }

  function flush(round: NodeJS.Timeout): void {
    if (gathering !== round) return;
    clearTimeout(round);
    gathering = undefined;
    if (attempt === undefined || questions.size === 0 || isOver) return;
    const { reply } = attempt;
    attempt = undefined;
    const inputRequests = Object.fromEntries([...questions].map(([key, one]) => [key, inputRequestOf(one.request)]));
    reply.succeed(host.describe({ resultType: 'input_required', inputRequests, requestState: host.park(call) }));
  }

  /** A server that waits for an answer must not wait for ever. */
  function giveUp(): void {
    if (isOver) return;
    for (const question of questions.values()) question.giveUp(GONE);
    questions.clear();
    cancel();
    finish((reply) => reply.fail(GONE));
  }

  function leave(which: Attempt): void {
    if (attempt === which) giveUp();
  }

  function add(name: string, question: Question): string {
    asked += 1;
    const key = `${name}-${asked}`;
    questions.set(key, question);
    gather();
    return key;
  }

  const call: AskingCall = {
    giveUp,
    leave: () => leave(first),
    ask(request) {
      const { id } = request;
      add('question', {
        request,
        isServers: true,
        answer: (result) => host.send({ jsonrpc: '2.0', id, result }),
        giveUp: (error) => host.send(errorMessage(id, error)),
      });
    },
    askForGateway(request, answer) {
      if (isOver) {
        answer(undefined);
        return () => undefined;
      }
      const key = add('confirmation', { request, isServers: false, answer, giveUp: () => answer(undefined) });
      return () => questions.delete(key);
    },
    withdraw(questionId) {
      for (const [key, { request, isServers }] of questions) {
        if (isServers && request.id === questionId) questions.delete(key);
      }
    },
    resume(answers, next) {
      attempt = next;
      if (outcome !== undefined) {
        outcome(next.reply);
        return () => undefined;
      }
      for (const [key, question] of questions) {
        const answer = Object.hasOwn(answers, key) ? answers[key] : undefined;
        if (!isObject(answer)) continue;
        questions.delete(key);
        question.answer(answer as Result);
      }
      // What was left out is asked again.
      if (questions.size > 0) gather();
      return () => leave(next);
    },
  };

  const cancel = host.open({
    notify(method, params) {
      if (attempt === undefined) return;
      if (method !== 'notifications/progress') attempt.reply.notify(method, params);
      else if (attempt.progressToken !== undefined) {
        attempt.reply.notify(method, { ...params, progressToken: attempt.progressToken });
      }
    },
    succeed: (result: Result) => finish((reply) => reply.succeed(result)),
    fail: (error: RpcError) => finish((reply) => reply.fail(error)),
  });
  return call;
}

const GONE: RpcError = { code: rpcCode.internalError, message: 'The client is gone and gives no answer' };

/** The question without what joins it to the server's own connection. */
function inputRequestOf({ method, params }: JSONRPCRequest): { readonly method: string; readonly params?: Params } {
  if (params === undefined) return { method };
  const { _meta: meta, ...rest } = params;
  if (!isObject(meta)) return { method, params: rest };
  const { progressToken: _token, ...kept } = meta;
  return { method, params: Object.keys(kept).length === 0 ? rest : { ...rest, _meta: kept } };
}

/** Why a retry's `inputResponses` cannot be read; `undefined` if they can. */
export function malformedAnswers(value: unknown): RpcError | undefined {
  if (value === undefined || (isObject(value) && Object.values(value).every(isObject))) return undefined;
  return {
    code: rpcCode.invalidParams,
    message: 'params.inputResponses must be an object that holds one result object for each key of inputRequests',
  };
}

/** Names the question that a notification of the server takes back. */
export function withdrawnBy(params: Params | undefined): RequestId | undefined {
  const id = params?.['requestId'];
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}
