/**
 * An MCP client of the official SDK that speaks only to a server which it has verified: nothing of
 * MCP is sent before, and every further connection is verified again.
 *
 * @module
 */
import { Client } from '@modelcontextprotocol/client';
import { type AttestedTransportOptions, attestedTransport } from '@vitrine/client';

/** Calls one tool. Rejects, with the check that failed, when the server is not what the user pinned. */
export async function callTool(
  url: string,
  trust: AttestedTransportOptions,
  name: string,
  toolArguments: Record<string, unknown>,
): Promise<unknown> {
  const client = new Client({ name: 'example', version: '1.0.0' });
  try {
    await client.connect(attestedTransport(url, trust));
    const { content } = await client.callTool({ name, arguments: toolArguments });
    return content;
  } finally {
    await client.close();
  }
}
