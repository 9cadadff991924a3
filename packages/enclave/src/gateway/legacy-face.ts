/**
 * A server process with the face of the 2025-11-25 era. A server that takes the client's `initialize` is left
 * alone: every message passes unchanged. For one that refuses it but answers `server/discover`, `initialize` is answered
 * from that, and the rest of the session is translated, see `legacy-translator.ts`.
 *
 * One process belongs to one session, so there is one client behind each face.
 *
 * Specification: MCP 2025-11-25 towards the client, 2026-07-28 towards the server.
 *
 * @module
 */
import type { JSONRPCMessage, JSONRPCRequest, RequestId } from '@modelcontextprotocol/server';
import { initializeResult, type LegacyClient, legacyClientOf, paramsForModern } from './legacy-translation.ts';
import { createTranslator, type Translator } from './legacy-translator.ts';
import type { GatewayLimits } from './limits.ts';
import { isRequest, isResponse } from './message.ts';
import { createPeer } from './peer.ts';
import type { ServerConsumer, ServerProcess } from './server-contract.ts';

/** What the client said when it opened the session. */
interface Opening {
  readonly request: JSONRPCRequest;
  readonly client: LegacyClient;
}

/** `process`, to be spoken to as a 2025-11-25 server, whatever it is. */
export function withLegacyFace(process: ServerProcess, limits: GatewayLimits): ServerProcess {
  let consumer: ServerConsumer | undefined;
  let opening: Opening | undefined;
  let translate: Translator | undefined;

  const toClient = (message: JSONRPCMessage, relatedTo?: RequestId): void => consumer?.onMessage(message, relatedTo);

  /** The process as the translation sees it; its end is the session's too. */
  const behind: ServerProcess = {
    ...process,
    attach(inner) {
      process.attach({
        onMessage: inner.onMessage,
        onExit(exit) {
          inner.onExit(exit);
          consumer?.onExit(exit);
        },
      });
    },
  };

  async function begin({ request, client }: Opening, refusal: JSONRPCMessage): Promise<void> {
    const peer = createPeer(behind, 'one-client');
    // A refusal that has nothing to do with the era stays one.
    const discovered = await peer
      .call('server/discover', paramsForModern({}, client, undefined))
      .catch(() => undefined);
    const result = discovered && initializeResult(discovered, request.params?.['protocolVersion']);
    if (result === undefined) return toClient(refusal);
    translate = createTranslator(peer, client, result['capabilities'] ?? {}, limits, toClient);
    toClient({ jsonrpc: '2.0', id: request.id, result });
  }

  function fromServer(message: JSONRPCMessage): void {
    const refused =
      opening !== undefined && isResponse(message) && message.id === opening.request.id && 'error' in message;
    if (refused && opening !== undefined) void begin(opening, message);
    else toClient(message);
  }

  return {
    ...process,
    send(message) {
      if (translate !== undefined) return translate(message);
      if (isRequest(message) && message.method === 'initialize') {
        const client = legacyClientOf(message.params);
        if (client !== undefined) opening = { request: message, client };
      }
      process.send(message);
    },
    attach(next) {
      consumer = next;
      process.attach({ onMessage: fromServer, onExit: next.onExit });
    },
  };
}
