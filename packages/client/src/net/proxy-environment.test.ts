import { UsageError } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { proxyFromEnvironment, proxyName } from './proxy-environment.ts';

const proxyOf = (env: Record<string, string>, url: string): string | undefined => {
  const found = proxyFromEnvironment(env)(new URL(url));
  return found === undefined ? undefined : proxyName(found);
};

describe('the proxy for a URL', () => {
  test.each([
    [{}, undefined],
    [{ HTTPS_PROXY: '' }, undefined],
    [{ HTTPS_PROXY: 'http://proxy.example:3128' }, 'proxy.example:3128'],
    [{ https_proxy: 'proxy.example' }, 'proxy.example:80'],
    [{ ALL_PROXY: 'https://proxy.example' }, 'proxy.example:443'],
    [{ HTTPS_PROXY: 'http://upper.example', https_proxy: 'http://lower.example' }, 'lower.example:80'],
    [{ HTTP_PROXY: 'http://proxy.example' }, undefined],
  ])('%o', (env, expected) => {
    expect(proxyOf(env, 'https://bank.example/mcp')).toBe(expected);
  });

  test.each([
    ['bank.example', 'https://bank.example/', true],
    ['bank.example', 'https://www.bank.example/', false],
    ['bank.example', 'https://notbank.example/', false],
    ['.bank.example', 'https://www.bank.example/', true],
    ['.bank.example', 'https://bank.example/', true],
    ['*.bank.example', 'https://a.b.bank.example/', true],
    ['.bank.example', 'https://evilbank.example/', false],
    ['bank.example:8443', 'https://bank.example:8443/', true],
    ['bank.example:443', 'https://bank.example/', true],
    ['bank.example:8443', 'https://bank.example/', false],
    ['other.example, BANK.example', 'https://bank.example/', true],
    ['*', 'https://bank.example/', true],
    ['[2001:db8::1]:443', 'https://[2001:db8::1]/', true],
    ['2001:db8::1', 'https://[2001:db8::1]/', true],
    ['', 'https://bank.example/', false],
  ])('NO_PROXY=%s and %s: exempt is %s', (list, url, exempt) => {
    const found = proxyOf({ HTTPS_PROXY: 'http://p.example', NO_PROXY: list }, url);
    expect(found === undefined).toBe(exempt);
  });

  test.each(['https://127.0.0.1:1/', 'https://localhost/', 'https://[::1]/', 'http://127.8.9.1/'])(
    'is none for %s: this machine is not reached through a proxy',
    (url) => {
      expect(proxyOf({ ALL_PROXY: 'http://p.example' }, url)).toBeUndefined();
    },
  );

  test('keeps user name and password out of its name', () => {
    const found = proxyFromEnvironment({ HTTPS_PROXY: 'http://me:p%40ss@p.example' })(new URL('https://a.example'));
    expect(found?.authorization).toBe(`Basic ${btoa('me:p@ss')}`);
    expect(found === undefined ? '' : proxyName(found)).toBe('p.example:80');
  });

  test.each(['socks5://canary:canary@p.example', 'http://canary@', 'http://%zz:canary@p.example', '://canary'])(
    'refuses %s without repeating it',
    (value) => {
      const read = (): unknown => proxyFromEnvironment({ HTTPS_PROXY: value });
      expect(read).toThrow(UsageError);
      expect(read).not.toThrow(/canary/);
    },
  );
});
