/**
 * Strict JSON. What it accepts, the platform's own reader must accept too, and read the same.
 *
 * @module
 */
import { JsonSyntaxError, parseStrictJson } from '@vitrine/documents';
import { decoded, type Target, textSeeds } from '../target.ts';

export const target: Target = {
  run(bytes) {
    const text = decoded(bytes);
    const value = parseStrictJson(text);
    if (JSON.stringify(value) !== JSON.stringify(JSON.parse(text))) throw new Error('JSON.parse reads another value');
    return value;
  },
  seeds: async () =>
    textSeeds({
      values: '{"a":[null,true,false,0,-1,1.5,1e3,-0.5E-2],"b":{"c":"d"},"":""}',
      escapes: '["\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 é😀"]',
      blanks: ' \n\r\t[ 1 , 2 ] \n',
      'large-number': '[9007199254740991,1e308,5e-324]',
      surrogate: '"\\ud800"',
      duplicate: '{"a":1,"a":2}',
      prototype: '{"a":{"b":1}}',
      deep: `${'['.repeat(70)}${']'.repeat(70)}`,
      byteOrderMark: '\ufeff{}',
    }),
  refusals: [JsonSyntaxError],
  maxLength: 2048,
};
