import { UsageError } from '@vitrine/documents';
import fc from 'fast-check';
import { encodeAbiParameters, type Hex, toFunctionSelector } from 'viem';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { checkSignature, decodeStaticArguments, selectorOf } from './call-arguments.ts';
import { PERMIT2 } from './permit2.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const decode = (signature: string, hex: string): readonly (bigint | string)[] | undefined =>
  decodeStaticArguments(signature, bytes(hex));
const ZERO = '00'.repeat(32);
const ONES = 'ff'.repeat(32);

promise('P4', 'a signature with dynamic types, aliases or other spellings is of no use to a rule', () => {
  const bad = [
    'f(string)',
    'f(bytes)',
    'f(uint256[])',
    'f(uint256[2])',
    'f((uint256))',
    'f(uint)',
    'f(int)',
    'f(byte)',
    'f(uint7)',
    'f(uint0)',
    'f(uint08)',
    'f(uint264)',
    'f(int257)',
    'f(bytes0)',
    'f(bytes33)',
    'f(bytes01)',
    'f(fixed)',
    'f(function)',
    'f(address payable)',
    'f(uint256 x)',
    'f(uint256, uint256)',
    'f(uint256,)',
    'f(,)',
    'f',
    'f(',
    '(uint256)',
    '1f()',
    'f()()',
    ' f()',
    'f() ',
    'f(Uint256)',
    '',
    `f(${'bool,'.repeat(16)}bool)`,
  ];
  for (const signature of bad) {
    expect(checkSignature(signature), signature).toBeTypeOf('string');
    expect(() => selectorOf(signature), signature).toThrow(UsageError);
    expect(() => decodeStaticArguments(signature, new Uint8Array()), signature).toThrow(UsageError);
  }
  for (const signature of ['f()', 'deposit(uint256,address)', '_$1(int8,bytes1,bytes32,bool)'])
    expect(checkSignature(signature), signature).toBeUndefined();
});

promise('P4', 'a rule cannot name as a call what is decoded as a transfer or approval', () => {
  expect(checkSignature('transfer(address,uint256)')).toMatch(/transfers or approvals/);
  expect(checkSignature('setApprovalForAll(address,bool)')).toMatch(/transfers or approvals/);
  expect(checkSignature('approve(address,address,uint160,uint48)')).toBeUndefined();
  expect(checkSignature('approve(address,address,uint160,uint48)', [`0x${'01'.repeat(20)}`, PERMIT2])).toMatch(
    /approvals/,
  );
});

promise('P4', 'arguments of static types: exact length, range, sign and padding', () => {
  expect(decode('f()', '')).toEqual([]);
  expect(decode('f()', '00')).toBeUndefined();
  expect(decode('f(uint8)', `${'00'.repeat(31)}ff`)).toEqual([255n]);
  expect(decode('f(uint8)', `${'00'.repeat(30)}0100`)).toBeUndefined();
  expect(decode('f(uint256)', ONES)).toEqual([2n ** 256n - 1n]);
  expect(decode('f(uint256)', `${ONES}00`)).toBeUndefined();
  expect(decode('f(uint256)', ONES.slice(2))).toBeUndefined();
  expect(decode('f(uint256)', `${ONES}${ZERO}`)).toBeUndefined();
  expect(decode('f(int8)', ONES)).toEqual([-1n]);
  expect(decode('f(int8)', `${'ff'.repeat(31)}80`)).toEqual([-128n]);
  expect(decode('f(int8)', `${'ff'.repeat(31)}7f`)).toBeUndefined();
  expect(decode('f(int8)', `${'00'.repeat(31)}80`)).toBeUndefined();
  expect(decode('f(int256)', `80${'00'.repeat(31)}`)).toEqual([-(2n ** 255n)]);
  expect(decode('f(bool)', ZERO)).toEqual(['false']);
  expect(decode('f(bool)', `${'00'.repeat(31)}01`)).toEqual(['true']);
  expect(decode('f(bool)', `${'00'.repeat(31)}02`)).toBeUndefined();
  expect(decode('f(address)', `${'00'.repeat(12)}${'ab'.repeat(20)}`)).toEqual([`0x${'ab'.repeat(20)}`]);
  expect(decode('f(address)', `${'00'.repeat(11)}01${'ab'.repeat(20)}`)).toBeUndefined();
  expect(decode('f(bytes4)', `deadbeef${'00'.repeat(28)}`)).toEqual(['0xdeadbeef']);
  expect(decode('f(bytes4)', `deadbeef${'00'.repeat(27)}01`)).toBeUndefined();
  expect(decode('f(bytes32)', ONES)).toEqual([`0x${ONES}`]);
});

promise('P4', 'arguments and selectors are those that viem writes', () => {
  const argument = fc.oneof(
    fc.tuple(fc.integer({ min: 1, max: 32 }), fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })).map(([size, n]) => {
      const value = BigInt.asUintN(size * 8, n);
      return { type: `uint${size * 8}`, value, expected: value };
    }),
    fc.tuple(fc.integer({ min: 1, max: 32 }), fc.bigInt({ min: 0n, max: 2n ** 256n - 1n })).map(([size, n]) => {
      const value = BigInt.asIntN(size * 8, n);
      return { type: `int${size * 8}`, value, expected: value };
    }),
    fc.boolean().map((value) => ({ type: 'bool', value, expected: String(value) })),
    fc.uint8Array({ minLength: 1, maxLength: 32 }).map((value) => {
      const hex: Hex = `0x${Buffer.from(value).toString('hex')}`;
      return { type: `bytes${value.length}`, value: hex, expected: hex };
    }),
    fc.uint8Array({ minLength: 20, maxLength: 20 }).map((value) => {
      const hex: Hex = `0x${Buffer.from(value).toString('hex')}`;
      return { type: 'address', value: hex, expected: hex };
    }),
  );
  fc.assert(
    fc.property(fc.array(argument, { maxLength: 6 }), (list) => {
      const signature = `f(${list.map(({ type }) => type).join(',')})`;
      const values = list.map(({ type, value }) => (/^u?int(?:8|16|24|32|40|48)$/.test(type) ? Number(value) : value));
      const data = encodeAbiParameters(
        list.map(({ type }) => ({ type })),
        values,
      );
      expect(decode(signature, data.slice(2))).toEqual(list.map(({ expected }) => expected));
      expect(selectorOf(signature)).toBe(toFunctionSelector(signature));
    }),
  );
});

promise('P4', 'any data gives arguments that viem writes in the same way, or none', () => {
  const types = fc.array(fc.constantFrom('uint64', 'uint256', 'int16', 'bool', 'address', 'bytes7'), { maxLength: 3 });
  const data = fc.array(fc.oneof(fc.constantFrom(0, 0, 0, 255), fc.nat(255)), { maxLength: 100 });
  fc.assert(
    fc.property(types, data, (names, values) => {
      const decoded = decodeStaticArguments(`f(${names.join(',')})`, Uint8Array.from(values));
      if (values.length !== 32 * names.length) expect(decoded).toBeUndefined();
    }),
  );
});
