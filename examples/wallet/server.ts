/**
 * A wallet as an MCP server, written for viem. It holds no key: the account that it signs with is in the key
 * service, which decides by the policy in `vitrine.yaml` what is signed, whatever this program asks for.
 *
 * @module
 */
import { type CallToolResult, fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { connectKeys, KeyServiceError } from '@vitrine/keys/server';
import { viemAccount } from '@vitrine/keys/viem';
import { createPublicClient, defineChain, formatEther, http, isAddress, parseEther } from 'viem';

const { RPC_URL = 'http://127.0.0.1:8545', CHAIN_ID = '31337' } = process.env;

const chain = defineChain({
  id: Number(CHAIN_ID),
  name: 'local',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: [RPC_URL] } },
});
const node = createPublicClient({ chain, transport: http() });
const keys = connectKeys();
const account = await viemAccount(keys, 'hot');

const said = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] });

/** A refusal is an answer: it says which rule or limit decided. */
async function orRefusal(work: () => Promise<string>): Promise<CallToolResult> {
  try {
    return said(await work());
  } catch (error) {
    const why =
      error instanceof KeyServiceError
        ? `not signed: ${error.message}`
        : `failed: ${error instanceof Error ? error.message : String(error)}`;
    return { ...said(why), isError: true };
  }
}

async function send(to: string, ether: string): Promise<string> {
  if (!isAddress(to)) throw new Error(`${to} is no address`);
  const request = await node.prepareTransactionRequest({ account, to, value: parseEther(ether), type: 'eip1559' });
  const serializedTransaction = await account.signTransaction({ ...request, chainId: chain.id });
  const hash = await node.sendRawTransaction({ serializedTransaction });
  const receipt = await node.waitForTransactionReceipt({ hash });
  return `sent ${ether} ETH to ${to} in ${receipt.transactionHash}`;
}

function makeServer(): McpServer {
  const server = new McpServer({ name: 'wallet', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.registerTool('balance', { description: 'Shows the wallet’s address and balance' }, () =>
    orRefusal(async () => `${account.address} has ${formatEther(await node.getBalance(account))} ETH`),
  );
  server.registerTool(
    'send',
    {
      description: 'Sends ether',
      inputSchema: fromJsonSchema<{ to: string; ether: string }>({
        type: 'object',
        properties: {
          to: { type: 'string', description: 'Address' },
          ether: { type: 'string', description: 'Amount in ether, such as 0.05' },
        },
        required: ['to', 'ether'],
      }),
    },
    ({ to, ether }) => orRefusal(() => send(to, ether)),
  );
  server.registerTool(
    'sign_typed_data',
    {
      description: 'Signs EIP-712 typed data',
      inputSchema: fromJsonSchema<{ typedData: string }>({
        type: 'object',
        properties: { typedData: { type: 'string', description: 'JSON with types, domain, primaryType and message' } },
        required: ['typedData'],
      }),
    },
    ({ typedData }) => orRefusal(() => account.signTypedData(JSON.parse(typedData))),
  );
  return server;
}

serveStdio(makeServer);
