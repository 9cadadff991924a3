import fc from 'fast-check';
import { parseTransaction, serializeTransaction, type TransactionSerializable, toHex } from 'viem';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { TransactionFieldError, unsignedTransaction } from './rlp-encode.ts';

const to = `0x${'11'.repeat(20)}`;
const legacy = { to, nonce: '0x0', gas: '0x5208', gasPrice: '0x3b9aca00', value: '0x1', chainId: '0x7a69' };
const modern = {
  to,
  nonce: '0x1',
  gas: '0x5208',
  maxFeePerGas: '0x3b9aca00',
  maxPriorityFeePerGas: '0x1',
  chainId: '0x7a69',
};

const amount = fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
const bytes = (max: number): fc.Arbitrary<`0x${string}`> => fc.uint8Array({ maxLength: max }).map((one) => toHex(one));
const word = (length: number): fc.Arbitrary<`0x${string}`> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((one) => toHex(one));

describe('unsignedTransaction', () => {
  promise('P4', 'fields of a JSON-RPC call become the bytes that another library makes of them', () => {
    fc.assert(
      fc.property(
        fc.record({
          to: word(20),
          nonce: fc.nat(),
          gas: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }),
          price: fc.bigInt({ min: 1n, max: 2n ** 64n }),
          value: amount,
          data: bytes(300),
          chainId: fc.integer({ min: 1, max: 2 ** 40 }),
          accessList: fc.array(fc.record({ address: word(20), storageKeys: fc.array(word(32), { maxLength: 3 }) }), {
            maxLength: 2,
          }),
          kind: fc.constantFrom('legacy', 'eip2930', 'eip1559'),
        }),
        ({ kind, price, accessList, chainId, nonce, gas, value, data, to: recipient }) => {
          const common = { to: recipient, chainId, nonce, gas, value, data };
          const expected: TransactionSerializable =
            kind === 'legacy'
              ? { ...common, type: 'legacy', gasPrice: price }
              : kind === 'eip2930'
                ? { ...common, type: 'eip2930', gasPrice: price, accessList }
                : { ...common, type: 'eip1559', maxFeePerGas: price, maxPriorityFeePerGas: 1n, accessList };
          const fields = {
            to: recipient,
            chainId: toHex(chainId),
            nonce: toHex(nonce),
            gas: toHex(gas),
            value: toHex(value),
            data,
            ...(kind === 'eip1559'
              ? { maxFeePerGas: toHex(price), maxPriorityFeePerGas: '0x1' }
              : { gasPrice: toHex(price) }),
            ...(kind === 'legacy' ? {} : { accessList }),
          };
          expect(unsignedTransaction(fields)).toBe(serializeTransaction(expected));
        },
      ),
      { numRuns: 200 },
    );
  });

  test('input is another name of data', () => {
    const made = unsignedTransaction({ ...modern, input: '0xdeadbeef' });
    expect(parseTransaction(made as `0x02${string}`).data).toBe('0xdeadbeef');
  });

  test.each([
    ['an unknown field', { ...legacy, blobVersionedHashes: [] }, /unknown field "blobVersionedHashes"/],
    ['no recipient', { ...legacy, to: undefined }, /to: expected bytes/],
    ['no chain', { ...legacy, chainId: undefined }, /chainId: expected a quantity/],
    ['two kinds of price', { ...legacy, maxFeePerGas: '0x1' }, /exclude each other/],
    ['data twice', { ...legacy, data: '0x01', input: '0x02' }, /different things/],
    ['a leading zero', { ...legacy, value: '0x01' }, /value: expected a quantity/],
    ['a decimal', { ...legacy, value: '1' }, /value: expected a quantity/],
    ['a negative number', { ...legacy, nonce: -1 }, /nonce: expected a quantity/],
    ['half a byte', { ...legacy, data: '0xabc' }, /data: expected bytes/],
    ['the wrong type', { ...legacy, type: '0x2' }, /type "0x2" does not fit/],
    ['a set-code type', { ...modern, type: '0x4' }, /type "0x4" does not fit/],
    ['an access list that is none', { ...legacy, accessList: 'x' }, /accessList is not a list/],
    ['an entry without keys', { ...legacy, accessList: [{ address: to }] }, /no storageKeys/],
  ])('%s is refused', (_what, fields, why) => {
    expect(() => unsignedTransaction(fields)).toThrow(TransactionFieldError);
    expect(() => unsignedTransaction(fields)).toThrow(why);
  });
});
