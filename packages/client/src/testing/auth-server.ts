/**
 * An OAuth authorization server on loopback whose every fault can be chosen, and an MCP server that
 * takes its tokens. Everything that either was sent is recorded.
 *
 * @module
 */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What goes wrong, or is unusual. Changing a member changes what happens next. */
export interface AuthKnobs {
  state?: 'wrong' | 'absent' | 'twice';
  iss?: 'wrong' | 'absent' | 'slash';
  advertiseIss?: boolean;
  /** Instead of a code. */
  authorizeError?: string;
  codeChallengeMethods?: readonly string[] | 'absent';
  metadataIssuer?: string;
  metadataRedirect?: string;
  metadataBody?: string;
  /** Metadata without end, or nearly. */
  flood?: boolean;
  tokenEndpoint?: string;
  authMethods?: readonly string[];
  scopesSupported?: readonly string[];
  clientIdMetadataDocuments?: boolean;
  registration?: boolean;
  /** What a registration is given. */
  registeredSecret?: string;
  registeredMethod?: string;
  tokenType?: string;
  accessToken?: string;
  expiresIn?: number;
  refreshTokens?: boolean;
  rotate?: boolean;
  /** OAuth error code of each refresh. */
  refuseRefresh?: string;
  /** The whole answer of the token endpoint to a refresh, with this status. */
  rawRefresh?: { readonly status: number; readonly body: string };
  /** Scope that is granted, whatever is asked for. */
  grantScope?: string;
}

interface Recorded {
  readonly method: string;
  readonly path: string;
  readonly params: URLSearchParams;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface AuthServer extends AsyncDisposable {
  readonly issuer: string;
  readonly knobs: AuthKnobs;
  readonly requests: Recorded[];
  /** Scope by access token, of those that are still good. */
  readonly tokens: Map<string, string>;
  readonly refreshTokens: Set<string>;
  /** Requests of one kind, such as `authorize`, `register`, `refresh_token`. */
  of(kind: string): readonly Recorded[];
}

export async function startAuthServer(knobs: AuthKnobs = {}): Promise<AuthServer> {
  const requests: Recorded[] = [];
  const tokens = new Map<string, string>();
  const refreshTokens = new Set<string>();
  const codes = new Map<string, { readonly challenge: string; readonly scope: string }>();
  let issuer = '';

  function metadata(): string {
    const methods = knobs.codeChallengeMethods ?? ['S256'];
    return JSON.stringify({
      issuer: knobs.metadataIssuer ?? issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: knobs.tokenEndpoint ?? `${issuer}/token`,
      ...(knobs.registration === false ? {} : { registration_endpoint: `${issuer}/register` }),
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      token_endpoint_auth_methods_supported: knobs.authMethods ?? ['none'],
      ...(methods === 'absent' ? {} : { code_challenge_methods_supported: methods }),
      ...(knobs.advertiseIss === undefined
        ? {}
        : { authorization_response_iss_parameter_supported: knobs.advertiseIss }),
      ...(knobs.scopesSupported === undefined ? {} : { scopes_supported: knobs.scopesSupported }),
      ...(knobs.clientIdMetadataDocuments === true ? { client_id_metadata_document_supported: true } : {}),
    });
  }

  function authorize({ params }: Recorded, response: ServerResponse): void {
    const back = new URL(params.get('redirect_uri') ?? '');
    const code = `code-${randomBytes(8).toString('hex')}`;
    codes.set(code, { challenge: params.get('code_challenge') ?? '', scope: params.get('scope') ?? '' });
    if (knobs.authorizeError === undefined) back.searchParams.set('code', code);
    else back.searchParams.set('error', knobs.authorizeError);
    const state = knobs.state === 'wrong' ? 'of-somebody-else' : (params.get('state') ?? '');
    if (knobs.state !== 'absent') back.searchParams.append('state', state);
    if (knobs.state === 'twice') back.searchParams.append('state', state);
    const iss = knobs.iss === 'wrong' ? 'https://evil.example' : knobs.iss === 'slash' ? `${issuer}/` : issuer;
    if (knobs.iss !== 'absent') back.searchParams.set('iss', iss);
    response.writeHead(302, { location: back.href }).end();
  }

  function token({ params }: Recorded, response: ServerResponse): void {
    const grant = params.get('grant_type');
    let scope = params.get('scope') ?? '';
    if (grant === 'authorization_code') {
      const issued = codes.get(params.get('code') ?? '');
      codes.delete(params.get('code') ?? '');
      const challenge = createHash('sha256')
        .update(params.get('code_verifier') ?? '')
        .digest('base64url');
      if (issued?.challenge !== challenge) return void json(response, 400, { error: 'invalid_grant' });
      ({ scope } = issued);
    }
    if (grant === 'refresh_token') {
      const given = params.get('refresh_token') ?? '';
      if (knobs.rawRefresh !== undefined) {
        response.writeHead(knobs.rawRefresh.status, { 'content-type': 'application/json' }).end(knobs.rawRefresh.body);
        return;
      }
      if (knobs.refuseRefresh !== undefined || !refreshTokens.has(given)) {
        const error = knobs.refuseRefresh ?? 'invalid_grant';
        return void json(response, 400, { error, error_description: `no longer: ${given}` });
      }
      if (knobs.rotate !== false) refreshTokens.delete(given);
    }
    const access = knobs.accessToken ?? `access-${randomBytes(12).toString('hex')}`;
    const refresh = `refresh-${randomBytes(12).toString('hex')}`;
    tokens.set(access, knobs.grantScope ?? scope);
    const renewable = knobs.refreshTokens !== false && grant !== 'client_credentials';
    const rotates = renewable && (knobs.rotate !== false || grant !== 'refresh_token');
    if (rotates) refreshTokens.add(refresh);
    json(response, 200, {
      access_token: access,
      token_type: knobs.tokenType ?? 'Bearer',
      ...(knobs.expiresIn === undefined ? {} : { expires_in: knobs.expiresIn }),
      ...(rotates ? { refresh_token: refresh } : {}),
      ...((knobs.grantScope ?? scope) === '' ? {} : { scope: knobs.grantScope ?? scope }),
    });
  }

  const server = createServer((request, response) => {
    void record(request).then((one) => {
      requests.push(one);
      const { path } = one;
      if (path.startsWith('/.well-known/oauth-authorization-server')) {
        if (knobs.metadataRedirect !== undefined) {
          response.writeHead(302, { location: knobs.metadataRedirect }).end();
        } else
          response
            .writeHead(200, { 'content-type': 'application/json' })
            .end(knobs.flood === true ? ' '.repeat(1 << 17) : (knobs.metadataBody ?? metadata()));
      } else if (path === '/authorize') authorize(one, response);
      else if (path === '/token') token(one, response);
      else if (path === '/register') {
        json(response, 201, {
          ...(JSON.parse(one.body) as object),
          client_id: `client-${requests.length}`,
          ...(knobs.registeredSecret === undefined ? {} : { client_secret: knobs.registeredSecret }),
          ...(knobs.registeredMethod === undefined ? {} : { token_endpoint_auth_method: knobs.registeredMethod }),
        });
      } else response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    knobs,
    requests,
    tokens,
    refreshTokens,
    of: (kind) => requests.filter(({ path, params }) => path === `/${kind}` || params.get('grant_type') === kind),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function record(request: IncomingMessage): Promise<Recorded> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const url = new URL(request.url ?? '/', 'http://127.0.0.1');
  const body = Buffer.concat(chunks).toString('utf8');
  const form = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return {
    method: request.method ?? '',
    path: url.pathname,
    params: form ? new URLSearchParams(body) : url.searchParams,
    authorization: request.headers.authorization,
    body,
  };
}

function json(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** What an MCP server was asked. */
interface ResourceRequest {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly headers: Headers;
}

export interface Resource {
  readonly url: string;
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>;
  readonly requests: ResourceRequest[];
}

export interface ResourceOptions {
  readonly authority: () => AuthServer;
  /** Scope that is needed for a request, by its body. */
  readonly needs?: (body: string) => string;
  /** What the challenge of a 401 names. */
  readonly challengeScope?: string;
  /** Overrides members of the protected resource metadata. */
  readonly metadata?: () => Record<string, unknown> | undefined;
  readonly metadataUrl?: string;
  /** Refuses tokens that the authority would stand for. */
  readonly refuse?: (token: string) => boolean;
}

/** A `fetch` that answers as an MCP server at `https://mcp.example/mcp` would. */
export function createResource(options: ResourceOptions): Resource {
  const url = 'https://mcp.example/mcp';
  const requests: ResourceRequest[] = [];
  const metadataUrl = options.metadataUrl ?? 'https://mcp.example/.well-known/oauth-protected-resource/mcp';
  const challenge = (status: number, parts: readonly string[]): Response =>
    new Response('{}', {
      status,
      headers: { 'www-authenticate': `Bearer ${[...parts, `resource_metadata="${metadataUrl}"`].join(', ')}` },
    });
  return {
    url,
    requests,
    async fetch(target, init = {}) {
      init.signal?.throwIfAborted();
      const headers = new Headers(init.headers);
      const authorization = headers.get('authorization') ?? undefined;
      requests.push({ method: init.method ?? 'GET', url: target, authorization, headers });
      if (target.includes('/.well-known/oauth-protected-resource')) {
        if (target !== metadataUrl) return new Response('', { status: 404 });
        const { issuer } = options.authority();
        const extra = options.metadata?.();
        return Response.json({ resource: url, authorization_servers: [issuer], ...extra });
      }
      const token = authorization?.replace(/^Bearer /, '') ?? '';
      const granted = options.authority().tokens.get(token);
      if (granted === undefined || options.refuse?.(token) === true) {
        return challenge(401, options.challengeScope === undefined ? [] : [`scope="${options.challengeScope}"`]);
      }
      const needed = options.needs?.(String(init.body ?? '')) ?? '';
      const missing = needed.split(' ').filter((scope) => scope !== '' && !granted.split(' ').includes(scope));
      if (missing.length > 0) return challenge(403, ['error="insufficient_scope"', `scope="${needed}"`]);
      return Response.json({ ok: true });
    },
  };
}
