import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { parseStrictJson } from '@vitrine/documents';
import fc from 'fast-check';
import { compactVerify, jwtVerify } from 'jose';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedRequestError } from '../intent.ts';
import { decodeJws, type JwsRequest } from './decode-jws.ts';

const NOW = 1_800_000_000;
const CLAIMS = { iss: 'bot', aud: 'https://bank.example', exp: NOW + 60, amount: 'ä€😀', list: [1, 1.5, null, true] };
const REQUEST: JwsRequest = { type: 'JWT', claims: CLAIMS, algorithm: 'EdDSA', kid: 'k1', now: NOW };
const pairs = {
  EdDSA: generateKeyPairSync('ed25519'),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
} as const;

function refusal(change: Partial<JwsRequest>): string {
  try {
    decodeJws({ ...REQUEST, ...change });
  } catch (error) {
    if (error instanceof RefusedRequestError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}
const withClaims = (change: Readonly<Record<string, unknown>>): string => refusal({ claims: { ...CLAIMS, ...change } });

function signed(algorithm: 'EdDSA' | 'ES256', change: Partial<JwsRequest> = {}): string {
  const { signingInput, assemble } = decodeJws({ ...REQUEST, ...change, algorithm });
  const { privateKey } = pairs[algorithm];
  return assemble(
    algorithm === 'EdDSA'
      ? sign(null, signingInput, privateKey)
      : sign('sha256', signingInput, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  );
}

for (const algorithm of ['EdDSA', 'ES256'] as const) {
  promise('P4', `a token signed with ${algorithm} is one for jose and for node:crypto`, async () => {
    const token = signed(algorithm);
    const options = { typ: 'JWT', audience: 'https://bank.example', currentDate: new Date(NOW * 1000) };
    const { payload, protectedHeader } = await jwtVerify(token, pairs[algorithm].publicKey, options);
    expect(payload).toEqual({ ...CLAIMS, iat: NOW });
    expect(protectedHeader).toEqual({ alg: algorithm, kid: 'k1', typ: 'JWT' });
    const [header = '', body = '', signature = ''] = token.split('.');
    const input = Buffer.from(`${header}.${body}`);
    const key = pairs[algorithm].publicKey;
    expect(
      algorithm === 'EdDSA'
        ? verify(null, input, key, Buffer.from(signature, 'base64url'))
        : verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, Buffer.from(signature, 'base64url')),
    ).toBe(true);
  });

  promise('P4', `a changed token with ${algorithm} is none`, async () => {
    const token = signed(algorithm);
    for (const at of [3, token.indexOf('.') + 5, token.lastIndexOf('.') + 5]) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      await expect(compactVerify(changed, pairs[algorithm].publicKey)).rejects.toThrow();
    }
  });
}

promise('P4', 'the intent says type, audiences, lifetime and the claims as they are signed', () => {
  const { intent, signingInput } = decodeJws(REQUEST);
  expect(intent).toMatchObject({ action: 'jws', type: 'JWT', audiences: ['https://bank.example'], lifetime: 60 });
  expect(intent.bytes).toBe(signingInput);
  const [, payload = ''] = new TextDecoder().decode(signingInput).split('.');
  expect(Buffer.from(payload, 'base64url').toString()).toBe(intent.shown);
  expect(decodeJws({ ...REQUEST, claims: { exp: NOW + 1, aud: ['a', 'b'] } }).intent.audiences).toEqual(['a', 'b']);
});

promise('P4', 'the time of issue is that of the service', () => {
  const issued = (claims: object): unknown =>
    (JSON.parse(decodeJws({ ...REQUEST, claims: { aud: 'a', ...claims } }).intent.shown) as { iat: unknown }).iat;
  expect(issued({ exp: NOW + 9 })).toBe(NOW);
  expect(issued({ exp: NOW + 9, iat: NOW - 60 })).toBe(NOW - 60);
  expect(withClaims({ iat: NOW - 61 })).toMatch(/^jws\.issued-at: /);
  expect(withClaims({ iat: NOW + 61 })).toMatch(/^jws\.issued-at: /);
});

for (const type of [
  'vitrine-receipt+jwt',
  'VITRINE-receipt+jwt',
  'vitrine-anything',
  'vitrine',
  'application/vitrine-receipt+jwt',
  'application/jwt',
  '',
  ' JWT',
  'JWT\n',
  'a"b',
  'a'.repeat(65),
  'ΒITRINE',
]) {
  promise('P4', `type ${JSON.stringify(type.slice(0, 32))} is refused`, () => {
    expect(refusal({ type })).toMatch(/^jws\.type: /);
  });
}

promise('P4', 'every token ends, and later than now', () => {
  const { exp: _, ...endless } = CLAIMS;
  expect(refusal({ claims: endless })).toMatch(/^jws\.claims: .*exp is missing/);
  expect(withClaims({ exp: NOW })).toMatch(/^jws\.expired: /);
  expect(withClaims({ exp: NOW - 1 })).toMatch(/^jws\.expired: /);
  for (const exp of [NOW + 0.5, String(NOW + 60), null, -1, [NOW + 60], true]) {
    expect(withClaims({ exp }), String(exp)).toMatch(/^jws\.claims: .*exp is no whole number/);
  }
  expect(withClaims({ exp: 2 ** 53 })).toMatch(/^jws\.claims: .*not exact/);
  for (const name of ['iat', 'nbf']) {
    for (const value of [NOW + 0.5, String(NOW), null]) expect(withClaims({ [name]: value })).toMatch(/^jws\.claims: /);
  }
  expect(withClaims({ nbf: NOW + 60 })).toMatch(/^jws\.claims: .*nbf/);
  expect(withClaims({ nbf: NOW + 59 })).toBe('accepted');
});

promise('P4', 'an audience is a text or a list of different texts', () => {
  const { aud: _, ...nobody } = CLAIMS;
  expect(refusal({ claims: nobody })).toMatch(/^jws\.claims: .*aud is missing/);
  for (const aud of ['', [], [''], ['a', 'a'], ['a', 1], 1, null, {}, [['a']]]) {
    expect(withClaims({ aud }), JSON.stringify(aud)).toMatch(/^jws\.claims: .*aud/);
  }
});

promise('P4', 'issuer, subject and id are texts', () => {
  for (const name of ['iss', 'sub', 'jti']) {
    for (const value of [1, null, ['a'], {}])
      expect(withClaims({ [name]: value })).toMatch(new RegExp(`^jws.claims: .*${name}`));
  }
});

promise('P4', 'claims are a JSON object that has one spelling', () => {
  for (const claims of [null, undefined, 'text', 1, [], [CLAIMS], true]) {
    expect(refusal({ claims }), JSON.stringify(claims)).toMatch(/^jws\.claims: /);
  }
  for (const bad of [
    2 ** 53,
    -(2 ** 53),
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -0,
    1n,
    undefined,
    Symbol('x'),
    () => 1,
    new Date(0),
    new Map(),
    new Uint8Array(1),
    '\ud800',
    { toJSON: () => 'else' },
    { '\udfff': 1 },
    [undefined],
    new Array<unknown>(1),
  ]) {
    expect(withClaims({ bad }), String(bad)).toMatch(/^jws\.claims: /);
    expect(withClaims({ deep: [{ bad }] }), String(bad)).toMatch(/^jws\.claims: /);
  }
});

promise('P4', 'claims are bounded in depth and size', () => {
  const nested = (depth: number): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < depth; level++) value = [value];
    return value;
  };
  expect(withClaims({ nested: nested(15) })).toBe('accepted');
  expect(withClaims({ nested: nested(16) })).toMatch(/^jws\.claims: .*deeper than 16/);
  expect(withClaims({ nested: nested(9_000) })).toMatch(/^jws\.claims: .*deeper than 16/);
  expect(withClaims({ long: 'a'.repeat(16_384) })).toMatch(/^jws\.size: /);
});

promise('P4', 'claims with names that objects have of themselves are claims like any other', () => {
  const claims = parseStrictJson(`{"__proto__":{"exp":1},"aud":"a","constructor":1,"exp":${NOW + 5}}`);
  expect(decodeJws({ ...REQUEST, claims }).intent.shown).toBe(
    `{"__proto__":{"exp":1},"aud":"a","constructor":1,"exp":${NOW + 5},"iat":${NOW}}`,
  );
  const inherited = parseStrictJson(`{"__proto__":{"exp":${NOW + 5}}}`);
  expect(refusal({ claims: inherited })).toMatch(/^jws\.claims: .*exp is missing/);
});

promise('P4', 'a claim never reaches the header', () => {
  const { signingInput } = decodeJws({
    ...REQUEST,
    claims: { ...CLAIMS, alg: 'none', crit: ['b64'], b64: false, jwk: {}, typ: 'vitrine-receipt+jwt' },
  });
  const [header = ''] = new TextDecoder().decode(signingInput).split('.');
  expect(Buffer.from(header, 'base64url').toString()).toBe('{"alg":"EdDSA","kid":"k1","typ":"JWT"}');
});

promise('P4', 'only a signature of 64 bytes makes a token', () => {
  const { assemble } = decodeJws(REQUEST);
  for (const length of [0, 63, 65, 72]) expect(() => assemble(new Uint8Array(length))).toThrow(TypeError);
});

promise('P4', 'any claims are refused, or signed as exactly one text that reads as the same claims', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.integer({ min: 1, max: 9999 }), (others, lifetime) => {
      const claims = { aud: 'a', ...others, exp: NOW + lifetime };
      try {
        const { intent } = decodeJws({ ...REQUEST, claims });
        expect(intent.lifetime).toBe(lifetime);
        expect(JSON.parse(intent.shown)).toEqual(JSON.parse(JSON.stringify({ iat: NOW, ...claims })));
        expect(() => parseStrictJson(intent.shown)).not.toThrow();
      } catch (error) {
        if (!(error instanceof RefusedRequestError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
