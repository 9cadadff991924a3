/**
 * The document that tells clients where to get an access token.
 *
 * Specification: RFC 9728, sections 2 and 3; MCP 2026-07-28, Authorization, "Protected Resource Metadata".
 *
 * @module
 */
import type { AuthSettings } from './authenticate.ts';

/** Where it is, for the endpoint `/mcp`. */
export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource/mcp';

/**
 * The metadata as JSON text; `undefined` where no authorization server is involved.
 *
 * @param resource - Address of the MCP endpoint, as clients know it.
 */
export function resourceMetadata(settings: AuthSettings, resource: string): string | undefined {
  if (settings.kind !== 'oauth') return undefined;
  const scopes = [...new Set([...(settings.scopes ?? []), ...Object.values(settings.toolScopes ?? {}).flat()])];
  return JSON.stringify({
    resource,
    authorization_servers: [settings.issuer],
    bearer_methods_supported: ['header'],
    ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
  });
}

/** Where clients that reached the server as `host` find the metadata. */
export function metadataUrl(host: string): string {
  return `https://${host}${RESOURCE_METADATA_PATH}`;
}
