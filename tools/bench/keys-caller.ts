/**
 * A process of a hosted server, for `keys.ts`: descriptors 3 and on are sockets to the key service. A message
 * with a count comes in; it has so many transactions signed, by as many callers as there are sockets, each of
 * which waits for its answer, and gives back how long each had to wait.
 *
 * Transactions are made before the clock runs: what is measured is the service and the way to it.
 *
 * @module
 */
import { Socket } from 'node:net';
import { recoverTransactionAddress, serializeTransaction } from 'viem';
import { keyClient } from '../../packages/keys/src/server/key-client.ts';

export interface Sign {
  readonly count: number;
  readonly callers: number;
  /** How many of the sockets they share. */
  readonly sockets: number;
}

export interface Signed {
  readonly ms: number;
  /** Milliseconds of each call. */
  readonly waits: readonly number[];
}

const [chain = '', to = '', inherited = ''] = process.argv.slice(2);
const clients = Array.from({ length: Number(inherited) }, (_, index) => keyClient(new Socket({ fd: 3 + index })));
let nonce = 0;

function unsigned(): string {
  return serializeTransaction({
    type: 'eip1559',
    chainId: Number(chain),
    nonce: nonce++,
    gas: 21_000n,
    maxFeePerGas: 10n,
    maxPriorityFeePerGas: 1n,
    to: to as `0x${string}`,
    value: 5n,
  });
}

async function sign({ count, callers, sockets }: Sign): Promise<Signed> {
  const transactions = Array.from({ length: count }, unsigned);
  const waits: number[] = [];
  let last = '';
  const start = performance.now();
  const call = async (client: (typeof clients)[number] | undefined): Promise<void> => {
    for (let transaction = transactions.pop(); transaction !== undefined; transaction = transactions.pop()) {
      const asked = performance.now();
      const signed = await client?.call('evm.signTransaction', { key: 'hot', transaction });
      waits.push(performance.now() - asked);
      last = signed?.transaction ?? '';
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, index) => call(clients[index % sockets])));
  const ms = performance.now() - start;
  const [key] = (await clients[0]?.call('keys.list', {})) ?? [];
  const signer = await recoverTransactionAddress({ serializedTransaction: last as `0x02${string}` });
  if (waits.length !== count || signer !== key?.address) throw new Error('a transaction was not signed by the key');
  return { ms, waits };
}

process.on('message', (asked: Sign) => {
  void sign(asked).then((signed) => process.send?.(signed));
});
