import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { outsideFetch } from '../net/outside-fetch.ts';
import { direct } from '../net/proxy-environment.ts';
import {
  type AuthKnobs,
  type AuthServer,
  createResource,
  type Resource,
  type ResourceOptions,
  startAuthServer,
} from '../testing/auth-server.ts';
import { browse } from '../testing/browse.ts';
import { memoryTokenStore, type StoredSignIn } from './token-store.ts';
import { type FetchLike, type SignInOptions, withSignIn } from './with-sign-in.ts';

const POST = { method: 'POST', body: '{}' };
const NOW = Date.UTC(2026, 10, 22);

interface Setup extends AsyncDisposable {
  readonly authority: AuthServer;
  readonly resource: Resource;
  readonly fetch: FetchLike;
  readonly options: SignInOptions;
  /** Addresses that a person was shown. */
  readonly shown: string[];
  /** URLs that were asked for outside. */
  readonly outside: { readonly url: string; readonly text: string }[];
}

async function setUp(
  knobs: AuthKnobs = {},
  given: Partial<SignInOptions> = {},
  resourceOptions: Partial<ResourceOptions> = {},
): Promise<Setup> {
  const authority = await startAuthServer(knobs);
  const resource = createResource({ authority: () => authority, ...resourceOptions });
  const shown: string[] = [];
  const outside: { url: string; text: string }[] = [];
  const out = outsideFetch({ proxyFor: direct, allowLoopback: true, timeLimitMs: 10_000, maxBytes: 1 << 16 });
  const options: SignInOptions = {
    url: resource.url,
    outsideFetch: (url, init) => {
      outside.push({ url, text: JSON.stringify([url, [...new Headers(init?.headers)], String(init?.body ?? '')]) });
      return out.fetch(url, init);
    },
    store: memoryTokenStore(),
    client: {},
    grant: 'authorization-code',
    interact: async (url) => {
      shown.push(url);
      await browse(url);
    },
    now: () => NOW,
    random: (bytes) => randomBytes(bytes),
    signal: new AbortController().signal,
    waitMs: 10_000,
    ...given,
  };
  return {
    authority,
    resource,
    shown,
    outside,
    options,
    fetch: withSignIn(resource.fetch, options),
    async [Symbol.asyncDispose]() {
      await out.close();
      await authority[Symbol.asyncDispose]();
    },
  };
}

/** Something was refused, and by the name `code`; gives the message. */
async function refused(attempt: Promise<Response>, code: string): Promise<string> {
  const error = await attempt.then(
    (response) => new Error(`answered ${response.status}`),
    (caught: Error) => caught,
  );
  expect({ code: (error as { code?: string }).code, message: error.message }).toMatchObject({ code });
  return error.message;
}

/** What a store holds after a sign-in whose access token is gone. */
async function signedIn(setup: Setup): Promise<StoredSignIn> {
  expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
  setup.authority.tokens.clear();
  return (await setup.options.store.read()) as StoredSignIn;
}

promise('P8', 'a server that asks for a sign-in and then does not say where is not waited for', async () => {
  const silent: FetchLike = async (url, init) => {
    if (!url.includes('well-known')) return new Response(null, { status: 401 });
    return new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason)));
  };
  await using setup = await setUp({}, { metadataLimitMs: 1 });
  await refused(withSignIn(silent, setup.options)(setup.resource.url, POST), 'network');
  const endless: FetchLike = async (url, init) => {
    if (!url.includes('well-known')) return new Response(null, { status: 401 });
    const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
      start: (stream) => init?.signal?.addEventListener('abort', () => stream.error(init.signal?.reason)),
    });
    return new Response(body);
  };
  await refused(withSignIn(endless, setup.options)(setup.resource.url, POST), 'network');
});

describe('a sign-in by a person', () => {
  promise('P2', 'happens when the server asks for it; the token then goes to the server and nowhere else', async () => {
    await using setup = await setUp({ advertiseIss: true });
    const { authority, resource, shown, outside } = setup;
    expect((await setup.fetch(resource.url, POST)).status).toBe(200);
    expect((await setup.fetch(resource.url, POST)).status).toBe(200);
    expect(shown).toHaveLength(1);
    const [access] = authority.tokens.keys();
    expect(resource.requests.filter(({ authorization }) => authorization === `Bearer ${access}`)).toHaveLength(2);
    expect(resource.requests.find(({ url }) => url.includes('well-known'))?.authorization).toBeUndefined();
    for (const { url, text } of outside) {
      expect(new URL(url).origin).toBe(authority.issuer);
      expect(text).not.toContain(access);
    }
  });

  promise('P2', 'asks with PKCE, state and the resource, and exchanges with the same resource', async () => {
    await using setup = await setUp();
    await setup.fetch(setup.resource.url, POST);
    const [asked] = setup.authority.of('authorize');
    expect(asked?.params.get('code_challenge_method')).toBe('S256');
    expect(asked?.params.get('state')).toMatch(/^[\w-]{43}$/);
    expect(asked?.params.get('resource')).toBe(setup.resource.url);
    expect(asked?.params.get('redirect_uri')).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/callback$/);
    expect(setup.authority.of('authorization_code')[0]?.params.get('resource')).toBe(setup.resource.url);
  });

  promise('P8', 'asks for what the server names, else for what its metadata lists, else for nothing', async () => {
    const scopeAsked = async (given: Partial<ResourceOptions>, scope?: string): Promise<string | null | undefined> => {
      await using setup = await setUp({}, scope === undefined ? {} : { scope }, given);
      await setup.fetch(setup.resource.url, POST);
      return setup.authority.of('authorize')[0]?.params.get('scope');
    };
    const metadata = (): Record<string, unknown> => ({ scopes_supported: ['a', 'b'] });
    expect(await scopeAsked({ challengeScope: 'c', metadata })).toBe('c');
    expect(await scopeAsked({ metadata })).toBe('a b');
    expect(await scopeAsked({})).toBeNull();
    expect(await scopeAsked({ metadata }, 'mine')).toBe('mine');
    expect(await scopeAsked({ challengeScope: 'c', metadata }, 'mine')).toBe('mine c');
  });

  test.each([
    ['state', { state: 'wrong' }, 'sign-in.state'],
    ['state that is absent', { state: 'absent' }, 'sign-in.state'],
    ['state that is there twice', { state: 'twice' }, 'sign-in.callback'],
    ['issuer in the answer', { iss: 'wrong' }, 'sign-in.issuer'],
    ['issuer in the answer by one slash', { iss: 'slash' }, 'sign-in.issuer'],
    ['issuer that is announced and absent', { iss: 'absent', advertiseIss: true }, 'sign-in.issuer'],
    ['issuer of an error', { iss: 'wrong', authorizeError: 'access_denied' }, 'sign-in.issuer'],
    ['refusal by the person', { authorizeError: 'access_denied' }, 'sign-in.denied'],
    ['error', { authorizeError: 'server_error' }, 'sign-in.refused'],
  ] as const)('P2 a wrong %s ends it before a code is exchanged', async (_what, knobs, code) => {
    await using setup = await setUp(knobs);
    await refused(setup.fetch(setup.resource.url, POST), code);
    expect(setup.authority.of('authorization_code')).toHaveLength(0);
    expect(await setup.options.store.read()).toBeUndefined();
  });

  test.each([
    ['does not announce PKCE', { codeChallengeMethods: 'absent' }, 'sign-in.pkce'],
    ['does PKCE without S256', { codeChallengeMethods: ['plain'] }, 'sign-in.pkce'],
    ['calls itself another', { metadataIssuer: 'https://other.example' }, 'sign-in.issuer'],
    ['redirects', { metadataRedirect: 'http://127.0.0.1:1/' }, 'network.redirect'],
    ['floods', { flood: true }, 'network.size'],
    ['gives no JSON', { metadataBody: '<html>' }, 'sign-in.answer'],
    ['has a token endpoint without TLS', { tokenEndpoint: 'http://plain.example/token' }, 'sign-in.endpoint'],
  ] as const)('P2 an authorization server that %s is refused before anybody is asked', async (_what, knobs, code) => {
    await using setup = await setUp(knobs);
    await refused(setup.fetch(setup.resource.url, POST), code);
    expect(setup.shown).toEqual([]);
    expect(setup.authority.of('register')).toHaveLength(0);
  });

  test.each([
    ['is for another server', () => ({ resource: 'https://evil.example/mcp' }), 'sign-in.resource'],
    ['is for another path', () => ({ resource: 'https://mcp.example/other' }), 'sign-in.resource'],
    ['names no authorization server', () => ({ authorization_servers: [] }), 'sign-in.metadata'],
    ['is malformed', () => ({ resource: 7 }), 'sign-in.metadata'],
    ['names a server on plain http', () => ({ authorization_servers: ['http://auth.example'] }), 'sign-in.endpoint'],
    ['names a metadata service', () => ({ authorization_servers: ['https://169.254.169.254'] }), 'network.address'],
    ['names a user', () => ({ authorization_servers: ['https://u:p@auth.example'] }), 'sign-in.endpoint'],
  ] as const)('P2 protected resource metadata that %s is refused', async (_what, metadata, code) => {
    await using setup = await setUp({}, {}, { metadata });
    await refused(setup.fetch(setup.resource.url, POST), code);
    expect(setup.shown).toEqual([]);
  });

  promise(
    'P2',
    'metadata of the resource at another origin is fetched outside, without the attested connection',
    async () => {
      await using setup = await setUp({}, {}, { metadataUrl: 'https://169.254.169.254/latest' });
      await refused(setup.fetch(setup.resource.url, POST), 'network.address');
      expect(setup.resource.requests).toHaveLength(1);
    },
  );

  test.each([
    ['that is no bearer token', { tokenType: 'MAC' }, 'sign-in.token-type'],
    ['that breaks the header', { accessToken: 'a\r\nx-evil: 1' }, 'sign-in.token'],
    ['with a blank', { accessToken: 'two words' }, 'sign-in.token'],
  ] as const)('P2 a token %s is not used', async (_what, knobs, code) => {
    await using setup = await setUp(knobs);
    await refused(setup.fetch(setup.resource.url, POST), code);
    expect(setup.resource.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  promise('P2', 'refuses to send anything to another origin', async () => {
    await using setup = await setUp();
    await setup.fetch(setup.resource.url, POST);
    const before = setup.resource.requests.length;
    await refused(setup.fetch('https://mcp.example.evil.example/mcp', POST), 'channel.origin');
    await refused(setup.fetch('https://mcp.example:444/mcp', POST), 'channel.origin');
    expect(setup.resource.requests).toHaveLength(before);
  });

  promise('P2', 'ends when a token that was just issued is refused, without asking again', async () => {
    await using setup = await setUp({}, {}, { refuse: () => true });
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.rejected');
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.rejected');
    expect(setup.shown).toHaveLength(1);
  });

  promise('P8', 'is not started by a stream that only listens, nor by the end of a session', async () => {
    await using setup = await setUp();
    expect((await setup.fetch(setup.resource.url, { method: 'GET' })).status).toBe(401);
    expect((await setup.fetch(setup.resource.url, { method: 'DELETE' })).status).toBe(401);
    expect(setup.shown).toEqual([]);
  });

  promise('P8', 'without a browser the error says the address, and the answer is still taken', async () => {
    await using setup = await setUp({}, { interact: () => Promise.reject(new Error('headless')) });
    const message = await refused(setup.fetch(setup.resource.url, POST), 'sign-in.needed');
    const address = /open (http\S+)/.exec(message)?.[1] ?? '';
    expect(await refused(setup.fetch(setup.resource.url, POST), 'sign-in.needed')).toContain(address);
    await browse(address);
    await expect.poll(() => setup.options.store.read()).toBeDefined();
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    expect(setup.authority.of('authorize')).toHaveLength(1);
  });

  promise('P8', 'ends with a lost answer, and is not shown again at once', async () => {
    let shown = 0;
    const interact = async (): Promise<void> => void shown++;
    await using setup = await setUp({}, { interact, waitMs: 1 });
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.timeout');
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.timeout');
    expect(shown).toBe(1);
  });

  promise('P8', 'ends with the program, and one cancelled request ends alone', async () => {
    const stop = new AbortController();
    const request = new AbortController();
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    await using setup = await setUp({}, { interact: async () => resolve(), signal: stop.signal });
    const one = setup.fetch(setup.resource.url, { ...POST, signal: request.signal });
    const other = setup.fetch(setup.resource.url, POST);
    await asked;
    request.abort(new Error('cancelled'));
    await expect(one).rejects.toThrow('cancelled');
    stop.abort(new Error('stopped'));
    await expect(other).rejects.toThrow('stopped');
  });
});

describe('the client', () => {
  promise('P8', 'is a metadata document where the server takes one', async () => {
    const metadataUrl = 'https://client.example/vitrine.json';
    const registered = { clientId: 'known' };
    await using setup = await setUp({ clientIdMetadataDocuments: true }, { client: { metadataUrl, registered } });
    await setup.fetch(setup.resource.url, POST);
    expect(setup.authority.of('authorize')[0]?.params.get('client_id')).toBe(metadataUrl);
    expect(setup.authority.of('register')).toHaveLength(0);
  });

  promise('P8', 'else is the one that was registered beforehand', async () => {
    const client = { metadataUrl: 'https://client.example/vitrine.json', registered: { clientId: 'known' } };
    await using setup = await setUp({}, { client });
    await setup.fetch(setup.resource.url, POST);
    expect(setup.authority.of('authorize')[0]?.params.get('client_id')).toBe('known');
    expect(setup.authority.of('register')).toHaveLength(0);
  });

  promise('P8', 'else registers itself as a native program that refreshes', async () => {
    await using setup = await setUp();
    await setup.fetch(setup.resource.url, POST);
    const [asked] = setup.authority.of('register');
    expect(JSON.parse(asked?.body ?? '{}')).toMatchObject({
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'none',
    });
  });

  promise('P8', 'that cannot be anything is told how to become something', async () => {
    await using setup = await setUp({ registration: false });
    expect(await refused(setup.fetch(setup.resource.url, POST), 'sign-in.client')).toContain('--oauth-client');
  });

  promise('P2', 'that belongs to another issuer keeps its secret', async () => {
    const registered = { clientId: 'known', clientSecret: 'canary', issuer: 'https://auth.example' };
    await using setup = await setUp({}, { client: { registered } });
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.issuer');
    expect(setup.outside.map(({ text }) => text).join()).not.toContain('canary');
  });

  test.each([
    ['client_secret_basic', 'Basic'],
    ['client_secret_post', undefined],
  ] as const)('P8 registers and authenticates with %s where that is the only way', async (method, scheme) => {
    await using setup = await setUp({ authMethods: [method], registeredSecret: 's3cret', registeredMethod: method });
    await setup.fetch(setup.resource.url, POST);
    const [exchange] = setup.authority.of('authorization_code');
    expect(exchange?.authorization?.split(' ')[0]).toBe(scheme);
    expect(exchange?.params.get('client_secret')).toBe(scheme === undefined ? 's3cret' : null);
  });
});

describe('a refresh', () => {
  promise(
    'P8',
    'happens once for twenty calls at a time, and the rotated token is kept before it is used',
    async () => {
      await using setup = await setUp();
      const before = await signedIn(setup);
      const answers = await Promise.all(Array.from({ length: 20 }, () => setup.fetch(setup.resource.url, POST)));
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
      expect(setup.authority.of('refresh_token')).toHaveLength(1);
      expect(setup.shown).toHaveLength(1);
      const after = await setup.options.store.read();
      expect(after?.tokens?.refreshToken).not.toBe(before.tokens?.refreshToken);
      expect(setup.authority.refreshTokens.has(after?.tokens?.refreshToken ?? '')).toBe(true);
    },
  );

  promise('P8', 'happens once for two programs with one store', async () => {
    await using setup = await setUp();
    await signedIn(setup);
    const other = withSignIn(setup.resource.fetch, setup.options);
    const calls = [setup.fetch, other, setup.fetch, other].map((one) => one(setup.resource.url, POST));
    for (const { status } of await Promise.all(calls)) expect(status).toBe(200);
    expect(setup.authority.of('refresh_token')).toHaveLength(1);
  });

  promise('P8', 'keeps the refresh token where the server does not rotate it', async () => {
    await using setup = await setUp({ rotate: false });
    const before = await signedIn(setup);
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    expect((await setup.options.store.read())?.tokens?.refreshToken).toBe(before.tokens?.refreshToken);
  });

  promise('P8', 'happens by the clock too, before a request is sent with an old token', async () => {
    let now = NOW;
    await using setup = await setUp({ expiresIn: 60 }, { now: () => now });
    const before = await signedIn(setup);
    now += 61_000;
    const sent = setup.resource.requests.length;
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    const later = setup.resource.requests.slice(sent).map(({ authorization }) => authorization);
    expect(later).not.toContain(`Bearer ${before.tokens?.accessToken}`);
  });

  promise('P8', 'that is refused leads to a new sign-in', async () => {
    await using setup = await setUp();
    await signedIn(setup);
    setup.authority.knobs.refuseRefresh = 'invalid_grant';
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    expect(setup.shown).toHaveLength(2);
    expect(setup.authority.of('register')).toHaveLength(1);
  });

  promise('P8', 'whose client is no longer known leads to a new registration', async () => {
    await using setup = await setUp();
    await signedIn(setup);
    setup.authority.knobs.refuseRefresh = 'invalid_client';
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    expect(setup.authority.of('register')).toHaveLength(2);
  });

  promise('P2', 'whose token the server does not take leads to one sign-in, and then ends', async () => {
    const accepted = new Set<string>();
    const refuse = (token: string): boolean => !accepted.has(token);
    await using setup = await setUp({}, {}, { refuse });
    const given = setup.fetch(setup.resource.url, POST);
    await refused(given, 'sign-in.rejected');
    const other = withSignIn(setup.resource.fetch, setup.options);
    await refused(other(setup.resource.url, POST), 'sign-in.rejected');
    expect(setup.authority.of('refresh_token')).toHaveLength(1);
    expect(setup.shown).toHaveLength(2);
  });

  promise('P8', 'that fails for a while keeps the refresh token', async () => {
    await using setup = await setUp();
    const before = await signedIn(setup);
    setup.authority.knobs.refuseRefresh = 'temporarily_unavailable';
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.answer');
    expect((await setup.options.store.read())?.tokens).toEqual(before.tokens);
    expect(setup.shown).toHaveLength(1);
  });

  promise('P2', 'shows no token in an error, whatever the server says back', async () => {
    await using setup = await setUp();
    const { tokens } = await signedIn(setup);
    setup.authority.knobs.refuseRefresh = 'invalid_scope';
    const first = await refused(setup.fetch(setup.resource.url, POST), 'sign-in.refused');
    const body = `oops ${tokens?.refreshToken}`;
    setup.authority.knobs.rawRefresh = { status: 500, body };
    const second = await refused(setup.fetch(setup.resource.url, POST), 'sign-in.answer');
    setup.authority.knobs.rawRefresh = { status: 200, body: JSON.stringify({ access_token: tokens?.accessToken }) };
    const third = await refused(setup.fetch(setup.resource.url, POST), 'sign-in.answer');
    for (const message of [first, second, third]) {
      expect(message).not.toContain(tokens?.refreshToken);
      expect(message).not.toContain(tokens?.accessToken);
    }
  });

  promise('P2', 'goes to the issuer of the token only: another one is given a new sign-in', async () => {
    await using setup = await setUp();
    const before = await signedIn(setup);
    await using other = await startAuthServer();
    const resource = createResource({ authority: () => other });
    const moved = withSignIn(resource.fetch, setup.options);
    expect((await moved(resource.url, POST)).status).toBe(200);
    expect(other.of('register')).toHaveLength(1);
    expect(other.of('refresh_token')).toHaveLength(0);
    expect(JSON.stringify(other.requests.map(({ body, params }) => [body, [...params]]))).not.toContain(
      before.tokens?.refreshToken,
    );
  });
});

describe('a step up', () => {
  const needs = (body: string): string => (body.includes('write') ? 'write' : 'read');
  const resourceOptions = { needs, challengeScope: 'read' };

  promise('P8', 'asks for what is missing together with what there is', async () => {
    await using setup = await setUp({}, {}, resourceOptions);
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    expect((await setup.fetch(setup.resource.url, { method: 'POST', body: 'write' })).status).toBe(200);
    const scopes = setup.authority.of('authorize').map(({ params }) => params.get('scope'));
    expect(scopes).toEqual(['read', 'read write']);
    expect(setup.authority.of('refresh_token')).toHaveLength(0);
  });

  promise('P8', 'that grants nothing more is not repeated', async () => {
    await using setup = await setUp({ grantScope: 'read' }, {}, resourceOptions);
    const write = { method: 'POST', body: 'write' };
    await refused(setup.fetch(setup.resource.url, write), 'sign-in.scope');
    await refused(setup.fetch(setup.resource.url, write), 'sign-in.scope');
    expect(setup.shown).toHaveLength(2);
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
  });

  promise('P2', 'that always demands something new ends', async () => {
    let demanded = 0;
    await using setup = await setUp({}, {}, { needs: () => `scope${demanded++}` });
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(403);
    expect(setup.shown.length).toBeLessThanOrEqual(4);
  });
});

describe('client credentials', () => {
  const grant = 'client-credentials' as const;

  test.each([
    ['client_secret_basic', `Basic ${btoa('robot:s3cret')}`],
    ['client_secret_post', undefined],
  ] as const)('P8 sign in without a person, by %s', async (method, header) => {
    const registered = { clientId: 'robot', clientSecret: 's3cret', tokenEndpointAuthMethod: method };
    await using setup = await setUp({ authMethods: [method] }, { grant, client: { registered }, scope: 'read' });
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    const [asked] = setup.authority.of('client_credentials');
    expect(asked?.authorization).toBe(header);
    expect(asked?.params.get('client_secret')).toBe(header === undefined ? 's3cret' : null);
    expect(asked?.params.get('resource')).toBe(setup.resource.url);
    expect(asked?.params.get('scope')).toBe('read');
    setup.authority.tokens.clear();
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    expect(setup.shown).toEqual([]);
  });

  promise('P8', 'sign in by a signed assertion for the issuer', async () => {
    const { readKey } = await import('./oauth-client-file.ts');
    const { generateKeyPairSync, verify } = await import('node:crypto');
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = pair.privateKey.export({ type: 'sec1', format: 'pem' }).toString();
    const registered = {
      clientId: 'robot',
      tokenEndpointAuthMethod: 'private_key_jwt' as const,
      privateKey: readKey(pem, 'key'),
    };
    await using setup = await setUp({ authMethods: ['private_key_jwt'] }, { grant, client: { registered } });
    expect((await setup.fetch(setup.resource.url, POST)).status).toBe(200);
    const assertion = setup.authority.of('client_credentials')[0]?.params.get('client_assertion') ?? '';
    const [head = '', claims = '', signature = ''] = assertion.split('.');
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: 'robot',
      sub: 'robot',
      aud: setup.authority.issuer,
    });
    const key = { key: pair.publicKey, dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  promise('P2', 'without a client are refused', async () => {
    await using setup = await setUp({}, { grant });
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.client');
  });

  promise('P2', 'whose token is refused are not tried again for ever', async () => {
    const client = { registered: { clientId: 'robot', clientSecret: 's3cret' } };
    await using setup = await setUp({ authMethods: ['client_secret_post'] }, { grant, client }, { refuse: () => true });
    await refused(setup.fetch(setup.resource.url, POST), 'sign-in.rejected');
    expect(setup.authority.of('client_credentials')).toHaveLength(1);
  });
});
