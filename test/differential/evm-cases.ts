/**
 * Transactions, made up and then damaged, and what is different between Vitrine's reading of those that
 * it accepts and viem's.
 *
 * @module
 */
import { fromRlp, type Hex, keccak256, parseTransaction, serializeTransaction, toRlp } from 'viem';
import { privateKeyToAccount, sign } from 'viem/accounts';
import { decodeTransaction, type EvmTransaction } from '../../packages/keys/src/evm/transaction.ts';
import type { Effect } from '../../packages/keys/src/intent.ts';
import { RefusedRequestError } from '../../packages/keys/src/intent.ts';
import { knownCalldata, PERMIT2_ADDRESS, readCall, type Told } from './evm-calls.ts';
import { type Random, randomFrom } from './random.ts';

type Items = readonly (Hex | Items)[];

export interface Outcome {
  readonly cases: number;
  readonly accepted: number;
  /** Accepted although damaged. */
  readonly acceptedDamaged: number;
  /** Signed by viem and assembled here, and the same. */
  readonly assembled: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly differences: readonly string[];
}

const PRIVATE_KEY: Hex = `0x${'4c'.repeat(32)}`;
const SIGNED_EVERY = 100;
const MOST_DIFFERENCES = 20;
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** Runs this many cases from a seed. */
export async function runEvmCases(cases: number, seed: number): Promise<Outcome> {
  const random = randomFrom(seed);
  const refusals: Record<string, number> = {};
  const differences: string[] = [];
  let [accepted, acceptedDamaged, assembled] = [0, 0, 0];
  for (let index = 0; index < cases && differences.length < MOST_DIFFERENCES; index++) {
    const whole = makeTransaction(random);
    const damaged = random.oneIn(4) ? whole : damage(random, whole);
    const decoded = decode(damaged);
    if (typeof decoded === 'string') {
      refusals[decoded] = (refusals[decoded] ?? 0) + 1;
      if (damaged === whole || !decoded.startsWith('evm.')) differences.push(`${decoded}: ${damaged}`);
      continue;
    }
    accepted += 1;
    if (damaged !== whole) acceptedDamaged += 1;
    const found = difference(damaged, decoded);
    if (found !== undefined) differences.push(`${found}: ${damaged}`);
    else if (accepted % SIGNED_EVERY === 0) {
      const unequal = await assembledDifference(damaged, decoded);
      if (unequal === undefined) assembled += 1;
      else differences.push(`${unequal}: ${damaged}`);
    }
  }
  return { cases, accepted, acceptedDamaged, assembled, refusals, differences };
}

/** The transaction, or the code of the refusal; anything else that is thrown is a difference. */
function decode(serialized: string): EvmTransaction | string {
  try {
    return decodeTransaction(serialized);
  } catch (error) {
    return error instanceof RefusedRequestError ? error.code : `threw ${String(error)}`;
  }
}

function makeTransaction(random: Random): Hex {
  const to: Hex = random.oneIn(4) ? PERMIT2_ADDRESS : hexOf(random.bytes(20));
  const common = {
    chainId: random.pick([1, 10, 137, 8453, 42161, 11155111, 31337, Number.MAX_SAFE_INTEGER]),
    nonce: Number(random.integer(random.pick([8, 16, 53]))),
    gas: random.integer(random.pick([24, 64])),
    to,
    value: random.oneIn(2) ? 0n : random.integer(256),
    data: makeData(random),
  };
  const price = random.integer(random.pick([40, 256]));
  const accessList = random.oneIn(4)
    ? [{ address: hexOf(random.bytes(20)), storageKeys: [hexOf(random.bytes(32))] }]
    : [];
  switch (random.below(3)) {
    case 0:
      return serializeTransaction({ ...common, type: 'legacy', gasPrice: price });
    case 1:
      return serializeTransaction({ ...common, type: 'eip2930', gasPrice: price, accessList });
    default:
      return serializeTransaction({
        ...common,
        type: 'eip1559',
        maxFeePerGas: price,
        maxPriorityFeePerGas: random.oneIn(2) ? price : price / 2n,
        accessList,
      });
  }
}

function makeData(random: Random): Hex {
  switch (random.below(8)) {
    case 0:
      return '0x';
    case 1:
      return hexOf(random.bytes(4 + random.below(100)));
    default:
      return knownCalldata(random);
  }
}

/** One to three changes. */
function damage(random: Random, serialized: Hex): Hex {
  let hex = serialized;
  for (let count = 1 + random.below(random.pick([1, 1, 3])); count > 0; count--) hex = damageOnce(random, hex);
  return hex;
}

function damageOnce(random: Random, hex: Hex): Hex {
  const bytes = Buffer.from(hex.slice(2), 'hex');
  if (bytes.length === 0) return '0x02';
  switch (random.below(9)) {
    case 0:
      return flipBit(random, bytes);
    case 1:
      return hexOf(bytes.subarray(0, random.below(bytes.length)));
    case 2:
      return hexOf(Buffer.concat([bytes, random.bytes(1 + random.below(40))]));
    case 3:
      bytes[0] = random.pick([0, 1, 2, 3, 4, 5, 0x7f, 0x80, 0xc0, random.below(256)]);
      return hexOf(bytes);
    case 4:
      return lengthen(random, bytes);
    case 5:
    case 6:
      return withItems(hex, (items) => damageCalldata(random, items));
    default:
      return withItems(hex, (items) => damageItems(random, items));
  }
}

function flipBit(random: Random, bytes: Uint8Array): Hex {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  return hexOf(bytes);
}

/** Writes the outermost length with a byte more than it needs. */
function lengthen(random: Random, bytes: Uint8Array): Hex {
  const at = (bytes[0] ?? 0) < 0x80 ? 1 : 0;
  const first = bytes[at] ?? 0;
  if (first >= 0xf8 && first < 0xff)
    return hexOf(Buffer.concat([bytes.subarray(0, at), Uint8Array.of(first + 1, 0), bytes.subarray(at + 1)]));
  if (first >= 0xc0 && first <= 0xf7)
    return hexOf(Buffer.concat([bytes.subarray(0, at), Uint8Array.of(0xf8, first - 0xc0), bytes.subarray(at + 1)]));
  return flipBit(random, bytes);
}

/** Changes the outermost list where there is one. */
function withItems(hex: Hex, change: (items: (Hex | Items)[]) => readonly (Hex | Items)[]): Hex {
  const [prefix, rlp] = parts(hex);
  let items: unknown;
  try {
    items = fromRlp(rlp, 'hex');
  } catch {
    return hex;
  }
  if (!Array.isArray(items) || items.length === 0) return hex;
  return `${prefix}${toRlp(change(items as (Hex | Items)[]) as Parameters<typeof toRlp>[0]).slice(2)}` as Hex;
}

function parts(hex: Hex): readonly [Hex, Hex] {
  const typed = Number.parseInt(hex.slice(2, 4), 16) < 0x80;
  return typed ? [hex.slice(0, 4) as Hex, `0x${hex.slice(4)}`] : ['0x', hex];
}

/** The longest text is the calldata, or the recipient where there is none. */
function damageCalldata(random: Random, items: (Hex | Items)[]): readonly (Hex | Items)[] {
  const lengths = items.map((item) => (typeof item === 'string' ? item.length : 0));
  const at = lengths.indexOf(Math.max(...lengths));
  const data = Buffer.from(String(items[at]).slice(2), 'hex');
  const words = Math.floor((data.length - 4) / 32);
  if (words < 1) return items;
  const word = 4 + 32 * random.below(words);
  switch (random.below(6)) {
    case 0:
      // Above an address.
      data[word + random.below(12)] = 1 + random.below(255);
      break;
    case 1:
      data[word + random.below(32)] = random.below(256);
      break;
    case 2:
      // An offset or length that is another one.
      data[word + 31] = random.pick([0, 1, 0x1f, 0x20, 0x21, 0x40, 0x60, 0x80, 0xa0, 0xff]);
      break;
    case 3:
      items[at] = hexOf(Buffer.concat([data, random.bytes(random.pick([1, 31, 32, 64]))]));
      return items;
    case 4:
      items[at] = hexOf(data.subarray(0, data.length - random.pick([1, 31, 32, 64])));
      return items;
    default:
      // A further word of zeros, or one less.
      items[at] = hexOf(Buffer.concat([data.subarray(0, word), new Uint8Array(32), data.subarray(word)]));
      return items;
  }
  items[at] = hexOf(data);
  return items;
}

function damageItems(random: Random, items: (Hex | Items)[]): readonly (Hex | Items)[] {
  const at = random.below(items.length);
  const other = random.below(items.length);
  const [one, two] = [items[at] ?? '0x', items[other] ?? '0x'];
  switch (random.below(9)) {
    case 0:
      items[at] = two;
      items[other] = one;
      return items;
    case 1:
      if (typeof one === 'string') items[at] = `0x00${one.slice(2)}`;
      return items;
    case 2:
      items[at] = [one];
      return items;
    case 3:
      items[at] = '0x';
      return items;
    case 4:
      return items.filter((_, index) => index !== at);
    case 5:
      return [...items.slice(0, at), one, ...items.slice(at)];
    case 6:
      return [...items, '0x01', hexOf(random.bytes(32)), hexOf(random.bytes(32))];
    case 7:
      items[at] = hexOf(random.bytes(random.pick([1, 8, 20, 32, 33])));
      return items;
    default:
      items[at] = random.pick<Hex | Items>([
        '0x00',
        '0x01',
        [],
        [[hexOf(random.bytes(20)), []]],
        `0x${'ff'.repeat(32)}`,
      ]);
      return items;
  }
}

/** What viem reads otherwise; `undefined` where nothing is. */
function difference(serialized: string, { intent, hash }: EvmTransaction): string | undefined {
  const hex = serialized as Hex;
  if (hexOf(intent.bytes) !== hex) return 'signs other bytes';
  if (hexOf(hash) !== keccak256(hex)) return 'signs another hash';
  const raw = rawFields(hex);
  const expected = { chain: `eip155:${raw.chainId}`, nonce: raw.nonce, fee: raw.gas * raw.price };
  for (const [name, value] of Object.entries(expected))
    if (intent[name as keyof typeof expected] !== value) return `${name}: expected ${value}`;
  const effects = JSON.stringify(intent.effects.map(tell));
  try {
    if (effects !== JSON.stringify(readCall(raw.to, raw.value, raw.data).map(sorted))) return `effects: ${effects}`;
    // viem has these as JavaScript numbers and refuses others.
    return raw.chainId <= SAFE && raw.nonce <= SAFE ? parsedDifference(hex, raw) : undefined;
  } catch (error) {
    return `viem refuses: ${String(error)}`;
  }
}

interface RawFields {
  readonly chainId: bigint;
  readonly nonce: bigint;
  readonly price: bigint;
  readonly gas: bigint;
  readonly to: Hex;
  readonly value: bigint;
  readonly data: Hex;
}

/** By viem's RLP alone, which reads numbers of any size. */
function rawFields(hex: Hex): RawFields {
  const [prefix, rlp] = parts(hex);
  const items = fromRlp(rlp, 'hex') as readonly Hex[];
  const orders: Readonly<Record<Hex, readonly string[]>> = {
    '0x': ['nonce', 'price', 'gas', 'to', 'value', 'data', 'chainId'],
    '0x01': ['chainId', 'nonce', 'price', 'gas', 'to', 'value', 'data'],
    '0x02': ['chainId', 'nonce', 'priorityFee', 'price', 'gas', 'to', 'value', 'data'],
  };
  const order = orders[prefix];
  const text = (name: string): Hex => items[order?.indexOf(name) ?? -1] ?? '0x';
  const number = (name: string): bigint => (text(name) === '0x' ? 0n : BigInt(text(name)));
  return {
    chainId: number('chainId'),
    nonce: number('nonce'),
    price: number('price'),
    gas: number('gas'),
    to: text('to'),
    value: number('value'),
    data: text('data'),
  };
}

function parsedDifference(hex: Hex, raw: RawFields): string | undefined {
  const parsed = parseTransaction(hex);
  const read = {
    chainId: BigInt(parsed.chainId ?? 0),
    nonce: BigInt(parsed.nonce ?? 0),
    price: parsed.maxFeePerGas ?? parsed.gasPrice ?? 0n,
    gas: parsed.gas ?? 0n,
    to: parsed.to ?? '',
    value: parsed.value ?? 0n,
    data: parsed.data ?? '0x',
  };
  for (const [name, value] of Object.entries(read))
    if (raw[name as keyof RawFields] !== value) return `${name}: viem parses ${value}`;
  if (parsed.type === 'eip1559' && (parsed.maxPriorityFeePerGas ?? 0n) > read.price)
    return 'priority fee above the fee';
  const again = serializeTransaction(parsed as Parameters<typeof serializeTransaction>[0]);
  return keccak256(again) === keccak256(hex) ? undefined : `viem serialises ${again}`;
}

async function assembledDifference(serialized: string, decoded: EvmTransaction): Promise<string | undefined> {
  const raw = rawFields(serialized as Hex);
  if (raw.chainId > SAFE / 4n || raw.nonce > SAFE) return undefined;
  const { r, s, yParity } = await sign({ hash: hexOf(decoded.hash), privateKey: PRIVATE_KEY });
  const ours = decoded.assemble({ r: word(r), s: word(s), recovery: yParity === 1 ? 1 : 0 });
  const parsed = parseTransaction(serialized as Hex) as Parameters<typeof serializeTransaction>[0];
  const theirs = await privateKeyToAccount(PRIVATE_KEY).signTransaction(parsed as never);
  return ours.transaction === theirs && ours.hash === keccak256(theirs) ? undefined : `assembled ${ours.transaction}`;
}

function word(hex: Hex): Uint8Array {
  return Buffer.from(hex.slice(2).padStart(64, '0'), 'hex');
}

function hexOf(bytes: Uint8Array): Hex {
  return `0x${Buffer.from(bytes).toString('hex')}`;
}

function tell(effect: Effect): Told {
  return sorted(
    Object.fromEntries(
      Object.entries(effect).map(([name, value]) => [name, value instanceof Uint8Array ? hexOf(value) : String(value)]),
    ),
  );
}

function sorted(told: Told): Told {
  return Object.fromEntries(Object.entries(told).sort(([one], [two]) => (one < two ? -1 : 1)));
}
