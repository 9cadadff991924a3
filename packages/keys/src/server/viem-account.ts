/**
 * A viem account whose key is in the key service: a program written for viem signs with it as with any other.
 *
 * @module
 */
import { type LocalAccount, serializeTransaction, toHex } from 'viem';
import { toAccount } from 'viem/accounts';
import { type KeyClient, KeyServiceError } from './key-client.ts';

/**
 * @param name - A secp256k1 key of the manifest.
 * @throws KeyServiceError with code `keys.unknown` for a key that is not there or has no address.
 */
export async function viemAccount(keys: KeyClient, name: string): Promise<LocalAccount> {
  const found = (await keys.call('keys.list', {})).find((key) => key.name === name);
  const address = found?.address;
  if (address === undefined || !isAddress(address)) {
    throw new KeyServiceError(`there is no key ${JSON.stringify(name)} with an EVM address`, 'keys.unknown');
  }
  return toAccount({
    address,
    async signMessage({ message }) {
      const bytes = typeof message === 'string' ? toHex(message) : toHex(message.raw);
      return asHex((await keys.call('evm.signMessage', { key: name, message: bytes })).signature);
    },
    async signTransaction(transaction, options) {
      const serialize = options?.serializer ?? serializeTransaction;
      // A type parameter of viem's that no value here depends on.
      const unsigned = await (serialize as typeof serializeTransaction)(transaction as never);
      return asHex((await keys.call('evm.signTransaction', { key: name, transaction: unsigned })).transaction) as never;
    },
    async signTypedData(typedData) {
      return asHex(
        (await keys.call('evm.signTypedData', { key: name, typedData: withDomainType(typedData) })).signature,
      );
    },
  });
}

function isAddress(text: string): text is `0x${string}` {
  return /^0x[0-9a-fA-F]{40}$/.test(text);
}

function asHex(text: string): `0x${string}` {
  return text as `0x${string}`;
}

const DOMAIN_TYPES = {
  name: 'string',
  version: 'string',
  chainId: 'uint256',
  verifyingContract: 'address',
  salt: 'bytes32',
} as const;

/** viem lets the type of the domain out, and numbers beyond JSON in. */
function withDomainType(typedData: unknown): unknown {
  const {
    types,
    domain = {},
    ...rest
  } = typedData as {
    readonly types: Readonly<Record<string, unknown>>;
    readonly domain?: Readonly<Record<string, unknown>>;
  };
  const members = Object.entries(DOMAIN_TYPES)
    .filter(([name]) => domain[name] !== undefined)
    .map(([name, type]) => ({ name, type }));
  return asJson({ ...rest, domain, types: { EIP712Domain: members, ...types } });
}

function asJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_name, one: unknown) => (typeof one === 'bigint' ? one.toString() : one)));
}
