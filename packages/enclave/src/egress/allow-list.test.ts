import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { isAllowed, parseAuthority } from './allow-list.ts';

const RULES = [
  { host: 'api.example.com', port: 443 },
  { host: '*.cdn.example.com', port: 443 },
];

promise('P3', 'a destination is a host name and a port', () => {
  expect(parseAuthority('API.example.com:443')).toEqual({ host: 'api.example.com', port: 443 });
});

for (const text of [
  'api.example.com',
  'api.example.com:',
  'api.example.com:0',
  'api.example.com:65536',
  'api.example.com:0443',
  'api.example.com.:443',
  'user@api.example.com:443',
  'api.example.com:443:443',
  '127.0.0.1:443',
  '0x7f.1:443',
  '2130706433:80',
  '[::1]:443',
  'localhost:443',
  'api.example.com\u0000:443',
  'api.ex\u00e4mple.com:443',
  '-a.example.com:443',
  'api..example.com:443',
  ' api.example.com:443',
]) {
  promise('P3', `${JSON.stringify(text)} is no destination`, () => {
    expect(parseAuthority(text)).toBeUndefined();
  });
}

promise('P3', 'only what is named is allowed', () => {
  expect(isAllowed(RULES, { host: 'api.example.com', port: 443 })).toBe(true);
  expect(isAllowed(RULES, { host: 'a.cdn.example.com', port: 443 })).toBe(true);
  expect(isAllowed(RULES, { host: 'a.b.cdn.example.com', port: 443 })).toBe(true);
  for (const host of [
    'example.com',
    'cdn.example.com',
    'evilcdn.example.com',
    'api.example.com.evil.org',
    'xapi.example.com',
  ]) {
    expect(isAllowed(RULES, { host, port: 443 })).toBe(false);
  }
  expect(isAllowed(RULES, { host: 'api.example.com', port: 80 })).toBe(false);
  expect(isAllowed([], { host: 'api.example.com', port: 443 })).toBe(false);
});

promise('P3', 'any text is a destination of plain characters, or none', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const found = parseAuthority(text);
      if (found !== undefined) expect(`${found.host}:${found.port}`).toBe(text.toLowerCase());
    }),
  );
});
