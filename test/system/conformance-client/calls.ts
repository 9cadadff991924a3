/**
 * What the client under test does in each scenario of the suite, once it is connected.
 *
 * @module
 */
import type { Client } from '@modelcontextprotocol/client';

/** What the suite hands over beside the URL, as far as it is used. */
export interface Context {
  readonly client_id?: string;
  readonly client_secret?: string;
  readonly issuer?: string;
  /** PKCS #8. */
  readonly private_key_pem?: string;
  readonly signing_algorithm?: string;
  readonly toolCalls?: readonly ToolCall[];
}

interface ToolCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

type Calls = (client: Client, context: Context) => Promise<void>;

/** Scenarios with a conduct of their own; all others list the tools and call each one. */
export const CALLS: Readonly<Record<string, Calls>> = {
  initialize: async (client) => void (await client.listTools()),
  'request-metadata': async () => {},
  'json-schema-ref-no-deref': async (client) => void (await client.listTools()),
  'json-schema-2020-12-preservation': echoSchema,
  'http-standard-headers': everyKind,
  'http-invalid-tool-headers': eachToolWhateverItSays,
  'sep-2322-client-request-state': eachToolWhateverItSays,
};

/** Lists the tools; then the calls that the suite wants, or one of each tool. */
export async function callsFor(client: Client, { toolCalls }: Context): Promise<void> {
  const { tools } = await client.listTools();
  const calls = toolCalls ?? tools.map(({ name, inputSchema }) => ({ name, arguments: argumentsFor(inputSchema) }));
  for (const call of calls) await client.callTool(call);
}

async function eachToolWhateverItSays(client: Client): Promise<void> {
  const { tools } = await client.listTools();
  for (const { name, inputSchema } of tools) {
    await client.callTool({ name, arguments: argumentsFor(inputSchema) }).catch((error: unknown) => {
      process.stderr.write(`${name}: ${String(error)}\n`);
    });
  }
}

async function everyKind(client: Client): Promise<void> {
  await callsFor(client, {});
  const { resources } = await client.listResources();
  for (const { uri } of resources) await client.readResource({ uri });
  const { prompts } = await client.listPrompts();
  for (const { name } of prompts) await client.getPrompt({ name });
}

/** Sends the schema of one tool back as it arrived. */
async function echoSchema(client: Client): Promise<void> {
  const { tools } = await client.listTools();
  const schema = tools.find(({ name }) => name === 'json_schema_2020_12_tool')?.inputSchema;
  await client.callTool({ name: 'json_schema_echo', arguments: { schema } });
}

/** A value for each property that a schema names. */
function argumentsFor(schema: object): Record<string, unknown> {
  const properties = 'properties' in schema ? (schema.properties as Record<string, { readonly type?: string }>) : {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, { type }]) => [name, type === 'number' || type === 'integer' ? 5 : 'eu']),
  );
}
