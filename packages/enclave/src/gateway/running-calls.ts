/**
 * Which calls run in which server process, and the gateway's own questions to the users of these calls.
 *
 * A question is put to a client as though the server had asked it, in the course of a call of that client,
 * so whatever carries a server's questions to clients of either era carries it. Its answer ends here: the
 * server neither sees nor can give it. Where it is not certain whose the question is, nobody is asked.
 *
 * Specification: MCP 2025-11-25 and 2026-07-28, elicitation.
 *
 * @module
 */
import type { JSONRPCRequest, Result } from '@modelcontextprotocol/server';
import type { Confirmation, GatewayAnswers } from '@vitrine/keys/client';
import { ANYBODY } from '../guard/principal.ts';
import { serverProcessOf } from './key-sockets.ts';
import { isObject, type Params, requestMessage } from './message.ts';

/** The methods in whose course a client can be asked (2026-07-28, multi round-trip requests). */
const ASKABLE: readonly string[] = ['tools/call', 'prompts/get', 'resources/read'];

/** Takes a question of the gateway to the client of a call; the returned function takes it back. */
export type AskClient = (question: JSONRPCRequest, answer: (outcome: Outcome) => void) => () => void;

/** What became of a question: the client's result, or nothing where the client gives none. */
export type Outcome = Result | undefined;

interface RunningCall {
  /** The same for two calls exactly where they are of one and the same client, as far as is known. */
  readonly client: object | string;
  readonly method: string;
  readonly params: Params | undefined;
  /** Absent, or without a value at the moment: this client cannot be asked. */
  readonly ask?: () => AskClient | undefined;
}

export interface RunningCalls {
  /** Notes a call that runs in `instance`; the returned function notes its end. Idempotent. */
  begin(instance: string | undefined, call: RunningCall): () => void;
  readonly answers: GatewayAnswers;
}

export function createRunningCalls(): RunningCalls {
  /** In the order of their start. */
  const calls = new Map<string, Set<RunningCall>>();

  function of(instance: string): readonly RunningCall[] {
    return [...(calls.get(serverProcessOf(instance)) ?? [])];
  }

  /** The one client whose question it can be, by way of its newest call. */
  function whom(instance: string): AskClient | undefined {
    const all = of(instance);
    if (new Set(all.map(({ client }) => client)).size !== 1) return undefined;
    for (const call of all.toReversed()) {
      const ask = call.ask?.();
      if (ask !== undefined) return ask;
    }
    return undefined;
  }

  return {
    begin(instance, call) {
      if (instance === undefined || !ASKABLE.includes(call.method)) return () => undefined;
      const own = calls.get(instance) ?? new Set();
      calls.set(instance, own);
      own.add(call);
      return () => {
        own.delete(call);
        if (own.size === 0) calls.delete(instance);
      };
    },
    answers: {
      runningTools(instance) {
        const names = of(instance).map(({ method, params }) =>
          method === 'tools/call' ? params?.['name'] : undefined,
        );
        return [...new Set(names.filter((name) => typeof name === 'string'))];
      },
      async confirm(instance, question, signal) {
        const ask = whom(instance);
        if (ask === undefined || signal.aborted) return 'unavailable';
        const { promise, resolve } = Promise.withResolvers<Outcome>();
        const withdraw = ask(confirmation(question), resolve);
        const onAbort = (): void => {
          withdraw();
          resolve(undefined);
        };
        signal.addEventListener('abort', onAbort, { once: true });
        const outcome = await promise;
        signal.removeEventListener('abort', onAbort);
        return outcome === undefined ? 'unavailable' : meant(outcome);
      },
    },
  };
}

/** Who may be somebody else each time is another client with every call. */
export function clientOf(principal: string): object | string {
  return principal === ANYBODY.id ? {} : principal;
}

/**
 * The question as a request without an id of its own. It has no mode, since that of a form is the one that
 * every revision reads into its absence.
 */
function confirmation(message: string): JSONRPCRequest {
  return requestMessage('', 'elicitation/create', {
    message,
    requestedSchema: {
      type: 'object',
      properties: { confirm: { type: 'boolean', title: 'Confirm', description: 'Whether this may be done' } },
      required: ['confirm'],
    },
  });
}

/** Anything but a plain yes is a no. */
function meant({ action, content }: Result): Confirmation {
  return action === 'accept' && isObject(content) && content['confirm'] === true ? 'accepted' : 'declined';
}
