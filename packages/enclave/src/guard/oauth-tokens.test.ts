import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createOauthCheck, type OauthSettings } from './oauth-tokens.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const SECONDS = NOW.getTime() / 1000;
const SETTINGS: OauthSettings = {
  issuer: 'https://login.example.com',
  audience: 'https://bank.example/mcp',
  jwks: 'https://login.example.com/keys',
  algorithms: ['ES256'],
};
const CANARY = 'person-4711';

let good: { publicKey: CryptoKey; privateKey: CryptoKey };
let stranger: { publicKey: CryptoKey; privateKey: CryptoKey };
let rsa: { publicKey: CryptoKey; privateKey: CryptoKey };
beforeAll(async () => {
  good = await generateKeyPair('ES256', { extractable: true });
  stranger = await generateKeyPair('ES256', { extractable: true });
  rsa = await generateKeyPair('RS256', { extractable: true });
});

async function keySet(): Promise<string> {
  const keys = [
    { ...(await exportJWK(good.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' },
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' },
  ];
  return JSON.stringify({ keys });
}

const CLAIMS: JWTPayload = {
  iss: SETTINGS.issuer,
  aud: SETTINGS.audience,
  sub: CANARY,
  iat: SECONDS - 10,
  exp: SECONDS + 600,
  scope: 'read write',
};

async function token(claims: JWTPayload = CLAIMS, header: { alg?: string; kid?: string } = {}, key = good.privateKey) {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(key);
}

function checker(settings: Partial<OauthSettings> = {}, answer?: () => Promise<Response>) {
  let fetched = 0;
  const check = createOauthCheck(
    { ...SETTINGS, ...settings },
    {
      fetch: async () => {
        fetched += 1;
        return answer === undefined
          ? new Response(await keySet(), { headers: { 'content-type': 'application/json' } })
          : answer();
      },
      now: () => NOW,
    },
  );
  return { check, fetched: () => fetched };
}

promise('P1', 'a token of the issuer for this server makes a principal without a name', async () => {
  const { check, fetched } = checker();
  const result = await check(await token());
  expect(result).toMatchObject({ principal: { scopes: new Set(['read', 'write']) } });
  expect(JSON.stringify(result)).not.toContain(CANARY);
  const again = await check(await token({ ...CLAIMS, scope: 'read' }));
  expect('principal' in again && 'principal' in result && again.principal.id === result.principal.id).toBe(true);
  expect(fetched()).toBe(1);
});

promise('P1', 'another subject, and the same subject of another issuer, is another principal', async () => {
  const idOf = async (settings: Partial<OauthSettings>, claims: JWTPayload): Promise<string> => {
    const result = await checker(settings).check(await token(claims));
    return 'principal' in result ? result.principal.id : 'refused';
  };
  const ids = [
    await idOf({}, CLAIMS),
    await idOf({}, { ...CLAIMS, sub: 'other' }),
    await idOf({ issuer: 'https://b.example.com' }, { ...CLAIMS, iss: 'https://b.example.com' }),
  ];
  expect(new Set(ids).size).toBe(3);
  expect(ids).not.toContain('refused');
});

const without = (name: keyof JWTPayload): JWTPayload =>
  Object.fromEntries(Object.entries(CLAIMS).filter(([key]) => key !== name));

for (const [what, claims] of [
  ['has another issuer', { ...CLAIMS, iss: 'https://evil.example.com' }],
  ['has no issuer', without('iss')],
  ['is for another server', { ...CLAIMS, aud: 'https://other.example/mcp' }],
  ['is for nobody', without('aud')],
  ['has expired', { ...CLAIMS, exp: SECONDS - 61 }],
  ['never expires', without('exp')],
  ['is not valid yet', { ...CLAIMS, nbf: SECONDS + 61 }],
  ['was issued in the future', { ...CLAIMS, iat: SECONDS + 61 }],
  ['lives longer than a day', { ...CLAIMS, exp: SECONDS + 86_401 }],
  ['was made for longer than a day', { ...CLAIMS, iat: SECONDS - 86_400 }],
  ['has no subject', without('sub')],
  ['has an empty subject', { ...CLAIMS, sub: '' }],
] as const) {
  promise('P1', `a token that ${what} is refused`, async () => {
    const result = await checker().check(await token(claims));
    expect(result).toMatchObject({ refusal: { error: 'invalid_token' } });
    expect(JSON.stringify(result)).not.toContain(CANARY);
  });
}

promise(
  'P1',
  'a token with an algorithm that the manifest does not name is refused, though the key is published',
  async () => {
    expect(await checker().check(await token(CLAIMS, { alg: 'RS256', kid: 'rsa' }, rsa.privateKey))).toMatchObject({
      refusal: { error: 'invalid_token' },
    });
  },
);

promise('P1', 'alg none, HS256 with the public key, a stranger’s key and an unknown key id are refused', async () => {
  const { check } = checker();
  const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const none = `${b64({ alg: 'none' })}.${b64(CLAIMS)}.`;
  const secret = new TextEncoder().encode(JSON.stringify(await exportJWK(good.publicKey)));
  const mixed = await new SignJWT(CLAIMS).setProtectedHeader({ alg: 'HS256', kid: 'one' }).sign(secret);
  for (const bad of [
    none,
    mixed,
    await token(CLAIMS, {}, stranger.privateKey),
    await token(CLAIMS, { kid: '../../etc/passwd' }),
    'not.a.jwt',
    '',
  ]) {
    expect(await check(bad)).toMatchObject({ refusal: { error: 'invalid_token' } });
  }
});

promise('P1', 'a changed signature, payload or header is refused', async () => {
  const { check } = checker();
  const parts = (await token()).split('.');
  for (let at = 0; at < 3; at++) {
    const changed = parts.map((part, index) =>
      index === at ? `${part.startsWith('A') ? 'B' : 'A'}${part.slice(1)}` : part,
    );
    expect(await check(changed.join('.'))).toMatchObject({ refusal: { error: 'invalid_token' } });
  }
});

promise('P1', 'a token without a needed scope is told which are needed', async () => {
  expect(await checker({ scopes: ['read', 'admin'] }).check(await token())).toMatchObject({
    refusal: { error: 'insufficient_scope', scopes: ['read', 'admin'] },
  });
});

for (const [what, answer] of [
  ['is down', () => Promise.reject(new Error('ECONNREFUSED'))],
  ['answers with an error', async () => new Response('', { status: 500 })],
  [
    'answers with a redirect',
    async () => new Response('', { status: 302, headers: { location: 'https://evil.example.com' } }),
  ],
  ['answers with something else', async () => new Response('hello')],
  ['answers with no key set', async () => Response.json({ hello: 1 })],
] as const) {
  promise('P1', `when the key server ${what}, nobody is let in and nobody is blamed`, async () => {
    expect(await checker({}, answer).check(await token())).toMatchObject({ refusal: { error: 'unavailable' } });
  });
}
