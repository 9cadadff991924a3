import { generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { direct } from '../net/proxy-environment.ts';
import { type SignInFlags, signInFromFlags } from './from-flags.ts';
import { parseHeaders, readHeaderFile, withHeaders } from './header-file.ts';
import { readOAuthClient } from './oauth-client-file.ts';
import { withoutSecrets } from './secret-text.ts';
import { fileTokenStore, forgetTokens, type StoredSignIn, tokenFile } from './token-store.ts';

const home = await mkdtemp(join(tmpdir(), 'vitrine-sign-in-'));
afterAll(() => rm(home, { recursive: true, force: true }));
const URL_A = 'https://mcp.example/mcp';
const posix = process.platform !== 'win32';
const silent = (): void => {};

let files = 0;
async function file(text: string, mode = 0o600): Promise<string> {
  const name = join(home, `file-${files++}`);
  await writeFile(name, text);
  await chmod(name, mode);
  return name;
}

const record: StoredSignIn = {
  type: 'vitrine/tokens/v1',
  url: URL_A,
  issuer: 'https://auth.example',
  grant: 'authorization-code',
  resource: URL_A,
  client: { kind: 'dynamic', clientId: 'client', clientSecret: 'canary-secret' },
  tokens: { accessToken: 'canary-access', refreshToken: 'canary-refresh', expiresAt: 1 },
};

describe('the token file', () => {
  promise('P2', 'is of its owner alone, and one for each server', async () => {
    const store = fileTokenStore(home, URL_A);
    expect(await store.read()).toBeUndefined();
    await store.exclusive(() => store.write(record));
    await store.write({ ...record, requestedScope: 'read' });
    expect(await store.read()).toEqual({ ...record, requestedScope: 'read' });
    const name = tokenFile(home, URL_A);
    if (posix) {
      expect((await stat(name)).mode & 0o777).toBe(0o600);
      expect((await stat(dirname(name))).mode & 0o777).toBe(0o700);
    }
    expect(await readdir(dirname(name))).toHaveLength(1);
    expect(await fileTokenStore(home, 'https://mcp.example/other').read()).toBeUndefined();
    expect(await forgetTokens(home, URL_A)).toBe(true);
    expect(await forgetTokens(home, URL_A)).toBe(false);
  });

  test.each([
    ['no JSON', 'canary-access {'],
    ['half a file', JSON.stringify(record).slice(0, -20)],
    ['another type', JSON.stringify({ ...record, type: 'vitrine/pins/v1' })],
    ['an unknown member', JSON.stringify({ ...record, more: 1 })],
    ['a token that no header can hold', JSON.stringify({ ...record, tokens: { accessToken: 'canary-access\n' } })],
    ['a token that is no text', JSON.stringify({ ...record, tokens: { accessToken: ['canary-access'] } })],
    ['another server', JSON.stringify({ ...record, url: 'https://evil.example/mcp' })],
  ])('P2 with %s is refused by its name, unchanged, and without what is in it', async (_what, text) => {
    const name = tokenFile(home, URL_A);
    await writeFile(name, text, { mode: 0o600 });
    const error = (await fileTokenStore(home, URL_A)
      .read()
      .catch((caught: Error) => caught)) as Error;
    expect(error).toMatchObject({ code: 'tokens.damaged' });
    expect(error.message).toContain(name);
    expect(error.message).not.toContain('canary');
    expect(await readFile(name, 'utf8')).toBe(text);
    await rm(name);
  });

  test.skipIf(!posix)('P2 that others can read is refused', async () => {
    const store = fileTokenStore(home, URL_A);
    await store.write(record);
    await chmod(tokenFile(home, URL_A), 0o644);
    await expect(store.read()).rejects.toMatchObject({ code: 'tokens.mode' });
    await forgetTokens(home, URL_A);
  });
});

describe('the header file', () => {
  promise('P8', 'is names and values, with comments', () => {
    expect(parseHeaders('# mine\n\nX-Api-Key: a b:c\r\nAuthorization:Bearer x\n', 'f')).toEqual({
      'x-api-key': 'a b:c',
      authorization: 'Bearer x',
    });
  });

  test.each([
    'no colon canary',
    ': canary',
    'bad name: canary',
    'Host: canary',
    'content-length: 1',
    'Transfer-Encoding: chunked',
    'Connection: close',
    'MCP-Session-Id: canary',
    'Proxy-Authorization: canary',
    'Sec-Fetch-Mode: canary',
    'X-A: caf\u00e9-canary',
    'X-A: one\rX-B: canary',
    'X-A:',
    'X-A: 1\nx-a: canary',
  ])('P2 with the line %j is refused by file and line, without the value', (line) => {
    const read = (): unknown => parseHeaders(`X-First: 1\n${line}\n`, 'my-file');
    expect(read).toThrow(/^my-file:[23]: /);
    expect(read).not.toThrow(/canary/);
  });

  promise('P2', 'goes to the server only, and does not replace what a request says', async () => {
    const seen: unknown[] = [];
    const wrapped = withHeaders(
      async (url, init) => {
        seen.push([url, init?.headers]);
        return new Response();
      },
      { 'x-api-key': 'canary', authorization: 'Bearer static' },
      URL_A,
    );
    await wrapped(URL_A, { headers: { Authorization: 'Bearer own' } });
    expect(seen).toEqual([[URL_A, { 'x-api-key': 'canary', authorization: 'Bearer own' }]]);
    await expect(wrapped('https://other.example/')).rejects.toMatchObject({ code: 'channel.origin' });
    expect(seen).toHaveLength(1);
  });

  test.skipIf(!posix)('P2 that others can read gives a warning', async () => {
    const lines: string[] = [];
    const name = await file('X-A: canary', 0o644);
    expect(await readHeaderFile(name, 'linux', (line) => lines.push(line))).toEqual({ 'x-a': 'canary' });
    expect(lines).toEqual([expect.stringContaining(`chmod 600 ${name}`)]);
    await readHeaderFile(await file('X-A: 1'), 'linux', (line) => lines.push(line));
    expect(lines).toHaveLength(1);
  });
});

describe('the client file', () => {
  const base = { clientId: 'robot', issuer: 'https://auth.example' };
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const ed = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });

  promise('P8', 'names a client with a secret, or with a key', async () => {
    const secret = await file(JSON.stringify({ ...base, clientSecret: 's' }));
    expect(await readOAuthClient(secret, process.platform, silent)).toEqual({ ...base, clientSecret: 's' });
    const keyed = await file(JSON.stringify({ ...base, privateKeyFile: await file(ec.toString()) }));
    expect((await readOAuthClient(keyed, process.platform, silent)).privateKey?.algorithm).toBe('ES256');
  });

  test.each([
    ['no issuer', { clientId: 'robot', clientSecret: 'canary' }],
    ['a secret and a key', { ...base, clientSecret: 'canary', privateKeyFile: 'k' }],
    ['an unknown member', { ...base, secret: 'canary' }],
    ['an unprintable secret', { ...base, clientSecret: 'canary\n' }],
    ['a method without its secret', { ...base, tokenEndpointAuthMethod: 'client_secret_basic' }],
    ['a method without its key', { ...base, tokenEndpointAuthMethod: 'private_key_jwt' }],
    ['a method none with a secret', { ...base, tokenEndpointAuthMethod: 'none', clientSecret: 'canary' }],
    ['a method of the future', { ...base, tokenEndpointAuthMethod: 'tls_client_auth' }],
    ['a key that is not there', { ...base, privateKeyFile: 'nowhere.pem' }],
  ])('P2 with %s is refused', async (_what, content) => {
    const name = await file(JSON.stringify(content));
    const error = (await readOAuthClient(name, process.platform, silent).catch((caught: Error) => caught)) as Error;
    expect(error.name).toBe('UsageError');
    expect(error.message).not.toMatch(/canary(?!")/);
  });

  promise('P2', 'with a key of another kind, or none, is refused', async () => {
    for (const pem of [ed.toString(), 'canary']) {
      const name = await file(JSON.stringify({ ...base, privateKeyFile: await file(pem) }));
      await expect(readOAuthClient(name, process.platform, silent)).rejects.toMatchObject({ code: 'oauth-client.key' });
    }
  });
});

describe('the options of the command', () => {
  const wrap = async (flags: SignInFlags): Promise<unknown> => {
    const stop = new AbortController();
    const context = {
      url: URL_A,
      home,
      platform: process.platform,
      proxyFor: direct,
      report: silent,
      now: () => 0,
      random: (bytes: number) => new Uint8Array(bytes),
      signal: stop.signal,
    };
    try {
      return await signInFromFlags(flags, context);
    } finally {
      stop.abort();
    }
  };

  promise('P8', 'may all be absent', async () => {
    expect(await wrap({})).toBeTypeOf('function');
  });

  test.each<[string, SignInFlags]>([
    ['client credentials without a client', { clientCredentials: true }],
    ['a metadata document on http', { clientMetadataUrl: 'http://client.example/x' }],
    ['a metadata document without a path', { clientMetadataUrl: 'https://client.example' }],
    ['a port that is none', { callbackPort: '0' }],
    ['a port of the system', { callbackPort: '80' }],
    ['a scope with two blanks', { scope: 'a  b' }],
    ['a file of authorities that is not there', { authCa: '/nowhere.pem' }],
    ['a header file that is not there', { headerFile: '/nowhere' }],
  ])('P2 refuses %s', async (_what, flags) => {
    await expect(wrap(flags)).rejects.toMatchObject({ name: 'UsageError' });
  });

  promise(
    'P2',
    'refuses a token in the header file together with a sign-in, and an empty file of authorities',
    async () => {
      const headerFile = await file('Authorization: Bearer x');
      expect(await wrap({ headerFile })).toBeTypeOf('function');
      await expect(wrap({ headerFile, scope: 'read' })).rejects.toMatchObject({ code: 'sign-in.flags' });
      await expect(wrap({ authCa: headerFile })).rejects.toMatchObject({ code: 'sign-in.flags' });
    },
  );
});

promise('P2', 'known secrets are taken out of what others say, also when they are encoded', () => {
  expect(withoutSecrets('no: a+b/c and a%2Bb%2Fc \u001b[2J', ['a+b/c', undefined, ''])).not.toMatch(
    /a\+b|a%2Bb|\u001b/,
  );
});
