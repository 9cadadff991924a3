import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { cleanText } from './clean-text.ts';
import { isLoopback, normaliseUrl } from './server-url.ts';

describe('a server URL', () => {
  test.each([
    ['https://Bank.Example:443/mcp', 'https://bank.example/mcp'],
    ['https://bank.example', 'https://bank.example/'],
    ['https://bank.example:8443/MCP/', 'https://bank.example:8443/MCP/'],
    ['https://[::1]:8443/mcp', 'https://[::1]:8443/mcp'],
    ['https://127.0.0.1:8443/a%20b', 'https://127.0.0.1:8443/a%20b'],
  ])('%s is %s', (text, expected) => {
    expect(normaliseUrl(text)).toBe(expected);
    expect(normaliseUrl(expected)).toBe(expected);
  });

  const refused: readonly (readonly [string, string])[] = [
    ['http://127.0.0.1:1/mcp', 'url.scheme'],
    ['javascript:alert(1)', 'url.scheme'],
    ['file:///etc/passwd', 'url.scheme'],
    ['-oProxyCommand=x', 'url.malformed'],
    ['--policy', 'url.malformed'],
    ['bank.example/mcp', 'url.malformed'],
    ['', 'url.malformed'],
    ['https://user:secret@bank.example/mcp', 'url.userinfo'],
    ['https://bank.example/mcp?x=1', 'url.query'],
    ['https://bank.example/mcp?', 'url.query'],
    ['https://bank.example/mcp#x', 'url.query'],
    ['https://bank.example/$(calc)', 'url.characters'],
    ['https://bank.example/a&calc', 'url.characters'],
    ["https://bank.example/a';calc;'", 'url.characters'],
    ['https://bank.example/a|b', 'url.characters'],
    ['https://bank.example/a%PATH%', 'url.characters'],
    ['https://bank.example/a^b', 'url.characters'],
  ];
  for (const [text, code] of refused) {
    promise('P2', `is refused as ${code}: ${text}`, () => {
      expect(() => normaliseUrl(text)).toThrow(expect.objectContaining({ code }));
    });
  }

  test('never shows a password', () => {
    expect(() => normaliseUrl('https://user:secret@bank.example/')).toThrow(/^(?!.*secret)/);
  });

  test('is of this machine only by an address that cannot leave it', () => {
    for (const host of ['localhost', '127.0.0.1', '127.9.9.9', '[::1]'])
      expect(isLoopback(`https://${host}/`)).toBe(true);
    for (const host of ['localhost.example', '128.0.0.1', '[::2]', '127.0.0.1.example', 'a.localhost']) {
      expect(isLoopback(`https://${host}/`)).toBe(false);
    }
  });
});

test('text of others is one short line without control characters', () => {
  expect(cleanText('a\u001b[2J\nb\u202ec\u200b\u0085d')).toBe('a\ufffd[2J b\ufffdc\ufffd d');
  expect(cleanText('x'.repeat(1_000_000), 10)).toBe(`${'x'.repeat(9)}…`);
});
