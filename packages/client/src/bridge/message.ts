/**
 * JSON-RPC messages as the bridge sees them: which kind, which id, which era. Their text is relayed
 * as it is; nothing here rewrites a message.
 *
 * @module
 */

export type Id = string | number;

export type Kind =
  | { readonly kind: 'request'; readonly id: Id; readonly method: string; readonly params: Params }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Params }
  | { readonly kind: 'response'; readonly id: Id | null; readonly result: Params; readonly error: unknown }
  /** A batch of the 2025-03-26 revision. */
  | { readonly kind: 'batch'; readonly messages: readonly Kind[] };

export type Params = Readonly<Record<string, unknown>>;

const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion';

/** What `value` is; `undefined` when it is no JSON-RPC message. */
export function classify(value: unknown): Kind | undefined {
  if (Array.isArray(value)) {
    const messages = value.map(classify);
    return messages.length > 0 && messages.every((one) => one !== undefined && one.kind !== 'batch')
      ? { kind: 'batch', messages: messages as readonly Kind[] }
      : undefined;
  }
  if (!isRecord(value) || value['jsonrpc'] !== '2.0') return undefined;
  const { id, method } = value;
  const params = isRecord(value['params']) ? value['params'] : {};
  if (typeof method === 'string') {
    if (id === undefined) return { kind: 'notification', method, params };
    return isId(id) ? { kind: 'request', id, method, params } : undefined;
  }
  if (!('result' in value) && !('error' in value)) return undefined;
  const result = isRecord(value['result']) ? value['result'] : {};
  return id === null || isId(id) ? { kind: 'response', id, result, error: value['error'] } : undefined;
}

/** The protocol revision that a message of the 2026-07-28 era or later names in its envelope. */
export function envelopeVersion(params: Params): string | undefined {
  const meta = params['_meta'];
  const version = isRecord(meta) ? meta[VERSION_KEY] : undefined;
  return typeof version === 'string' ? version : undefined;
}

/** `1` and `"1"` are different ids. */
export function idKey(id: unknown): string {
  return JSON.stringify(id) ?? 'undefined';
}

/** Text of a JSON-RPC error response. */
export function errorText(id: Id | null, error: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is Id {
  return typeof value === 'string' || typeof value === 'number';
}
