/**
 * Turns the Authorization header of a request into a principal, in the way that the manifest says.
 *
 * @module
 */
import type { Manifest } from '@vitrine/documents';
import { readBearer } from './bearer-header.ts';
import { createOauthCheck, type OauthDependencies } from './oauth-tokens.ts';
import { ANYBODY, type Authenticated, type AuthRefusal, type Principal } from './principal.ts';
import { checkStaticToken } from './static-tokens.ts';

export type AuthSettings = NonNullable<Manifest['auth']>;

export interface Authenticator {
  /** Checks one request. Never rejects. */
  authenticate(authorization: string | undefined): Promise<Authenticated>;
  /** Why this principal may not call this tool; `undefined` where it may. */
  toolRefusal(principal: Principal, tool: string): AuthRefusal | undefined;
}

export function createAuthenticator(settings: AuthSettings, dependencies: OauthDependencies): Authenticator {
  if (settings.kind === 'none') {
    return { authenticate: async () => ({ principal: ANYBODY }), toolRefusal: () => undefined };
  }
  const check =
    settings.kind === 'oauth'
      ? createOauthCheck(settings, dependencies)
      : async (token: string): Promise<Authenticated> => checkStaticToken(settings.tokens, token);
  const toolScopes = settings.kind === 'oauth' ? (settings.toolScopes ?? {}) : {};
  return {
    async authenticate(authorization) {
      const read = readBearer(authorization);
      return 'refusal' in read ? read : check(read.token);
    },
    toolRefusal(principal, tool) {
      const needed = Object.hasOwn(toolScopes, tool) ? (toolScopes[tool] ?? []) : [];
      if (needed.every((scope) => principal.scopes.has(scope))) return undefined;
      // What is held already is named too, so that a client that steps up loses nothing (MCP, "Scope Challenge").
      const scopes = [...new Set([...principal.scopes, ...needed])];
      return { error: 'insufficient_scope', message: 'this tool needs a further scope', scopes };
    },
  };
}
