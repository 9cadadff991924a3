import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type AuthSettings, createAuthenticator } from './authenticate.ts';
import { challenge, readBearer, refusalStatus } from './bearer-header.ts';
import { ANYBODY } from './principal.ts';
import { createRates } from './rates.ts';
import { resourceMetadata } from './resource-metadata.ts';

const TOKEN = 'v1.3q2-7wABAgMEBQYHCAkKCwwNDg8';
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const OAUTH: AuthSettings = {
  kind: 'oauth',
  issuer: 'https://login.example.com',
  audience: 'https://bank.example/mcp',
  jwks: 'https://login.example.com/keys',
  algorithms: ['ES256'],
  scopes: ['read'],
  toolScopes: { pay: ['pay:write'] },
};
const unused = { fetch: () => Promise.reject(new Error('no network here')), now: () => new Date(0) };

promise('P1', 'with auth none everybody is the same principal', async () => {
  const { authenticate } = createAuthenticator({ kind: 'none' }, unused);
  expect(await authenticate(undefined)).toEqual({ principal: ANYBODY });
});

promise('P1', 'a static token names its owner; anything else is refused', async () => {
  const { authenticate } = createAuthenticator(
    { kind: 'bearer', tokens: { agent: sha256(TOKEN), other: sha256('x') } },
    unused,
  );
  expect(await authenticate(`Bearer ${TOKEN}`)).toMatchObject({ principal: { id: 'token:agent' } });
  expect(await authenticate(undefined)).toMatchObject({ refusal: { error: 'missing_token' } });
  for (const wrong of [`${TOKEN}A`, TOKEN.slice(1), sha256(TOKEN)]) {
    expect(await authenticate(`Bearer ${wrong}`)).toMatchObject({ refusal: { error: 'invalid_token' } });
  }
});

for (const header of [
  '',
  'Bearer',
  'Bearer ',
  `Basic ${TOKEN}`,
  `Bearer ${TOKEN} x`,
  `Bearer  ${TOKEN}`,
  'Bearer a,b',
  `Bearer ${'a'.repeat(9000)}`,
]) {
  promise('P1', `${JSON.stringify(header.slice(0, 24))} is no bearer token`, () => {
    expect(readBearer(header)).toMatchObject({ refusal: { error: 'invalid_request' } });
  });
}

promise('P1', 'a challenge never repeats what was sent', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 5 }), (text) => {
      const read = readBearer(text);
      if ('refusal' in read)
        expect(challenge(read.refusal, 'https://a.example/m')).not.toContain(JSON.stringify(text).slice(1, -1));
    }),
  );
});

promise('P1', 'challenges say where the metadata is, and each refusal has its status', () => {
  const metadata = 'https://bank.example/.well-known/oauth-protected-resource/mcp';
  expect(challenge({ error: 'missing_token', message: 'x' }, metadata)).toBe(`Bearer resource_metadata="${metadata}"`);
  expect(challenge({ error: 'missing_token', message: 'x' }, undefined)).toBe('Bearer');
  expect(challenge({ error: 'insufficient_scope', message: 'm', scopes: ['a', 'b'] }, metadata)).toBe(
    `Bearer resource_metadata="${metadata}", error="insufficient_scope", error_description="m", scope="a b"`,
  );
  const statuses = (
    ['missing_token', 'invalid_token', 'invalid_request', 'insufficient_scope', 'unavailable'] as const
  ).map((error) => refusalStatus({ error, message: '' }));
  expect(statuses).toEqual([401, 401, 400, 403, 503]);
});

promise('P1', 'a tool with scopes of its own wants them, and those that are held stay named', () => {
  const { toolRefusal } = createAuthenticator(OAUTH, unused);
  const principal = { id: 'oauth:1', scopes: new Set(['read']) };
  expect(toolRefusal(principal, 'balance')).toBeUndefined();
  expect(toolRefusal(principal, 'pay')).toMatchObject({ error: 'insufficient_scope', scopes: ['read', 'pay:write'] });
  expect(toolRefusal({ ...principal, scopes: new Set(['pay:write']) }, 'pay')).toBeUndefined();
  expect(toolRefusal(principal, '__proto__')).toBeUndefined();
});

promise('P1', 'the metadata names issuer and scopes, and exists for OAuth only', () => {
  expect(JSON.parse(resourceMetadata(OAUTH, 'https://bank.example/mcp') ?? '')).toEqual({
    resource: 'https://bank.example/mcp',
    authorization_servers: ['https://login.example.com'],
    bearer_methods_supported: ['header'],
    scopes_supported: ['read', 'pay:write'],
  });
  expect(resourceMetadata({ kind: 'none' }, 'https://bank.example/mcp')).toBeUndefined();
});

promise('P1', 'a principal with no budget left is refused, another is not, and time brings it back', () => {
  let now = 0;
  const rates = createRates({ perMinute: 2, concurrent: 10, remembered: 10 }, () => now);
  expect([rates.enter('a').admitted, rates.enter('a').admitted]).toEqual([true, true]);
  expect(rates.enter('a')).toEqual({ admitted: false, retryAfterSeconds: 30 });
  expect(rates.enter('b').admitted).toBe(true);
  now = 30_000;
  expect(rates.enter('a').admitted).toBe(true);
});

promise('P1', 'so many at once and no more; a request that is over makes room once', () => {
  const rates = createRates({ perMinute: 100, concurrent: 1, remembered: 10 }, () => 0);
  const first = rates.enter('a');
  expect(rates.enter('a').admitted).toBe(false);
  if (first.admitted) {
    first.done();
    first.done();
  }
  expect(rates.enter('a').admitted).toBe(true);
  expect(rates.enter('a').admitted).toBe(false);
});

promise('P1', 'endless keys cost no endless memory: known ones are served, new ones wait', () => {
  let now = 0;
  const rates = createRates({ perMinute: 60, concurrent: 5, remembered: 2 }, () => now);
  expect([rates.enter('a').admitted, rates.enter('b').admitted, rates.enter('c').admitted]).toEqual([
    true,
    true,
    false,
  ]);
  expect(rates.enter('a').admitted).toBe(true);
  const idle = createRates({ perMinute: 60, concurrent: 5, remembered: 1 }, () => now);
  const one = idle.enter('a');
  if (one.admitted) one.done();
  now = 60_000;
  expect(idle.enter('b').admitted).toBe(true);
});
