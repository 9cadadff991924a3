import { existsSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { openRelays, targetOf } from './relay.ts';

function ask(file: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(file, () => socket.end(text));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
    socket.on('error', reject);
  });
}

test('what goes in comes out at its address and nowhere else, and all of it ends together', async () => {
  const seen: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (chunk) => {
      seen.push(chunk.toString());
      socket.end(`answer to ${chunk}`);
    });
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
  const url = `http://127.0.0.1:${port}/base`;
  const relays = await openRelays([url, url], undefined);
  try {
    expect(await ask(relays.socketFor(url), 'hello')).toBe('answer to hello');
    expect(seen).toEqual(['hello']);
    expect(statSync(relays.directory).mode & 0o777).toBe(0o700);
    expect(() => relays.socketFor('http://127.0.0.1:1/')).toThrow(/no way out/);
  } finally {
    await relays.close();
    server.close();
  }
  expect(existsSync(relays.directory)).toBe(false);
});

test('an address that nobody listens at closes the connection', async () => {
  const url = 'http://127.0.0.1:1/';
  const unreached: string[] = [];
  const relays = await openRelays([url], undefined, (...what) => unreached.push(what.join(' ')));
  try {
    expect(await ask(relays.socketFor(url), 'hello')).toBe('');
    expect(await ask(relays.socketFor(url), 'again')).toBe('');
    expect(unreached).toEqual(['http://127.0.0.1:1/ ECONNREFUSED']);
  } finally {
    await relays.close();
  }
});

test.each([
  ['https://kbs.example', { host: 'kbs.example', port: 443 }],
  ['http://127.0.0.1', { host: '127.0.0.1', port: 80 }],
  ['https://[::1]:8080/a', { host: '::1', port: 8080 }],
])('%s leads to %o', (url, target) => expect(targetOf(url)).toEqual(target));

test.each(['ftp://a', 'kbs.example', 'unix:/run/a', ''])('%o is no address', (url) => {
  expect(() => targetOf(url)).toThrow(/expected an http or https URL/);
});
