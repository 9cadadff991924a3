/**
 * One request of a 2025-11-25 client to a server of the 2026-07-28 era alone: when the server answers that
 * it needs input, its questions become requests to the client, and the request is sent again with the
 * answers and the server's state, until there is a result.
 *
 * Specification: MCP 2026-07-28, multi round-trip requests, as a client.
 *
 * @module
 */
import { randomUUID } from 'node:crypto';
import type { ClientCapabilities, JSONRPCRequest, RequestId, Result } from '@modelcontextprotocol/server';
import { isObject, type Params, type RpcError, requestMessage, rpcCode } from './message.ts';
import { questionRefusal } from './modern-translation.ts';
import type { Reply } from './peer.ts';

/** How a request reaches its two ends. */
export interface InputRoundsHost {
  readonly capabilities: ClientCapabilities;
  /** Asks the client; its answer goes to one of `answer`. Gives the id of the question. */
  ask(question: JSONRPCRequest, answer: Pick<Reply, 'succeed' | 'fail'>): RequestId;
  /** Takes a question back. */
  withdraw(id: RequestId): void;
  /** Sends the request to the server; the returned function cancels it there. */
  open(params: Params | undefined, reply: Reply): () => void;
}

/** Serves `request`; the returned function cancels it, after which nothing more happens for it. */
export function runInputRounds(
  request: JSONRPCRequest,
  reply: Reply,
  maxRounds: number,
  host: InputRoundsHost,
): () => void {
  const open = new Set<RequestId>();
  let round = 0;
  let isOver = false;
  let cancelAttempt: () => void = () => undefined;

  function end(): void {
    isOver = true;
    for (const id of open) host.withdraw(id);
    open.clear();
  }

  function fail(error: RpcError): void {
    if (isOver) return;
    end();
    reply.fail(error);
  }

  function attempt(params: Params | undefined): void {
    round += 1;
    cancelAttempt = host.open(params, {
      notify: reply.notify,
      succeed(result) {
        if (result['resultType'] === 'input_required') ask(result);
        else if (!isOver) reply.succeed(result);
      },
      fail,
    });
  }

  function ask(result: Result): void {
    const read =
      round > maxRounds ? `asked for input more than ${maxRounds} times` : readQuestions(result, host.capabilities);
    if (typeof read === 'string') {
      fail({ code: rpcCode.internalError, message: `The hosted server ${read}` });
      return;
    }
    const { questions, state } = read;
    const answers = new Map<string, Result>();
    const next = (): void => {
      if (isOver || answers.size < questions.size) return;
      const inputResponses = Object.fromEntries(answers);
      attempt({ ...request.params, ...(questions.size === 0 ? {} : { inputResponses }), ...state });
    };
    for (const [key, question] of questions) {
      const id = host.ask(question, {
        succeed(answer) {
          open.delete(id);
          answers.set(key, answer);
          next();
        },
        // The stateless era knows no answer that is an error, so the request ends with it.
        fail(error) {
          open.delete(id);
          fail(error);
        },
      });
      open.add(id);
    }
    if (questions.size === 0) next();
  }

  attempt(request.params);
  return () => {
    if (isOver) return;
    end();
    cancelAttempt();
  };
}

interface Questions {
  readonly questions: ReadonlyMap<string, JSONRPCRequest>;
  /** What has to go back with the answers. */
  readonly state: { readonly requestState?: string };
}

/** What a server asks, or what is wrong with it. */
function readQuestions({ inputRequests, requestState }: Result, capabilities: ClientCapabilities): Questions | string {
  const questions = new Map<string, JSONRPCRequest>();
  for (const [key, value] of Object.entries(isObject(inputRequests) ? inputRequests : {})) {
    const question = questionOf(value);
    if (question === undefined) return `asked for input in a form that is not known (${key})`;
    const refusal = questionRefusal(question, capabilities);
    if (refusal !== undefined) return `asked what it may not ask: ${refusal.message}`;
    questions.set(key, question);
  }
  if (typeof requestState === 'string') return { questions, state: { requestState } };
  return questions.size === 0 ? 'asked for input without a question' : { questions, state: {} };
}

function questionOf(value: unknown): JSONRPCRequest | undefined {
  if (!isObject(value) || typeof value['method'] !== 'string') return undefined;
  const { method, params } = value;
  if (params !== undefined && !isObject(params)) return undefined;
  if (method !== 'elicitation/create' || params?.['mode'] !== 'url') return requestMessage(0, method, params);
  // The old era wants every such question to have a name; nothing refers to it.
  return requestMessage(0, method, { elicitationId: randomUUID(), ...params });
}
