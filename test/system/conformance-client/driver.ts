/**
 * An MCP client whose HTTP side is Vitrine's: the SDK's client speaks messages, as it would on
 * stdio, to the relay, and the relay speaks to the suite's server through the sign-in. The place
 * of the attested connection is taken by a plain `fetch`, since the suite's servers have no evidence.
 *
 * The suite starts it once per scenario: the server's URL is the last argument, the rest comes in
 * environment variables. Exit code 1 where something failed, which some scenarios expect.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { Client, type Transport } from '@modelcontextprotocol/client';
import { type ClientIdentity, memoryTokenStore, withSignIn } from '@vitrine/client';
import { Agent, fetch as plainFetch } from 'undici';
import { classify } from '../../../packages/client/src/bridge/message.ts';
import { createRelay } from '../../../packages/client/src/bridge/relay.ts';
import { type FetchLike, outsideFetch } from '../../../packages/client/src/net/outside-fetch.ts';
import { browse } from '../../../packages/client/src/testing/browse.ts';
import { CALLS, type Context, callsFor } from './calls.ts';

/** The address that the suite's authorization servers accept as a client id. */
const METADATA_URL = 'https://conformance-test.local/client-metadata.json';

const url: string = process.argv.at(-1) ?? '';
const scenario: string = process.env['MCP_CONFORMANCE_SCENARIO'] ?? '';
const modern: boolean = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] === '2026-07-28';
const context: Context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}');

const connections = new Agent({ pipelining: 0 });
const ending = new AbortController();
const outside = outsideFetch({
  proxyFor: () => undefined,
  allowLoopback: true,
  timeLimitMs: 10_000,
  maxBytes: 1 << 20,
});
try {
  await drive();
} catch (error) {
  process.stderr.write(`${scenario}: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exitCode = 1;
} finally {
  ending.abort();
  await Promise.all([outside.close(), connections.destroy()]);
}

async function drive(): Promise<void> {
  const client = new Client(
    { name: 'vitrine-conformance', version: '1.0.0' },
    {
      capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: { listChanged: true } },
      versionNegotiation: { mode: modern ? 'auto' : 'legacy' },
    },
  );
  // Content for the scenario that asks for it; the others have defaults of their own.
  const content = scenario.startsWith('sep-2322') ? { confirmed: true } : {};
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content }));
  await client.connect(throughRelay(signedIn()));
  try {
    await (CALLS[scenario] ?? callsFor)(client, context);
  } finally {
    await client.close();
  }
}

function signedIn(): FetchLike {
  return withSignIn(unattested, {
    url,
    outsideFetch: outside.fetch,
    store: memoryTokenStore(),
    client: identity(),
    grant: scenario.startsWith('auth/client-credentials-') ? 'client-credentials' : 'authorization-code',
    interact: async (address) => void (await browse(address)),
    now: () => Date.now(),
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    signal: ending.signal,
  });
}

/** The client that the suite says is registered; else one that is known by its metadata document. */
function identity(): ClientIdentity {
  const { client_id, client_secret, issuer, private_key_pem: pem, signing_algorithm = 'ES256' } = context;
  if (client_id === undefined) return { metadataUrl: METADATA_URL };
  return {
    registered: {
      clientId: client_id,
      ...(issuer === undefined ? {} : { issuer }),
      ...(client_secret === undefined ? {} : { clientSecret: client_secret }),
      ...(pem === undefined
        ? {}
        : {
            tokenEndpointAuthMethod: 'private_key_jwt' as const,
            privateKey: { pem, algorithm: signing_algorithm },
          }),
    },
  };
}

/** A connection per request: the suite's servers close idle ones whenever they like. */
async function unattested(target: string, init: RequestInit = {}): Promise<Response> {
  const { method = 'GET', headers, body, signal } = init;
  const response = await plainFetch(target, {
    method,
    headers: Object.fromEntries(new Headers(headers)),
    ...(typeof body === 'string' ? { body } : {}),
    ...(signal === undefined ? {} : { signal }),
    redirect: 'error',
    dispatcher: connections,
  });
  // The two fetches share the standard's types but not their declarations.
  return response as unknown as Response;
}

/** The relay as a transport of the SDK, message by message. */
function throughRelay(fetch: FetchLike): Transport {
  const transport: Transport = {
    async start() {},
    async send(message) {
      const text = JSON.stringify(message);
      const kind = classify(JSON.parse(text));
      if (kind === undefined) throw new Error(`not a message: ${text}`);
      relay.take(kind, text);
    },
    async close() {
      await relay.idle();
      await relay.close();
      transport.onclose?.();
    },
  };
  const relay = createRelay({
    url,
    fetch,
    emit: async (line) => transport.onmessage?.(JSON.parse(line)),
    onFailure: (error) => {
      process.stderr.write(`${scenario}: ${String(error)}\n`);
      return true;
    },
    report: (line) => void process.stderr.write(`${scenario}: ${line}\n`),
  });
  return transport;
}
