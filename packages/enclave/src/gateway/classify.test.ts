/** The shortcut of the classifier gives exactly what the SDK's classifier gives, also the second time. */
import { classifyInboundRequest } from '@modelcontextprotocol/server';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createClassifier } from './classify.ts';
import { modernRequest } from './testing/served.ts';

const { body, headers } = modernRequest(1, 'tools/call', { name: 'echo', _meta: { progressToken: 1 } });
const legacy = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const old = { 'mcp-protocol-version': '2025-11-25' };
const params = body['params'] as Readonly<Record<string, unknown>>;
const meta = params['_meta'] as Readonly<Record<string, unknown>>;
const withMeta = (more: object): object => ({ ...body, params: { ...params, _meta: { ...meta, ...more } } });

type Case = readonly [body: unknown, headers: Readonly<Record<string, string>>];
const CASES: Readonly<Record<string, Case>> = {
  'a request of the new era': [body, headers],
  'a request of the old era': [legacy, old],
  'a request of the old era without a version': [legacy, {}],
  'a progress token in the old era': [{ ...legacy, params: { _meta: { progressToken: 'x' } } }, old],
  'a header that names another revision': [body, { ...headers, ...old }],
  'no header for the revision': [body, { ...headers, 'mcp-protocol-version': '' }],
  'a header that names another method': [body, { ...headers, 'mcp-method': 'tools/list' }],
  'an envelope with another revision': [withMeta({ 'io.modelcontextprotocol/protocolVersion': '2099-01-01' }), headers],
  'an envelope without capabilities': [withMeta({ 'io.modelcontextprotocol/clientCapabilities': undefined }), headers],
  'a bad client description': [withMeta({ 'io.modelcontextprotocol/clientInfo': { name: 1 } }), headers],
  'a bad log level': [withMeta({ 'io.modelcontextprotocol/logLevel': 'loud' }), headers],
  'a bad progress token': [withMeta({ progressToken: {} }), headers],
  'a new header on an old request': [legacy, headers],
  'an unknown header on an old request': [legacy, { 'mcp-protocol-version': '2099-01-01' }],
  initialize: [{ ...legacy, method: 'initialize' }, {}],
  'initialize with an envelope': [
    { ...body, method: 'initialize' },
    { ...headers, 'mcp-method': 'initialize' },
  ],
  'a notification': [{ jsonrpc: '2.0', method: 'notifications/initialized' }, old],
  'an answer': [{ jsonrpc: '2.0', id: 1, result: {} }, old],
  'a batch': [[legacy], old],
  'another JSON-RPC': [{ ...body, jsonrpc: '1.0' }, headers],
  'an id that is null': [{ ...body, id: null }, headers],
  'an id that is a fraction': [{ ...legacy, id: 1.5 }, old],
  'params that are a list': [{ ...legacy, params: [] }, old],
  'metadata that is text': [{ ...legacy, params: { _meta: 'x' } }, old],
  'a bad progress token in the old era': [{ ...legacy, params: { _meta: { progressToken: {} } } }, old],
  'a foreign member': [{ ...legacy, more: 1 }, old],
};

describe('the classifier', () => {
  for (const [what, [one, given]] of Object.entries(CASES)) {
    promise('P8', `judges ${what} as the schemas do, before and after it has seen a good request`, () => {
      const classify = createClassifier();
      const [version, method, name] = [given['mcp-protocol-version'], given['mcp-method'], given['mcp-name']];
      const expected = classifyInboundRequest({
        httpMethod: 'POST',
        body: one,
        ...(version === undefined ? {} : { protocolVersionHeader: version }),
        ...(method === undefined ? {} : { mcpMethodHeader: method }),
        ...(name === undefined ? {} : { mcpNameHeader: name }),
      });
      const kinds = (): unknown => {
        const found = classify(new Headers(given), one);
        return [found.kind, 'httpStatus' in found ? [found.httpStatus, found.code] : []];
      };
      const wanted = [expected.kind, 'httpStatus' in expected ? [expected.httpStatus, expected.code] : []];
      expect(kinds()).toEqual(wanted);
      expect(classify(new Headers(headers), body).kind).toBe('modern');
      expect(kinds()).toEqual(wanted);
      if (expected.kind === 'modern') expect(classify(new Headers(given), one)).toEqual(expected);
    });
  }
});
