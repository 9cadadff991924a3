/** H2 and H3 through the open door, with an authorization server's key set on loopback. */
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { beforeAll, expect, onTestFinished } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type AuthSettings, createAuthenticator } from '../guard/authenticate.ts';
import { type Answer, ask, dial, exchange, type OpenDoor, openDoor } from '../testing/open-door.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const SECONDS = NOW.getTime() / 1000;
const SETTINGS: AuthSettings = {
  kind: 'oauth',
  issuer: 'https://login.example.com',
  audience: 'https://bank.example/mcp',
  jwks: 'https://login.example.com/keys',
  algorithms: ['ES256', 'RS256'],
  scopes: ['use'],
};
const CLAIMS: JWTPayload = {
  iss: SETTINGS.issuer,
  aud: SETTINGS.audience,
  sub: 'somebody',
  iat: SECONDS - 10,
  exp: SECONDS + 600,
  scope: 'use',
};

let own: { publicKey: CryptoKey; privateKey: CryptoKey };
let rsa: { publicKey: CryptoKey; privateKey: CryptoKey };
let stranger: { publicKey: CryptoKey; privateKey: CryptoKey };
beforeAll(async () => {
  [own, rsa, stranger] = await Promise.all([
    generateKeyPair('ES256', { extractable: true }),
    generateKeyPair('RS256', { extractable: true }),
    generateKeyPair('ES256', { extractable: true }),
  ]);
});

interface Guarded extends OpenDoor {
  /** Paths that the key server was asked for. */
  readonly asked: readonly string[];
  readonly seen: readonly string[];
  post(authorization?: string): Promise<Answer>;
}

async function guarded(): Promise<Guarded> {
  const asked: string[] = [];
  const keys = [
    { ...(await exportJWK(own.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' },
    { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'RS256', use: 'sig' },
  ];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const authenticator = createAuthenticator(SETTINGS, {
    // Keys are fetched over https in life; here the same path is asked of a server on loopback.
    fetch: (url, options) => fetch(`http://127.0.0.1:${port}${new URL(url).pathname}`, options as RequestInit),
    now: () => NOW,
  });
  const seen: string[] = [];
  const opened = await openDoor({
    auth: { settings: SETTINGS, authenticator },
    handle: async (request, response) => {
      seen.push(JSON.stringify([request.headers, request.rawHeaders, request.headersDistinct]));
      request.resume();
      response.setHeader('content-length', 6).end('served');
    },
  });
  return {
    ...opened,
    asked,
    seen,
    post: (authorization) =>
      ask(opened.door, [
        'POST /mcp HTTP/1.1',
        'Host: bank.example',
        'Content-Length: 0',
        ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
      ]),
  };
}

function token(claims: JWTPayload = CLAIMS, header: object = {}, key: CryptoKey = own.privateKey): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(key);
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

promise('P1', 'a good token lets in, and nothing behind the door sees it', async () => {
  const { post, seen } = await guarded();
  const good = await token();
  expect(await post(`Bearer ${good}`)).toMatchObject({ status: 200, body: 'served' });
  expect(seen).toHaveLength(1);
  for (const part of good.split('.')) expect(seen.join()).not.toContain(part);
});

const refused: Readonly<Record<string, () => Promise<string | undefined>>> = {
  'no token': async () => undefined,
  'another scheme': async () => 'Basic c29tZTpib2R5',
  'a token of another key': async () => `Bearer ${await token(CLAIMS, {}, stranger.privateKey)}`,
  'an expired token': async () => `Bearer ${await token({ ...CLAIMS, exp: SECONDS - 61 })}`,
  'alg none': async () => `Bearer ${base64({ alg: 'none', kid: 'one' })}.${base64(CLAIMS)}.`,
  'HS256 with the public key as the secret': async () => {
    const head = `${base64({ alg: 'HS256', kid: 'rsa' })}.${base64(CLAIMS)}`;
    const mac = createHmac('sha256', await exportSPKI(rsa.publicKey))
      .update(head)
      .digest('base64url');
    return `Bearer ${head}.${mac}`;
  },
  'a key id that is a path': async () => `Bearer ${await token(CLAIMS, { kid: '../../etc/passwd' })}`,
  'a key id that is a URL': async () => `Bearer ${await token(CLAIMS, { kid: 'https://evil.example/k' })}`,
  'a key and its address in the token': async () =>
    `Bearer ${await token(CLAIMS, { jku: 'https://evil.example/k', jwk: await exportJWK(stranger.publicKey) }, stranger.privateKey)}`,
  'another audience': async () => `Bearer ${await token({ ...CLAIMS, aud: 'https://other.example/mcp' })}`,
  'another issuer': async () => `Bearer ${await token({ ...CLAIMS, iss: 'https://evil.example' })}`,
  'a token for another resource of the same host': async () =>
    `Bearer ${await token({ ...CLAIMS, aud: 'https://bank.example' })}`,
};
for (const [what, authorization] of Object.entries(refused)) {
  promise('P1', `${what} is refused with 401 or 400 and where to get a token`, async () => {
    const { post, seen, asked } = await guarded();
    const answer = await post(await authorization());
    expect([400, 401]).toContain(answer.status);
    const challenge = answer.headers.get('www-authenticate') ?? '';
    expect(challenge).toContain('resource_metadata="https://bank.example/.well-known/oauth-protected-resource/mcp"');
    expect(seen).toEqual([]);
    // Nothing in a token decides what is fetched.
    expect(asked.filter((path) => path !== '/keys')).toEqual([]);
  });
}

promise('P1', 'a token without the scope is refused with 403, and told which it needs', async () => {
  const { post, seen } = await guarded();
  const answer = await post(`Bearer ${await token({ ...CLAIMS, scope: 'other' })}`);
  expect(answer.status).toBe(403);
  expect(answer.headers.get('www-authenticate')).toMatch(/error="insufficient_scope".*scope="use"/);
  expect(seen).toEqual([]);
});

promise('P1', 'a caller beyond its rate is told when to come again, whoever it says it is', async () => {
  const { door } = await openDoor({ limits: { requests: { perMinute: 2, concurrent: 8, remembered: 8 } } });
  const one = (): Promise<Answer> =>
    ask(door, ['POST /mcp HTTP/1.1', `Host: localhost:${door.port}`, 'Content-Length: 0']);
  expect([(await one()).status, (await one()).status]).toEqual([200, 200]);
  const third = await one();
  expect([third.status, Number(third.headers.get('retry-after')) > 0]).toEqual([429, true]);
});

if (process.platform === 'linux') {
  promise('P8', 'where nobody is told apart, one address cannot use up what others may', async () => {
    const { door } = await openDoor({ limits: { requests: { perMinute: 2, concurrent: 8, remembered: 8 } } });
    const from = async (localAddress: string): Promise<number> => {
      const socket = await dial(door.port, { socket: connect({ port: door.port, host: '127.0.0.1', localAddress }) });
      const head = `POST /mcp HTTP/1.1\r\nHost: localhost:${door.port}\r\nContent-Length: 0\r\n\r\n`;
      return (await exchange(socket, head)).status;
    };
    const greedy = [await from('127.0.0.2'), await from('127.0.0.2'), await from('127.0.0.2')];
    expect([greedy, await from('127.0.0.3')]).toEqual([[200, 200, 429], 200]);
  });
}
