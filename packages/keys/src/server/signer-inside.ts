/**
 * Runs inside the sandbox beside the hosted server: a JSON-RPC signer on the server's own loopback
 * interface, for programs that know Ethereum's methods and nothing of Vitrine.
 *
 * It turns each call into one for the key service and decides nothing. It answers with one key, and only
 * `eth_accounts`, `eth_signTransaction`, `personal_sign` and `eth_signTypedData_v4`: hashes are never
 * signed, and nothing is sent, since it has no network.
 *
 * Argument: a {@link SignerTask} as JSON. Says `ready` on standard output when it listens.
 *
 * Specification: Ethereum execution APIs, `eth_` namespace; EIP-191; EIP-712. JSON-RPC 2.0.
 *
 * @module
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connectKeys, type KeyClient, KeyServiceError } from './key-client.ts';
import { TransactionFieldError, unsignedTransaction } from './rlp-encode.ts';

export interface SignerTask {
  /** Of 127.0.0.1. */
  readonly port: number;
  /** A secp256k1 key of the manifest. */
  readonly key: string;
  /** The inherited socket to the key service. */
  readonly descriptor: number;
}

class RpcError extends Error {
  readonly code: number;
  readonly data: unknown;
  constructor(code: number, message: string, data?: unknown) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

const MAX_BODY_BYTES = 1 << 20;
const LOOPBACK = '127.0.0.1';
const NEVER: Readonly<Record<string, string>> = {
  eth_sign: 'it signs any hash, which can be a transaction; use personal_sign or eth_signTypedData_v4',
  eth_sendTransaction: 'the signer has no network; sign with eth_signTransaction and send with eth_sendRawTransaction',
  eth_signTypedData: 'its form is not defined; use eth_signTypedData_v4',
  eth_signTypedData_v3: 'use eth_signTypedData_v4',
};

async function answer(keys: KeyClient, key: string, method: string, params: readonly unknown[]): Promise<unknown> {
  const own = async (given: unknown): Promise<string> => {
    const address = (await keys.call('keys.list', {})).find(({ name }) => name === key)?.address;
    if (address === undefined) throw new RpcError(-32603, `the key ${key} has no address`);
    if (given !== undefined && (typeof given !== 'string' || given.toLowerCase() !== address.toLowerCase())) {
      throw new RpcError(-32602, `this signer has the account ${address} only`);
    }
    return address;
  };
  switch (method) {
    case 'eth_accounts':
      return [await own(undefined)];
    case 'eth_signTransaction': {
      const [fields] = params;
      if (typeof fields !== 'object' || fields === null) throw new RpcError(-32602, 'expected a transaction object');
      const transaction = unsignedTransaction(fields as Readonly<Record<string, unknown>>);
      await own((fields as { readonly from?: unknown }).from);
      return (await keys.call('evm.signTransaction', { key, transaction })).transaction;
    }
    case 'personal_sign': {
      const [message, address] = params;
      if (typeof message !== 'string') throw new RpcError(-32602, 'expected a message');
      await own(address);
      const bytes = /^0x(?:[0-9a-fA-F]{2})*$/.test(message) ? message : `0x${Buffer.from(message).toString('hex')}`;
      return (await keys.call('evm.signMessage', { key, message: bytes })).signature;
    }
    case 'eth_signTypedData_v4': {
      const [address, given] = params;
      await own(address);
      const typedData: unknown = typeof given === 'string' ? JSON.parse(given) : given;
      return (await keys.call('evm.signTypedData', { key, typedData })).signature;
    }
    default:
      throw new RpcError(-32601, `${method} is not offered here: ${NEVER[method] ?? 'this endpoint only signs'}`);
  }
}

/** JSON-RPC over one POST body. */
async function respond(keys: KeyClient, key: string, body: string): Promise<unknown> {
  let id: unknown = null;
  try {
    const request = JSON.parse(body) as { readonly id?: unknown; readonly method?: unknown; readonly params?: unknown };
    if (Array.isArray(request)) throw new RpcError(-32600, 'batches are not offered');
    id = request.id ?? null;
    const { method, params = [] } = request;
    if (typeof method !== 'string' || !Array.isArray(params)) throw new RpcError(-32600, 'not a JSON-RPC request');
    return { jsonrpc: '2.0', id, result: await answer(keys, key, method, params) };
  } catch (error) {
    return { jsonrpc: '2.0', id, error: rpcErrorOf(error) };
  }
}

function rpcErrorOf(error: unknown): { readonly code: number; readonly message: string; readonly data?: unknown } {
  if (error instanceof RpcError) return { code: error.code, message: error.message };
  if (error instanceof TransactionFieldError) return { code: -32602, message: error.message };
  if (error instanceof SyntaxError) return { code: -32700, message: 'not JSON' };
  if (error instanceof KeyServiceError) {
    const { code, rule } = error;
    // 4001 is EIP-1193's code for a request that was turned down.
    return { code: 4001, message: error.message, data: { code, ...(rule === undefined ? {} : { rule }) } };
  }
  return { code: -32603, message: 'internal error' };
}

async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function main(json: string): void {
  const { port, key, descriptor } = JSON.parse(json) as SignerTask;
  const keys = connectKeys({ VITRINE_KEYS: `fd:${descriptor}` });
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'POST') {
      response.writeHead(405, { Allow: 'POST' }).end();
      return;
    }
    const body = await bodyOf(request);
    if (body === undefined) {
      response.writeHead(413, { Connection: 'close' }).end();
      return;
    }
    const text = JSON.stringify(await respond(keys, key, body));
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(text);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(port, LOOPBACK, () => process.stdout.write('ready\n'));
}

main(process.argv[2] ?? '');
