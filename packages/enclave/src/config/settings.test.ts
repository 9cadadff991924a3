import { expect, test } from 'vitest';
import { parseConfiguration } from './configuration-file.ts';
import { type ReadConfiguration, type RunFlags, settingsOf } from './settings.ts';

function read(content: string): ReadConfiguration {
  return { file: 'vitrine.yaml', configuration: parseConfiguration(content, 'vitrine.yaml') };
}

test('flags alone, with every default', () => {
  expect(settingsOf(undefined, { source: 'npm:a@1.0.0' })).toEqual({
    number: 1,
    server: { source: 'npm:a@1.0.0' },
    listen: { host: '127.0.0.1', port: 8443, publicHosts: [] },
    sandbox: 'none',
    housing: 'best',
    terms: { logs: { child: 'operator' } },
  });
});

test('the file alone', () => {
  const settings = settingsOf(read('server: {source: "npm:a@1", args: [x]}\nnumber: 2\nlisten: {port: 9000}\n'), {});
  expect(settings).toEqual({
    number: 2,
    server: { source: 'npm:a@1', args: ['x'] },
    listen: { host: '127.0.0.1', port: 9000, publicHosts: [] },
    sandbox: 'none',
    housing: 'best',
    terms: { logs: { child: 'operator' } },
  });
});

test('flags may add what the file leaves open, and repeat what it says', () => {
  const file = read('server:\n  source: npm:a@1\n  environment: {A: "1"}\nname: a\n');
  const settings = settingsOf(file, {
    source: 'npm:a@1',
    name: 'a',
    port: 0,
    args: ['x'],
    environment: { A: '1', B: '2' },
  });
  expect(settings.server).toEqual({ source: 'npm:a@1', args: ['x'], environment: { A: '1', B: '2' } });
  expect(settings.listen.port).toBe(0);
});

const contradictions: readonly (readonly [RunFlags, string, string])[] = [
  [
    { source: 'npm:b@1' },
    'server: npm:a@1',
    'the server "npm:b@1" on the command line contradicts server "npm:a@1" in vitrine.yaml',
  ],
  [
    { command: ['x'] },
    'server: npm:a@1',
    'the command ["x"] on the command line contradicts server "npm:a@1" in vitrine.yaml',
  ],
  [
    { source: 'npm:a@1' },
    'server: {command: [x]}',
    'the server "npm:a@1" on the command line contradicts server ["x"] in vitrine.yaml',
  ],
  [
    { port: 1 },
    'server: npm:a@1\nlisten: {port: 2}',
    'the port of --listen 1 on the command line contradicts listen.port 2 in vitrine.yaml',
  ],
  [
    { host: '::1' },
    'server: npm:a@1\nlisten: {host: 127.0.0.1}',
    'the host of --listen "::1" on the command line contradicts listen.host "127.0.0.1" in vitrine.yaml',
  ],
  [{ name: 'b' }, 'server: npm:a@1\nname: a', '--name "b" on the command line contradicts name "a" in vitrine.yaml'],
  [
    { args: ['y'] },
    'server: {source: "npm:a@1", args: [x]}',
    'the arguments ["y"] on the command line contradicts server.args ["x"] in vitrine.yaml',
  ],
  [
    { bin: 'y' },
    'server: {source: "npm:a@1", bin: x}',
    '--bin "y" on the command line contradicts server.bin "x" in vitrine.yaml',
  ],
  [
    { entry: 'y' },
    'server: {source: "path:.", entry: x}',
    '--entry "y" on the command line contradicts server.entry "x" in vitrine.yaml',
  ],
  [
    { environment: { A: 'hidden' } },
    'server: {source: "npm:a@1", environment: {A: other}}',
    '--env A on the command line contradicts server.environment.A in vitrine.yaml',
  ],
];
for (const [flags, content, message] of contradictions) {
  test(`${JSON.stringify(flags)} against ${JSON.stringify(content)}`, () => {
    expect(() => settingsOf(read(content), flags)).toThrow(
      expect.objectContaining({
        name: 'UsageError',
        code: 'config.contradiction',
        message: `${message}; remove one of the two`,
      }),
    );
  });
}

const refused: readonly (readonly [RunFlags, string])[] = [
  [
    {},
    'no server: name one (npm:<package>@<version> or path:<directory>), give a command after --, or write "server" in vitrine.yaml',
  ],
  [{ source: 'npm:a@1', command: ['x'] }, 'two servers: "npm:a@1" and the command ["x"]; give one'],
  [{ command: [] }, 'the command after -- is empty'],
  [{ command: [''] }, 'the command after -- is empty'],
  [{ command: ['x'], args: ['y'] }, 'arguments of a command belong into the command itself'],
  [{ source: 'path:.', bin: 'x' }, 'a binary ("bin") can be chosen for npm: sources only'],
  [{ source: 'npm:a@1', entry: 'x' }, 'an entry ("entry") can be named for path: and module: sources only'],
];
for (const [flags, message] of refused) {
  test(`${JSON.stringify(flags)} is refused`, () => {
    expect(() => settingsOf(undefined, flags)).toThrow(
      expect.objectContaining({ name: 'UsageError', code: 'config.server', message }),
    );
  });
}
