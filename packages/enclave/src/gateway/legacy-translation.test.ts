import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import {
  changeForLegacy,
  errorForLegacy,
  initializeResult,
  type LegacyClient,
  legacyClientOf,
  paramsForModern,
  resultForLegacy,
} from './legacy-translation.ts';
import { envelopeKeys } from './meta-keys.ts';
import { paramsForLegacy } from './modern-translation.ts';

const client: LegacyClient = { info: { name: 'c', version: '1' }, capabilities: { roots: {} } };
const discovered = { supportedVersions: ['2026-07-28'], capabilities: { tools: {}, tasks: {} } };

promise('P8', 'parameters get the envelope and keep everything else', () => {
  const meta = fc.dictionary(
    fc.string().filter((key) => !envelopeKeys.includes(key)),
    fc.jsonValue(),
    { minKeys: 1 },
  );
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), meta, ({ _meta, ...rest }, own) => {
      const params = { ...rest, _meta: own };
      const sent = paramsForModern(params, client, 'info');
      expect(sent._meta).toMatchObject({
        'io.modelcontextprotocol/protocolVersion': '2026-07-28',
        'io.modelcontextprotocol/clientCapabilities': { roots: {} },
        'io.modelcontextprotocol/logLevel': 'info',
      });
      expect(paramsForLegacy(sent)).toEqual(params);
    }),
  );
});

promise('P8', 'what a client claims in its parameters does not replace its envelope', () => {
  const forged = { _meta: { 'io.modelcontextprotocol/clientCapabilities': { sampling: {} } } };
  expect(paramsForModern(forged, client, undefined)._meta).toMatchObject({
    'io.modelcontextprotocol/clientCapabilities': { roots: {} },
  });
});

promise('P8', 'initialize is answered in the revision that was asked for, if there is such a one', () => {
  const answer = initializeResult(discovered, '2025-06-18');
  expect(answer).toMatchObject({ protocolVersion: '2025-06-18', capabilities: { tools: {} } });
  expect(answer?.['capabilities']).not.toHaveProperty('tasks');
  expect(initializeResult(discovered, '1999-01-01')).toMatchObject({ protocolVersion: '2025-11-25' });
  expect(initializeResult(discovered, undefined)).toMatchObject({ protocolVersion: '2025-11-25' });
});

for (const wrong of [{}, { ...discovered, supportedVersions: ['2027-01-01'] }, { ...discovered, capabilities: 1 }]) {
  promise('P8', `${JSON.stringify(wrong)} is no discover result`, () => {
    expect(initializeResult(wrong, '2025-11-25')).toBeUndefined();
  });
}

promise('P8', 'only an initialize that names its client and capabilities is understood', () => {
  const whole = { clientInfo: client.info, capabilities: { ...client.capabilities, tasks: {} } };
  expect(legacyClientOf(whole)).toEqual(client);
  const broken = [undefined, {}, { ...whole, clientInfo: { name: 'c' } }, { ...whole, capabilities: [] }];
  expect(broken.map(legacyClientOf).filter((one) => one !== undefined)).toEqual([]);
});

promise('P8', 'results lose their type and keep their hints', () => {
  const hints = { ttlMs: 1, cacheScope: 'public' };
  expect(resultForLegacy({ resultType: 'complete', ...hints, tools: [] })).toEqual({ ...hints, tools: [] });
});

promise('P8', 'only a missing resource changes its code', () => {
  const params = { uri: 'test://x' };
  const error = { code: -32602, message: 'no', data: { uri: 'test://x' } };
  expect(errorForLegacy('resources/read', params, error)).toEqual({ ...error, code: -32002 });
  const others = [
    errorForLegacy('tools/call', params, error),
    errorForLegacy('resources/read', { uri: 'test://y' }, error),
    errorForLegacy('resources/read', params, { ...error, data: undefined }),
  ];
  expect(others.map(({ code }) => code)).toEqual([-32602, -32602, -32602]);
});

promise('P8', 'a change loses the stream that it came on', () => {
  const stream = { 'io.modelcontextprotocol/subscriptionId': 1 };
  expect(changeForLegacy({ uri: 'x', _meta: { ...stream, own: 1 } })).toEqual({ uri: 'x', _meta: { own: 1 } });
  expect(changeForLegacy({ _meta: stream })).toBeUndefined();
  expect(changeForLegacy(undefined)).toBeUndefined();
});
