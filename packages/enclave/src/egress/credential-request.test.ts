import type { CredentialSpec } from '@vitrine/documents';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type CredentialRequest, headersOf, judgeCredentialRequest, pathRefusal } from './credential-request.ts';

const owner = '0'.repeat(64);
const SPECS: Readonly<Record<string, CredentialSpec>> = {
  api: {
    owner,
    header: 'authorization',
    allow: [
      { host: 'api.example.com', port: 443, methods: ['GET', 'POST'], paths: ['/v1/', '/health'] },
      { host: '*.cdn.example.com', port: 8443, methods: ['GET'], paths: ['/'] },
    ],
  },
  app: {
    owner,
    header: 'x-app-key',
    allow: [{ host: 'api.example.com', port: 443, methods: ['POST'], paths: ['/v1/charges'] }],
  },
};

const GOOD: CredentialRequest = { host: 'api.example.com', method: 'GET', path: '/v1/charges?limit=3' };
const judge = (change: Partial<CredentialRequest>): unknown => judgeCredentialRequest(SPECS, { ...GOOD, ...change });
const granted = (port: number, ...names: readonly string[]): unknown =>
  expect.objectContaining({ destination: expect.objectContaining({ port }), names });

promise('P4', 'a credential goes with the hosts, methods and paths of the manifest, at its TLS port', () => {
  expect(judge({})).toEqual(granted(443, 'api'));
  expect(judge({ path: '/health' })).toEqual(granted(443, 'api'));
  expect(judge({ method: 'POST' })).toEqual(granted(443, 'api', 'app'));
  expect(judge({ port: 443 })).toEqual(granted(443, 'api'));
  expect(judge({ host: 'a.cdn.example.com', path: '/' })).toEqual(granted(8443, 'api'));
  expect(judge({ path: '/v1/..a/b..c/...' })).toEqual(granted(443, 'api'));
  expect(judge({ path: '/v1/%C3%A4?next=/../%2e%2e//' })).toEqual(granted(443, 'api'));
  expect([...headersOf(SPECS, 'api.example.com')]).toEqual(['authorization', 'x-app-key']);
});

for (const [what, change] of [
  ['another method', { method: 'DELETE' }],
  ['a method in lower case', { method: 'get' }],
  ['another path', { path: '/v2/charges' }],
  ['a path above', { path: '/' }],
  ['the path without its last slash', { path: '/v1' }],
  ['a path that only begins like an exact one', { path: '/health/x' }],
  ['a path in upper case', { path: '/V1/charges' }],
  ['an escaped letter in the place of a letter', { path: '/%761/charges' }],
  ['another port', { port: 8443 }],
  ['the port of plain HTTP, written', { port: 80 }],
  ['the way up', { path: '/v1/../admin' }],
  ['the way up at the end', { path: '/v1/..' }],
  ['no way at all', { path: '/v1/./x' }],
  ['the way up before parameters', { path: '/v1/..;x=1/admin' }],
  ['the way up before escaped parameters', { path: '/v1/..%3Bx/admin' }],
  ['the way up before an escaped query', { path: '/v1/..%3f/admin' }],
  ['dots and a slash that are longer than need be', { path: '/v1/%c0%ae%C0%AE%c0%afadmin' }],
  ['a slash of three bytes', { path: '/v1/x%e0%80%afadmin' }],
  ['an escaped dot', { path: '/v1/%2e%2e/admin' }],
  ['an escaped dot in upper case', { path: '/v1/%2E./admin' }],
  ['an escaped slash', { path: '/v1/..%2fadmin' }],
  ['an escaped backslash', { path: '/v1/..%5Cadmin' }],
  ['a backslash', { path: '/v1/..\\admin' }],
  ['an escape of an escape', { path: '/v1/%252e%252e/admin' }],
  ['an escaped zero', { path: '/v1/%00' }],
  ['an escaped line break', { path: '/v1/%0d%0aHost: x' }],
  ['an empty segment', { path: '/v1//admin' }],
  ['an empty first segment', { path: '//evil.example.com/v1/' }],
  ['half an escape', { path: '/v1/%2' }],
  ['a letter that is not ASCII', { path: '/v1/\u{ff0e}\u{ff0e}/' }],
  ['a blank', { path: '/v1/ x' }],
  ['no path', { path: '' }],
  ['a query alone', { path: '?a' }],
  ['a subdomain of an exact name', { host: 'x.api.example.com' }],
] as const) {
  promise('P4', `${what} gets no credential`, () => {
    expect(judge(change)).toEqual({ refused: expect.any(String) });
  });
}

promise('P4', 'where two ports or two values of one header would do, none is chosen', () => {
  const [first] = SPECS['api']?.allow ?? [];
  if (first === undefined) throw new Error('no rule');
  const ports = { api: { owner, header: 'a', allow: [first, { ...first, port: 8443 }] } };
  expect(judgeCredentialRequest(ports, GOOD)).toEqual({ refused: expect.stringContaining('several ports') });
  expect(judgeCredentialRequest(ports, { ...GOOD, port: 8443 })).toEqual(granted(8443, 'api'));
  const twins = { one: { owner, header: 'a', allow: [first] }, two: { owner, header: 'a', allow: [first] } };
  expect(judgeCredentialRequest(twins, GOOD)).toEqual({ refused: expect.stringContaining('same header') });
});

promise('P4', 'no path that passes leaves its directory, however often its escapes are undone', () => {
  const piece = fc.constantFrom(
    '.',
    '..',
    '/',
    '%2e',
    '%2F',
    '%25',
    '%5c',
    '\\',
    'a',
    ';',
    '%61',
    '%3b',
    '%c0%ae',
    '?',
    '%',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const [path = ''] = `/v1/${pieces.join('')}`.split('?', 1);
      if (pathRefusal(path) !== undefined) return;
      let read = path;
      for (let times = 0; times < 3; times += 1) read = decodeURIComponent(read);
      const segments = read.split(/[/\\]/).map((segment) => segment.split(';', 1)[0]);
      expect(segments).not.toContain('..');
      expect(new URL(read, 'https://x.example').pathname.startsWith('/v1/')).toBe(true);
    }),
  );
});
