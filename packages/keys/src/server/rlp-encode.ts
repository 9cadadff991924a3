/**
 * Unsigned EVM transactions from the fields of `eth_signTransaction`, in RLP.
 *
 * It runs in the sandbox and decides nothing: the key service decodes what it makes, and judges that. It
 * imports nothing, so that it can be seen there without anything else.
 *
 * Specification: Ethereum yellow paper, appendix B; EIP-155, EIP-2930, EIP-1559.
 *
 * @module
 */

/** A field that cannot be read, for the caller to correct. */
export class TransactionFieldError extends Error {
  override readonly name: string = 'TransactionFieldError';
}

type Rlp = Uint8Array | readonly Rlp[];

const KNOWN: ReadonlySet<string> = new Set([
  'from',
  'to',
  'gas',
  'gasLimit',
  'gasPrice',
  'maxFeePerGas',
  'maxPriorityFeePerGas',
  'value',
  'data',
  'input',
  'nonce',
  'chainId',
  'type',
  'accessList',
]);

/** `0x` and the serialised transaction. @throws TransactionFieldError */
export function unsignedTransaction(fields: Readonly<Record<string, unknown>>): string {
  const unknown = Object.keys(fields).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw new TransactionFieldError(`unknown field ${JSON.stringify(unknown)}`);
  const data = once(fields, 'data', 'input');
  const gas = quantity(once(fields, 'gas', 'gasLimit'), 'gas');
  const [nonce, chainId] = [quantity(fields['nonce'], 'nonce'), quantity(fields['chainId'], 'chainId')];
  const value = fields['value'] === undefined ? new Uint8Array(0) : quantity(fields['value'], 'value');
  const payload = [bytes(fields['to'], 'to'), value, data === undefined ? new Uint8Array(0) : bytes(data, 'data')];
  const type = typeOf(fields);
  if (type === 2) {
    const tip = quantity(fields['maxPriorityFeePerGas'], 'maxPriorityFeePerGas');
    const most = quantity(fields['maxFeePerGas'], 'maxFeePerGas');
    return `0x02${toHex(encode([chainId, nonce, tip, most, gas, ...payload, accessList(fields)]))}`;
  }
  const price = quantity(fields['gasPrice'], 'gasPrice');
  if (type === 1) return `0x01${toHex(encode([chainId, nonce, price, gas, ...payload, accessList(fields)]))}`;
  return `0x${toHex(encode([nonce, price, gas, ...payload, chainId, new Uint8Array(0), new Uint8Array(0)]))}`;
}

function typeOf(fields: Readonly<Record<string, unknown>>): 0 | 1 | 2 {
  const is1559 = fields['maxFeePerGas'] !== undefined || fields['maxPriorityFeePerGas'] !== undefined;
  if (is1559 && fields['gasPrice'] !== undefined) {
    throw new TransactionFieldError('gasPrice and maxFeePerGas exclude each other');
  }
  const found = is1559 ? 2 : fields['accessList'] === undefined ? 0 : 1;
  const { type } = fields;
  if (type !== undefined && type !== `0x${found}`) {
    throw new TransactionFieldError(`type ${JSON.stringify(type)} does not fit the other fields`);
  }
  return found;
}

function once(fields: Readonly<Record<string, unknown>>, first: string, second: string): unknown {
  const [one, other] = [fields[first], fields[second]];
  if (one !== undefined && other !== undefined && one !== other) {
    throw new TransactionFieldError(`${first} and ${second} say different things`);
  }
  return one ?? other;
}

function accessList(fields: Readonly<Record<string, unknown>>): Rlp {
  const list = fields['accessList'] ?? [];
  if (!Array.isArray(list)) throw new TransactionFieldError('accessList is not a list');
  return list.map((entry: { readonly address?: unknown; readonly storageKeys?: unknown }) => {
    if (!Array.isArray(entry.storageKeys)) throw new TransactionFieldError('an access list entry has no storageKeys');
    return [bytes(entry.address, 'accessList'), entry.storageKeys.map((key) => bytes(key, 'accessList'))];
  });
}

/** A number without leading zeros; zero is no byte at all. */
function quantity(value: unknown, name: string): Uint8Array {
  const text =
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? `0x${value.toString(16)}` : value;
  if (typeof text !== 'string' || !/^0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})$/.test(text)) {
    throw new TransactionFieldError(
      `${name}: expected a quantity such as 0x1, found ${JSON.stringify(value) ?? 'nothing'}`,
    );
  }
  const digits = text === '0x0' ? '' : text.slice(2);
  return fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
}

function bytes(value: unknown, name: string): Uint8Array {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value)) {
    throw new TransactionFieldError(
      `${name}: expected bytes such as 0x00, found ${JSON.stringify(value) ?? 'nothing'}`,
    );
  }
  return fromHex(value.slice(2));
}

function encode(item: Rlp): Uint8Array {
  if (item instanceof Uint8Array) {
    return item.length === 1 && (item[0] ?? 0) < 0x80 ? item : join([prefix(0x80, item.length), item]);
  }
  const inner = join(item.map(encode));
  return join([prefix(0xc0, inner.length), inner]);
}

function prefix(base: number, length: number): Uint8Array {
  if (length < 56) return Uint8Array.of(base + length);
  const digits = length.toString(16);
  const size = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
  return Uint8Array.of(base + 55 + size.length, ...size);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function fromHex(digits: string): Uint8Array {
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

function toHex(value: Uint8Array): string {
  return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
