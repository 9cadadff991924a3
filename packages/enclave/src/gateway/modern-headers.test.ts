import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { checkStandardHeaders, decodeHeaderValue } from './modern-headers.ts';

const base = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'resources/read', 'mcp-name': 'test://a' };

function check(
  headers: Record<string, string>,
  method = 'resources/read',
  params: object = { uri: 'test://a' },
): unknown {
  return checkStandardHeaders(new Headers(headers), { jsonrpc: '2.0', id: 1, method, params: { ...params } })?.code;
}

promise('P8', 'headers that repeat the body pass, also in their base64 form and for methods without a name', () => {
  expect(check(base)).toBeUndefined();
  expect(check({ ...base, 'mcp-name': `=?base64?${btoa('test://a')}?=` })).toBeUndefined();
  expect(check({ ...base, 'mcp-method': 'tools/list', 'mcp-name': 'ignored' }, 'tools/list')).toBeUndefined();
  expect(check(base, 'resources/read', {})).toBeUndefined();
});

for (const name of ['mcp-protocol-version', 'mcp-method', 'mcp-name']) {
  promise('P8', `a missing ${name} header is a mismatch`, () => {
    expect(check(Object.fromEntries(Object.entries(base).filter(([key]) => key !== name)))).toBe(-32020);
  });
}

promise('P8', 'a header that differs from the body by one character is a mismatch', () => {
  expect(check({ ...base, 'mcp-name': 'test://A' })).toBe(-32020);
  expect(check({ ...base, 'mcp-method': 'resources/Read' })).toBe(-32020);
});

promise('P8', 'any text survives its base64 form, and a broken form is refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      expect(decodeHeaderValue(`=?base64?${Buffer.from(value).toString('base64')}?=`)).toBe(value);
    }),
  );
  for (const broken of ['=?base64?YQ?=', '=?base64?Y Q==?=', '=?base64?_w==?=', '=?base64?/w==?=', '=?base64?YR==?=']) {
    expect(decodeHeaderValue(broken)).toBeUndefined();
  }
});
