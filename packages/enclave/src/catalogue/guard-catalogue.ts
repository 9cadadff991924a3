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
import { errorMessage, isRequest, isResponse, rpcCode } from '../gateway/message.ts';
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

  function fromServer(message: JSONRPCMessage): JSONRPCMessage {
    if (!isResponse(message) || message.id === undefined || !listing.delete(message.id)) return message;
    const tools = pinned();
    return tools === undefined ? message : filtered(message, tools);
  }

  return {
    ...process,
    send(message) {
      const tools = pinned();
      if (tools !== undefined && isRequest(message)) {
        if (message.method === 'tools/list') listing.add(message.id);
        if (message.method === 'tools/call' && !isCallable(message.params, tools)) return refuse(message.id);
      }
      process.send(message);
    },
    attach(next) {
      consumer = next;
      process.attach({ onMessage: (message) => next.onMessage(fromServer(message)), onExit: next.onExit });
    },
  };
}
