/**
 * A server process of which only pinned tools are seen: others are taken out of its lists, and calls of
 * them never reach it. Sees all messages both ways, so nothing else has to know of pins.
 *
 * A tool whose entry is no longer the pinned one is not listed either, and from then on not called: its
 * name stands for something else now.
 *
 * @module
 */
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server';
import { errorMessage, isNotification, isRequest, isResponse, rpcCode } from '../gateway/message.ts';
import type { ServerConsumer, ServerProcess } from '../gateway/server-contract.ts';
import type { PinnedTools } from './pinned-tools.ts';
import { readTools } from './tools.ts';

/**
 * @param pinned - The tools; `undefined` while the gateway itself is still finding out, before it serves anybody.
 * @param onNote - Hears for the operator what was kept back.
 */
export function guardCatalogue(
  process: ServerProcess,
  pinned: () => PinnedTools | undefined,
  onNote: (line: string) => void,
): ServerProcess {
  const listing = new Set<RequestId>();
  const withdrawn = new Set<string>();
  let consumer: ServerConsumer | undefined;

  function isCallable(params: Readonly<Record<string, unknown>> | undefined, tools: PinnedTools): boolean {
    const name = params?.['name'];
    return typeof name === 'string' && tools.has(name) && !withdrawn.has(name);
  }

  /** Answers in place of the server, after the caller has returned, as a server would. */
  function refuse(id: RequestId): void {
    const error = { code: rpcCode.invalidParams, message: 'Unknown tool: it is not in the pinned catalogue' };
    queueMicrotask(() => consumer?.onMessage(errorMessage(id, error)));
  }

  function filtered(message: JSONRPCMessage, tools: PinnedTools): JSONRPCMessage {
    if (!('result' in message)) return message;
    const listed = readTools(message.result);
    if (listed === undefined) {
      onNote('catalogue: the server answered tools/list with no list of named tools');
      return errorMessage(message.id, { code: rpcCode.internalError, message: 'The list of tools is not readable' });
    }
    const kept = listed.filter(({ name, digest }) => tools.get(name) === digest);
    if (kept.length === listed.length) return message;
    for (const { name, digest } of listed) if (tools.has(name) && tools.get(name) !== digest) withdrawn.add(name);
    onNote(`catalogue: ${listed.length - kept.length} tools that are not pinned were taken out of a list`);
    return { ...message, result: { ...message.result, tools: kept.map(({ entry }) => entry) } };
  }

  /** `undefined`: it is not passed on. */
  function fromServer(message: JSONRPCMessage): JSONRPCMessage | undefined {
    // A client that looks for an answer first would take it for one.
    if (!isResponse(message) && ('result' in message || 'error' in message)) {
      onNote('catalogue: a message that is a request and an answer at once was kept back');
      return undefined;
    }
    if (!isResponse(message) || message.id === undefined || !listing.delete(message.id)) return message;
    const tools = pinned();
    return tools === undefined ? message : filtered(message, tools);
  }

  /** The gateway passes no answer to a request that it has cancelled. */
  function forget(id: unknown): void {
    if (typeof id === 'string' || typeof id === 'number') listing.delete(id);
  }

  return {
    ...process,
    send(message) {
      const tools = pinned();
      if (tools !== undefined && isRequest(message)) {
        if (message.method === 'tools/list') listing.add(message.id);
        if (message.method === 'tools/call' && !isCallable(message.params, tools)) return refuse(message.id);
      }
      if (tools !== undefined && isNotification(message)) {
        // Nobody could be told that it is refused, and no tool is called this way.
        if (message.method === 'tools/call') return onNote('catalogue: a call without an id was kept back');
        if (message.method === 'notifications/cancelled') forget(message.params?.['requestId']);
      }
      process.send(message);
    },
    attach(next) {
      consumer = next;
      process.attach({
        onMessage(message, relatedTo) {
          const seen = fromServer(message);
          if (seen !== undefined) next.onMessage(seen, relatedTo);
        },
        onExit: next.onExit,
      });
    },
  };
}
