import { toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { getAddress, hashTypedData } from 'viem';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Effect } from '../intent.ts';
import { ALL_TOKENS } from './calls.ts';
import { PERMIT2 } from './permit2.ts';
import { refusalOf } from './testing/refusals.ts';
import { decodeTypedData } from './typed-data.ts';

interface Fields {
  readonly name: string;
  readonly type: string;
}
interface Typed {
  readonly types: Readonly<Record<string, readonly Fields[]>>;
  readonly primaryType: string;
  readonly domain: Readonly<Record<string, unknown>>;
  readonly message: Readonly<Record<string, unknown>>;
}

const CONTRACT = '0xcccccccccccccccccccccccccccccccccccccccc';
const A = `0x${'a1'.repeat(20)}`;
const B = `0x${'b2'.repeat(20)}`;
const TOKEN = `0x${'70'.repeat(20)}`;
const DOMAIN_TYPE: readonly Fields[] = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
];
const DOMAIN = { name: 'Mail', version: '1', chainId: 1, verifyingContract: CONTRACT };

/** `uint256 value,address to` as fields. */
const fields = (text: string): readonly Fields[] =>
  text === ''
    ? []
    : text.split(',').map((field) => ({ type: field.split(' ')[0] ?? '', name: field.split(' ')[1] ?? '' }));

function typed(
  definition: string,
  message: Typed['message'],
  more: Partial<Typed> & { readonly structs?: Readonly<Record<string, string>> } = {},
): Typed {
  const { structs = {}, ...changes } = more;
  const others = Object.fromEntries(Object.entries(structs).map(([name, text]) => [name, fields(text)]));
  return {
    types: { EIP712Domain: DOMAIN_TYPE, Thing: fields(definition), ...others },
    primaryType: 'Thing',
    domain: DOMAIN,
    message,
    ...changes,
  };
}

const MAIL: Typed = typed(
  'Person from,Person[] to,string contents,uint8[2][] pairs,bytes blob,bytes4 tag,bool urgent,int64 delta',
  {
    from: { name: 'Cow', wallet: A },
    to: [
      { name: 'Bob', wallet: B },
      { name: 'Eve', wallet: TOKEN },
    ],
    contents: 'Hello, Bob!',
    pairs: [
      [1, 2],
      ['3', '0x4'],
    ],
    blob: '0xdeadbeef01',
    tag: '0x01020304',
    urgent: true,
    delta: '-5',
  },
  { structs: { Person: 'string name,address wallet' } },
);

const refused = (value: unknown): string => refusalOf(() => decodeTypedData(value));
const one = (type: string, value: unknown): string => refused(typed(`${type} x`, { x: value }));
const hashOf = (value: unknown): string => `0x${toHex(decodeTypedData(value).hash)}`;

function permit(
  primaryType: string,
  definition: string,
  message: Typed['message'],
  contract: string,
  structs: Readonly<Record<string, string>> = {},
): Typed {
  const { types, ...rest } = typed('', message, {
    structs,
    primaryType,
    domain: { ...DOMAIN, verifyingContract: contract },
  });
  const { Thing: _unused, ...others } = types;
  return { ...rest, types: { ...others, [primaryType]: fields(definition) } };
}

const DETAILS = { PermitDetails: 'address token,uint160 amount,uint48 expiration,uint48 nonce' };
const PERMISSIONS = { TokenPermissions: 'address token,uint256 amount' };
const detail = { token: TOKEN, amount: '6', expiration: 1_800_000_000, nonce: 0 };
const permission = { token: TOKEN, amount: '6' };
const AUTHORIZATION = 'address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce';
const authorization = { from: A, to: B, value: '6', validAfter: 0, validBefore: 99, nonce: `0x${'01'.repeat(32)}` };
const approval = { kind: 'token-approval', token: TOKEN, spender: B, standard: 'erc20', amount: 6n } as const;

const PERMITS: readonly (readonly [Typed, readonly Effect[]])[] = [
  [
    permit(
      'Permit',
      'address owner,address spender,uint256 value,uint256 nonce,uint256 deadline',
      { owner: A, spender: B, value: '6', nonce: 0, deadline: 99 },
      TOKEN,
    ),
    [approval],
  ],
  [
    permit(
      'Permit',
      'address holder,address spender,uint256 nonce,uint256 expiry,bool allowed',
      { holder: A, spender: B, nonce: 0, expiry: 0, allowed: true },
      TOKEN,
    ),
    [{ ...approval, amount: ALL_TOKENS }],
  ],
  [
    permit(
      'Permit',
      'address holder,address spender,uint256 nonce,uint256 expiry,bool allowed',
      { holder: A, spender: B, nonce: 0, expiry: 0, allowed: false },
      TOKEN,
    ),
    [{ ...approval, amount: 0n }],
  ],
  [
    permit(
      'PermitSingle',
      'PermitDetails details,address spender,uint256 sigDeadline',
      { details: detail, spender: B, sigDeadline: 9 },
      PERMIT2,
      DETAILS,
    ),
    [{ ...approval, deadline: 1_800_000_000n }],
  ],
  [
    permit(
      'PermitBatch',
      'PermitDetails[] details,address spender,uint256 sigDeadline',
      { details: [detail, { ...detail, amount: '7' }], spender: B, sigDeadline: 9 },
      PERMIT2,
      DETAILS,
    ),
    [
      { ...approval, deadline: 1_800_000_000n },
      { ...approval, amount: 7n, deadline: 1_800_000_000n },
    ],
  ],
  [
    permit(
      'PermitTransferFrom',
      'TokenPermissions permitted,address spender,uint256 nonce,uint256 deadline',
      { permitted: permission, spender: B, nonce: 1, deadline: 9 },
      PERMIT2,
      PERMISSIONS,
    ),
    [{ ...approval, deadline: 9n }],
  ],
  [
    permit(
      'PermitBatchTransferFrom',
      'TokenPermissions[] permitted,address spender,uint256 nonce,uint256 deadline',
      { permitted: [permission], spender: B, nonce: 1, deadline: 9 },
      PERMIT2,
      PERMISSIONS,
    ),
    [{ ...approval, deadline: 9n }],
  ],
  [
    permit('TransferWithAuthorization', AUTHORIZATION, authorization, TOKEN),
    [{ kind: 'token-transfer', token: TOKEN, to: B, standard: 'erc20', amount: 6n }],
  ],
  [
    permit('ReceiveWithAuthorization', AUTHORIZATION, authorization, TOKEN),
    [{ kind: 'token-transfer', token: TOKEN, to: B, standard: 'erc20', amount: 6n }],
  ],
];

describe('typed data', () => {
  promise('P4', 'typed data is hashed as viem hashes it, and shown with its domain', () => {
    const { intent, hash } = decodeTypedData(MAIL);
    expect(`0x${toHex(hash)}`).toBe(hashTypedData(MAIL as Parameters<typeof hashTypedData>[0]));
    expect(intent).toMatchObject({
      action: 'evm.typed-data',
      chain: 'eip155:1',
      contract: CONTRACT,
      primaryType: 'Thing',
      effects: [],
    });
    expect(JSON.parse(intent.shown)).toEqual({
      domain: { ...DOMAIN, chainId: '1' },
      message: {
        ...MAIL.message,
        pairs: [
          ['1', '2'],
          ['3', '4'],
        ],
      },
    });
  });

  promise('P4', 'permits and authorizations are told by what they let others spend', () => {
    for (const [value, effects] of PERMITS) {
      expect(decodeTypedData(value).intent.effects, value.primaryType).toEqual(effects);
      expect(hashOf(value)).toBe(hashTypedData(value as Parameters<typeof hashTypedData>[0]));
    }
  });

  promise('P4', 'a permit with other members, in another order, or at another contract is refused', () => {
    for (const [value] of PERMITS) {
      const definition = value.types[value.primaryType] ?? [];
      const at = (type: readonly Fields[], message: Typed['message']): Typed => ({
        ...value,
        types: { ...value.types, [value.primaryType]: type },
        message,
      });
      expect(refused(at([...definition, { name: 'more', type: 'uint256' }], { ...value.message, more: 1 }))).toBe(
        'evm.permit',
      );
      expect(refused(at(definition.toReversed(), value.message))).toBe('evm.permit');
      const renamed = definition.map((field, index) => (index === 0 ? { ...field, name: 'other' } : field));
      const { [definition[0]?.name ?? '']: first, ...rest } = value.message;
      expect(refused(at(renamed, { ...rest, other: first }))).toBe('evm.permit');
      const elsewhere = value.domain['verifyingContract'] === PERMIT2 ? CONTRACT : PERMIT2;
      expect(refused({ ...value, domain: { ...value.domain, verifyingContract: elsewhere } })).toBe('evm.permit');
    }
  });

  promise('P4', 'permits with a witness, of other names, or within other types are refused', () => {
    for (const name of [
      'PermitWitnessTransferFrom',
      'PermitBatchWitnessTransferFrom',
      'PermitForAll',
      'permit',
      'PERMIT2',
    ])
      expect(refused(permit(name, 'address spender,uint256 value', { spender: B, value: 1 }, TOKEN)), name).toBe(
        'evm.permit',
      );
    const inner = typed('PermitX x', { x: { spender: B } }, { structs: { PermitX: 'address spender' } });
    expect(refused(inner)).toBe('evm.permit');
    expect(refused(typed('uint8 x', { x: 1 }, { domain: { ...DOMAIN, verifyingContract: PERMIT2 } }))).toBe(
      'evm.permit',
    );
  });

  promise('P4', 'orders, Safe transactions and delegations are refused by name, wherever they stand', () => {
    for (const name of [
      'SafeTx',
      'SafeMessage',
      'OrderComponents',
      'Order',
      'BulkOrder',
      'Authorization',
      'Delegation',
      'ForwardRequest',
      'PackedUserOperation',
    ]) {
      expect(refused(permit(name, 'address to,uint256 value', { to: B, value: 1 }, CONTRACT)), name).toBe(
        'evm.undecoded-type',
      );
      const inner = typed(`${name}[] x`, { x: [] }, { structs: { [name]: 'address to' } });
      expect(refused(inner), name).toBe('evm.undecoded-type');
    }
  });

  promise('P4', 'an empty batch is refused, which would spend nothing that a rule can see', () => {
    const [, , , , batch, , transfers] = PERMITS.map(([value]) => value);
    expect(refused({ ...batch, message: { ...batch?.message, details: [] } })).toBe('evm.empty-batch');
    expect(refused({ ...transfers, message: { ...transfers?.message, permitted: [] } })).toBe('evm.empty-batch');
  });

  promise('P4', 'a domain names its chain and contract, in exactly the members of its type', () => {
    const domain = (changes: Readonly<Record<string, unknown>>, type = DOMAIN_TYPE): string =>
      refused({ ...MAIL, domain: { ...DOMAIN, ...changes }, types: { ...MAIL.types, EIP712Domain: type } });
    const without = (name: string): string => {
      const { [name]: _left, ...rest } = DOMAIN as Readonly<Record<string, unknown>>;
      return refused({
        ...MAIL,
        domain: rest,
        types: { ...MAIL.types, EIP712Domain: DOMAIN_TYPE.filter((field) => field.name !== name) },
      });
    };
    expect(without('chainId')).toBe('evm.domain');
    expect(without('verifyingContract')).toBe('evm.domain');
    expect(without('name')).toBe('accepted');
    expect(domain({ chainId: 0 })).toBe('evm.chain-zero');
    expect(domain({ chainId: '0x0' })).toBe('evm.chain-zero');
    expect(domain({ chainId: (2n ** 64n).toString() })).toBe('evm.range');
    expect(domain({ chainId: -1 })).toBe('evm.range');
    expect(domain({ chainId: 2 ** 53 })).toBe('evm.value');
    expect(domain({ salt: `0x${'01'.repeat(32)}` })).toBe('evm.unknown-member');
    expect(domain({}, DOMAIN_TYPE.slice(1))).toBe('evm.unknown-member');
    expect(domain({}, [...DOMAIN_TYPE, { name: 'salt', type: 'bytes32' }])).toBe('evm.missing-member');
    expect(domain({ salt: `0x${'01'.repeat(32)}` }, [...DOMAIN_TYPE, { name: 'salt', type: 'bytes32' }])).toBe(
      'accepted',
    );
    expect(domain({ more: 'x' }, [...DOMAIN_TYPE, { name: 'more', type: 'string' }])).toBe('evm.domain');
    expect(
      domain(
        {},
        DOMAIN_TYPE.map((field) => (field.name === 'chainId' ? { ...field, type: 'uint64' } : field)),
      ),
    ).toBe('evm.domain');
    expect(domain({}, [...DOMAIN_TYPE, { name: 'chainId', type: 'uint256' }])).toBe('evm.type');
    const { EIP712Domain: _domain, ...types } = MAIL.types;
    expect(refused({ ...MAIL, types })).toBe('evm.type');
    expect(refused({ ...MAIL, primaryType: 'EIP712Domain', message: DOMAIN })).toBe('evm.type');
  });

  promise('P4', 'nothing unknown, missing, unused or defined in two ways is signed', () => {
    const { primaryType: _type, ...untyped } = MAIL;
    expect(refused(untyped)).toBe('evm.missing-member');
    expect(refused({ ...MAIL, more: 1 })).toBe('evm.unknown-member');
    expect(refused({ ...MAIL, message: { ...MAIL.message, more: 1 } })).toBe('evm.unknown-member');
    const { urgent: _urgent, ...short } = MAIL.message;
    expect(refused({ ...MAIL, message: short })).toBe('evm.missing-member');
    expect(refused({ ...MAIL, message: { ...MAIL.message, from: { name: 'Cow' } } })).toBe('evm.missing-member');
    expect(refused({ ...MAIL, message: { ...MAIL.message, from: null } })).toBe('evm.typed-data');
    expect(refused({ ...MAIL, primaryType: 'Other' })).toBe('evm.type');
    expect(refused({ ...MAIL, primaryType: 'Thing[]' })).toBe('evm.type');
    expect(refused({ ...MAIL, primaryType: 1 })).toBe('evm.type');
    expect(refused(typed('uint8 x', { x: 1 }, { structs: { Unused: 'uint8 y' } }))).toBe('evm.type');
    expect(refused(typed('uint8 x,uint8 x', { x: 1 }))).toBe('evm.type');
    expect(refused(typed('EIP712Domain x', { x: DOMAIN }))).toBe('evm.type');
    for (const value of [undefined, null, 1, 'x', [], [MAIL], JSON.stringify(MAIL), {}, new Map()])
      expect(refused(value)).toMatch(/^evm\.(?:typed-data|missing-member)$/);
    for (const types of [
      null,
      [],
      1,
      { ...MAIL.types, Thing: {} },
      { ...MAIL.types, Thing: [null] },
      { ...MAIL.types, Thing: [{ name: 'x' }] },
      { ...MAIL.types, Thing: [{ name: 'x', type: 'bool', more: 1 }] },
      { ...MAIL.types, Thing: [{ name: 1, type: 'bool' }] },
      { ...MAIL.types, Thing: [{ name: 'x', type: 1 }] },
    ])
      expect(refused({ ...MAIL, types })).toMatch(/^evm\./);
  });

  promise('P4', 'types have one name: no alias, no structure named like an elementary type', () => {
    for (const type of [
      'uint',
      'int',
      'byte',
      'uint7',
      'uint0',
      'uint264',
      'bytes0',
      'bytes33',
      'Thing2',
      'address payable',
      'uint8[0]',
      'uint8[01]',
      'uint8[-1]',
      'uint8[ ]',
      'uint8[][',
      '',
      '[]',
      'uint8 ',
      'fixed128x18',
      'function',
      'uint8[][][][][]',
    ])
      expect(
        refused({ ...MAIL, types: { ...MAIL.types, Thing: [{ name: 'x', type }] }, message: { x: 1 } }),
        type,
      ).toBe('evm.type');
    for (const name of [
      'uint',
      'uint8',
      'uint7',
      'int256',
      'bytes',
      'bytes33',
      'bool',
      'string',
      'address',
      'byte',
      'fixed',
      'function',
      'A:B',
      'A B',
      '1A',
      '',
      'A[]',
      'x'.repeat(65),
    ])
      expect(refused({ ...MAIL, types: { ...typed('bool x', {}).types, [name]: [] } }), name).toBe('evm.type');
    for (const name of ['a b', '', '1', 'a,b', 'a)b', 'x'.repeat(65)])
      expect(
        refused({
          ...MAIL,
          types: { EIP712Domain: DOMAIN_TYPE, Thing: [{ name, type: 'bool' }] },
          message: { [name]: true },
        }),
        name,
      ).toBe('evm.type');
  });

  promise('P4', 'numbers are exact: every form that could be read in two ways is refused', () => {
    const most = 2n ** 256n - 1n;
    for (const value of [
      0,
      1,
      '0',
      most.toString(),
      `0x${most.toString(16)}`,
      '0x0',
      '0x00ff',
      `0x${'0'.repeat(63)}1`,
      2 ** 53 - 1,
      5n,
    ])
      expect(one('uint256', value), String(value)).toBe('accepted');
    for (const value of [
      2 ** 53,
      1.5,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      '',
      ' 1',
      '1 ',
      '01',
      '00',
      '+1',
      '-0',
      '0x',
      '0X1',
      '-0x1',
      '1e3',
      '1_000',
      '1.0',
      '0b1',
      '0x1g',
      '٣',
      `0x${'0'.repeat(65)}`,
      '9'.repeat(79),
      true,
      null,
      undefined,
      [1],
      { a: 1 },
    ])
      expect(one('uint256', value), String(value)).toBe('evm.value');
    for (const value of [-1, '-1', (most + 1n).toString(), most + 1n, -1n])
      expect(one('uint256', value), String(value)).toBe('evm.range');
    for (const [type, value] of [
      ['uint8', 256],
      ['uint8', -1],
      ['int8', 128],
      ['int8', -129],
      ['int256', (2n ** 255n).toString()],
      ['int256', `0x${'f'.repeat(64)}`],
    ] as const)
      expect(one(type, value), `${type} ${value}`).toBe('evm.range');
    for (const [type, value] of [
      ['uint8', 255],
      ['int8', 127],
      ['int8', -128],
      ['int256', (-(2n ** 255n)).toString()],
    ] as const)
      expect(one(type, value), `${type} ${value}`).toBe('accepted');
  });

  promise('P4', 'addresses, bytes, booleans, texts and lists are exactly of their type', () => {
    const mixed = getAddress('0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed');
    for (const value of [mixed, mixed.toLowerCase(), A]) expect(one('address', value), value).toBe('accepted');
    const wrong = `${mixed.slice(0, -1)}${mixed.endsWith('d') ? 'D' : 'd'}`;
    for (const value of [
      wrong,
      A.slice(2),
      A.slice(0, -1),
      `${A}0`,
      `0X${A.slice(2)}`,
      '',
      0,
      null,
      A.replace('a', 'g'),
      [A],
      'vitalik.eth',
    ])
      expect(one('address', value), String(value)).toBe('evm.value');
    for (const value of ['0x0102', '0xABcd']) expect(one('bytes2', value)).toBe('accepted');
    for (const value of ['0x01', '0x010203', '0x', '0102', '0x010g', 258, null])
      expect(one('bytes2', value), String(value)).toBe('evm.value');
    for (const value of ['0x', '0x01', `0x${'01'.repeat(100)}`]) expect(one('bytes', value)).toBe('accepted');
    for (const value of ['', '0x1', 'hello', 1, null, [1]])
      expect(one('bytes', value), String(value)).toBe('evm.value');
    for (const value of [0, 1, 'true', 'false', null, '']) expect(one('bool', value), String(value)).toBe('evm.value');
    for (const value of ['', 'x', '🙂']) expect(one('string', value)).toBe('accepted');
    for (const value of [1, null, undefined, '\ud800', ['x']]) expect(one('string', value)).toBe('evm.value');
    for (const value of [[], [1], [1, 2]]) expect(one('uint8[]', value)).toBe('accepted');
    for (const value of [1, '1', null, {}, { 0: 1, length: 1 }, [[1]], [null], new Array(1)])
      expect(one('uint8[]', value)).toBe('evm.value');
    for (const value of [[], [1], [1, 2, 3]]) expect(one('uint8[2]', value)).toBe('evm.value');
    expect(one('uint8[2]', [1, 2])).toBe('accepted');
  });

  promise('P4', 'values and types are bounded in depth and number', () => {
    const nested = (depth: number): unknown => (depth === 0 ? { next: [] } : { next: [nested(depth - 1)] });
    const chain = (depth: number): string => refused(typed('Thing[] next', nested(depth) as Typed['message']));
    expect(chain(3)).toBe('accepted');
    expect(chain(50)).toBe('evm.too-large');
    expect(hashOf(typed('Thing[] next', nested(3) as Typed['message']))).toBe(
      hashTypedData(typed('Thing[] next', nested(3) as Typed['message']) as Parameters<typeof hashTypedData>[0]),
    );
    expect(refused(typed('Thing next', { next: {} }))).toBe('evm.missing-member');
    expect(one('uint8[]', new Array(4097).fill(1))).toBe('evm.too-large');
    expect(one('uint8[][]', new Array(65).fill(new Array(64).fill(1)))).toBe('evm.too-large');
    expect(one('string', 'x'.repeat(130 * 1024))).toBe('evm.too-large');
    expect(one('bytes[]', new Array(3).fill(`0x${'00'.repeat(50 * 1024)}`))).toBe('evm.too-large');
    const many = Array.from({ length: 257 }, (_, index) => `bool x${index}`).join(',');
    expect(refused(typed(many, {}))).toBe('evm.too-large');
    const structs = Object.fromEntries(Array.from({ length: 31 }, (_, index) => [`S${index}`, 'bool x']));
    expect(refused(typed('bool x', { x: true }, { structs }))).toBe('evm.too-large');
  });

  test('names that JavaScript knows are names like any other', () => {
    const value = JSON.parse(
      JSON.stringify(typed('uint8 constructor,uint8 toString', { constructor: 1, toString: 2 }))
        .replace('"name":"toString"', '"name":"__proto__"')
        .replace('"toString":2', '"__proto__":2'),
    );
    expect(decodeTypedData(value).intent.shown).toContain('"__proto__":"2"');
    expect(refused(typed('uint8 constructor', {}))).toBe('evm.missing-member');
    expect(refused(typed('constructor x', { x: {} }))).toBe('evm.type');
  });

  test('what cannot be seen is shown as an escape', () => {
    const { shown } = decodeTypedData(typed('string x', { x: 'a\u202eb\u{e0041}\n' })).intent;
    expect(shown).toContain(String.raw`a\u202eb\udb40\udc41\n`);
    expect(JSON.parse(shown).message.x).toBe('a\u202eb\u{e0041}\n');
  });
});

/** A type with a value, and the value as viem wants it. */
type Made = { readonly type: string; readonly value: unknown };
const elementaryValue: fc.Arbitrary<Made> = fc.oneof(
  fc.tuple(fc.integer({ min: 1, max: 32 }), fc.bigInt({ min: 0n, max: ALL_TOKENS })).map(([size, n]) => ({
    type: `uint${size * 8}`,
    value: BigInt.asUintN(size * 8, n).toString(),
  })),
  fc.tuple(fc.integer({ min: 1, max: 32 }), fc.bigInt({ min: 0n, max: ALL_TOKENS })).map(([size, n]) => ({
    type: `int${size * 8}`,
    value: BigInt.asIntN(size * 8, n).toString(),
  })),
  fc.boolean().map((value) => ({ type: 'bool', value })),
  fc.string({ unit: 'grapheme' }).map((value) => ({ type: 'string', value })),
  fc.uint8Array({ maxLength: 70 }).map((value) => ({ type: 'bytes', value: `0x${toHex(value)}` })),
  fc
    .uint8Array({ minLength: 1, maxLength: 32 })
    .map((value) => ({ type: `bytes${value.length}`, value: `0x${toHex(value)}` })),
  fc.uint8Array({ minLength: 20, maxLength: 20 }).map((value) => ({ type: 'address', value: `0x${toHex(value)}` })),
);
const arrays = (element: fc.Arbitrary<Made>): fc.Arbitrary<Made> =>
  fc.tuple(element, fc.integer({ min: 0, max: 3 }), fc.boolean()).map(([{ type, value }, length, fixed]) => ({
    type: `${type}[${fixed && length > 0 ? length : ''}]`,
    value: Array.from({ length }, () => value),
  }));
const anyValue = fc.oneof(elementaryValue, arrays(elementaryValue), arrays(arrays(elementaryValue)));

promise('P4', 'typed data of any types is hashed as viem hashes it', () => {
  const members = fc.array(anyValue, { maxLength: 6 });
  fc.assert(
    fc.property(
      members,
      members,
      fc.integer({ min: 0, max: 2 }),
      fc.integer({ min: 1, max: 2 ** 32 }),
      (outer, inner, count, chainId) => {
        const list = (made: readonly Made[]): readonly Fields[] =>
          made.map(({ type }, index) => ({ name: `m${index}`, type }));
        const values = (made: readonly Made[]): Record<string, unknown> =>
          Object.fromEntries(made.map(({ value }, index) => [`m${index}`, value]));
        const value: Typed = {
          types: {
            EIP712Domain: DOMAIN_TYPE,
            Outer: [...list(outer), { name: 'one', type: 'Inner' }, { name: 'many', type: 'Inner[]' }],
            Inner: list(inner),
          },
          primaryType: 'Outer',
          domain: { ...DOMAIN, chainId },
          message: { ...values(outer), one: values(inner), many: Array.from({ length: count }, () => values(inner)) },
        };
        const decoded = decodeTypedData(JSON.parse(JSON.stringify(value)));
        expect(`0x${toHex(decoded.hash)}`).toBe(hashTypedData(value as Parameters<typeof hashTypedData>[0]));
        // What is shown is itself the message: it has the same hash.
        expect(hashOf({ ...value, ...JSON.parse(decoded.intent.shown) })).toBe(`0x${toHex(decoded.hash)}`);
      },
    ),
    { numRuns: 200 },
  );
});

promise('P4', 'any value, and any one changed, gives typed data or a refusal', () => {
  fc.assert(fc.property(fc.anything(), (value) => void refused(value)));
  const places = ['types', 'primaryType', 'domain', 'message'] as const;
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.jsonValue(), (place, value) => {
      refused({ ...MAIL, [place]: value });
    }),
  );
  const names = fc.constantFrom(...Object.keys(MAIL.message));
  fc.assert(
    fc.property(names, fc.jsonValue(), (name, value) => {
      refused({ ...MAIL, message: { ...MAIL.message, [name]: value } });
      refused({ ...MAIL, types: { ...MAIL.types, Thing: [...(MAIL.types['Thing'] ?? []), value] } });
    }),
  );
});
