import type { InitializeResult } from '@modelcontextprotocol/server';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { envelopeKeys } from './meta-keys.ts';
import {
  capabilitiesForLegacy,
  errorForModern,
  isRemoved,
  paramsForLegacy,
  resultForModern,
} from './modern-translation.ts';

const server: InitializeResult = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  serverInfo: { name: 's', version: '1' },
};

promise('P8', 'parameters lose the envelope and nothing else', () => {
  const meta = fc.dictionary(fc.oneof(fc.string(), fc.constantFrom(...envelopeKeys)), fc.jsonValue());
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), meta, (rest, all) => {
      const kept = Object.fromEntries(Object.entries(all).filter(([key]) => !envelopeKeys.includes(key)));
      const { _meta, ...others } = rest;
      const expected = Object.keys(kept).length === 0 ? others : { ...others, _meta: kept };
      expect(paramsForLegacy({ ...others, _meta: all })).toEqual(expected);
    }),
  );
  expect(paramsForLegacy(undefined)).toBeUndefined();
});

promise('P8', 'capabilities reach a legacy server without what a stateless client cannot do', () => {
  const kept = { experimental: { x: {} }, sampling: { tools: {} }, elicitation: { url: {} } };
  const declared = { ...kept, roots: { listChanged: true }, tasks: { list: {} } };
  expect(capabilitiesForLegacy(declared)).toEqual({ ...kept, roots: {} });
  expect(capabilitiesForLegacy(kept)).toEqual(kept);
});

promise('P8', 'a question is no answer to keep, so it carries no caching hints', () => {
  const asked = { resultType: 'input_required', inputRequests: {} };
  expect(resultForModern('resources/read', asked, server)).not.toHaveProperty('ttlMs');
});

promise('P8', 'members that the server set itself are not overwritten', () => {
  const own = { resultType: 'complete', ttlMs: 60_000, cacheScope: 'public', tools: [] };
  expect(resultForModern('tools/list', own, server)).toMatchObject(own);
});

for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list', 'resources/read']) {
  promise('P8', `${method} results say how long they may be kept: not at all`, () => {
    expect(resultForModern(method, {}, server)).toMatchObject({ ttlMs: 0, cacheScope: 'private' });
  });
}

promise('P8', 'only "resource not found" changes its code, and only for resources/read', () => {
  const error = { code: -32002, message: 'no', data: { uri: 'x' } };
  expect(errorForModern('resources/read', error)).toEqual({ ...error, code: -32602 });
  expect(errorForModern('tools/call', error)).toEqual(error);
  expect(errorForModern('resources/read', { ...error, code: -32001 })).toEqual({ ...error, code: -32001 });
});

promise('P8', 'methods of a session are removed, all others pass', () => {
  const removed = [
    'initialize',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'resources/unsubscribe',
    'tasks/get',
  ];
  expect(removed.filter((method) => !isRemoved(method))).toEqual([]);
  expect(['tools/call', 'completion/complete', 'acme/search', 'tasksomething'].filter(isRemoved)).toEqual([]);
});
