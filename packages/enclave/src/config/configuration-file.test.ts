import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { UsageError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { parseConfiguration, readConfiguration } from './configuration-file.ts';
import { configurationSchema } from './json-schema.ts';

const parse = (content: string): unknown => parseConfiguration(content, 'vitrine.yaml');

test('the three forms of a server', () => {
  expect(parse('server: npm:a@1.0.0')).toEqual({ server: 'npm:a@1.0.0' });
  const full = `
name: everything
number: 3
server:
  source: npm:@scope/a@latest
  bin: a
  args: [--verbose, "3"]
  environment:
    LOG_LEVEL: info
    ENABLED: yes   # YAML 1.2: text
listen: { host: 127.0.0.1, port: 0, publicHosts: ["bank.example", "bank.example:8443"] }
sandbox: none
`;
  expect(parse(full)).toEqual({
    name: 'everything',
    number: 3,
    server: {
      source: 'npm:@scope/a@latest',
      bin: 'a',
      args: ['--verbose', '3'],
      environment: { LOG_LEVEL: 'info', ENABLED: 'yes' },
    },
    listen: { host: '127.0.0.1', port: 0, publicHosts: ['bank.example', 'bank.example:8443'] },
    sandbox: 'none',
  });
  expect(parse('server:\n  command: [python3, my_server.py]')).toEqual({
    server: { command: ['python3', 'my_server.py'] },
  });
});

const golden: Readonly<Record<string, readonly [string, string]>> = {
  'an unknown field near a known one': [
    'server: npm:a@1\nlissten: {}\n',
    'vitrine.yaml:2:1: lissten: unknown field "lissten"; did you mean "listen"?',
  ],
  'an unknown field far from any': [
    'server: npm:a@1\nzzz: 1\n',
    'vitrine.yaml:2:1: zzz: unknown field "zzz"; allowed: name, number, server, listen, sandbox, egress, isolation, data, auth, catalogue, limits, clients, logs, keys, credentials, store, signer, upgrade, roots, anchor, handover',
  ],
  'an unknown field inside': [
    'server:\n  source: npm:a@1\n  arg: [x]\n',
    'vitrine.yaml:3:3: server.arg: unknown field "arg"; did you mean "args"?',
  ],
  'no server': ['name: a\n', 'vitrine.yaml:1:1: missing field "server"'],
  'a server without source': ['server:\n  bin: a\n', 'vitrine.yaml:2:3: server: missing field "source"'],
  'a command together with a source': [
    'server:\n  source: npm:a@1\n  command: [x]\n',
    'vitrine.yaml:3:3: server.command: unknown field "command"; allowed: source, bin, entry, args, environment, transport, port',
  ],
  'arguments beside a command': [
    'server:\n  command: [x]\n  args: [y]\n',
    'vitrine.yaml:3:3: server.args: unknown field "args"; allowed: command, environment, transport, port',
  ],
  'an empty command': [
    'server:\n  command: []\n',
    'vitrine.yaml:2:12: server.command: expected a list of at least 1 entry, found an empty one',
  ],
  'a number where text is wanted': [
    'server:\n  source: npm:a@1\n  environment:\n    PORT: 3000\n',
    'vitrine.yaml:4:11: server.environment.PORT: expected text (put numbers, yes and no in quotes), found 3000',
  ],
  'a list where a map is wanted': [
    'server:\n  source: npm:a@1\n  environment: [A=1]\n',
    'vitrine.yaml:3:16: server.environment: expected an object, found a list',
  ],
  'a variable name that is none': [
    'server:\n  source: npm:a@1\n  environment:\n    A-B: x\n',
    'vitrine.yaml:4:5: server.environment.A-B: the name "A-B" does not match ^[A-Za-z_][A-Za-z0-9_]*$',
  ],
  'a number as argument': [
    'server:\n  source: npm:a@1\n  args: [a, 3]\n',
    'vitrine.yaml:3:13: server.args[1]: expected text (put numbers in quotes), found 3',
  ],
  'a port out of range': [
    'server: npm:a@1\nlisten: { port: 70000 }\n',
    'vitrine.yaml:2:17: listen.port: expected a port from 0 (any free one) to 65535, found 70000',
  ],
  'a port as text': [
    'server: npm:a@1\nlisten:\n  port: "80"\n',
    'vitrine.yaml:3:9: listen.port: expected a port from 0 (any free one) to 65535, found "80"',
  ],
  'a number of zero': [
    'server: npm:a@1\nnumber: 0\n',
    'vitrine.yaml:2:9: number: expected a whole number of at least 1, found 0',
  ],
  'an unknown sandbox': [
    'server: npm:a@1\nsandbox: non\n',
    'vitrine.yaml:2:10: sandbox: expected one of "none", "bwrap", found "non"; did you mean "none"?',
  ],
  'a bad name': [
    'server: npm:a@1\nname: "a b"\n',
    'vitrine.yaml:2:7: name: expected a name of letters, digits, "." "_" and "-", found "a b"',
  ],
  'an empty value': [
    'server:\n',
    'vitrine.yaml:1:8: server: expected npm:<package>@<version, range or tag>, path:<directory>, module:<file or directory>, or oci:<image layout>, found null',
  ],
  'several mistakes': [
    'server: npm:a@1\nnumber: x\nsandbox: x\n',
    'vitrine.yaml:2:9: number: expected a whole number of at least 1, found "x"\nvitrine.yaml:3:10: sandbox: expected one of "none", "bwrap", found "x"',
  ],
  'a list at the top': ['- a\n', 'vitrine.yaml:1:1: expected an object, found a list'],
  'an empty file': ['', 'vitrine.yaml:1:1: the file is empty'],
  'two documents': [
    'server: npm:a@1\n---\nserver: npm:b@1\n',
    'vitrine.yaml:2:1: a second document; the file must hold exactly one',
  ],
  'duplicate keys': ['server: npm:a@1\nserver: npm:b@1\n', 'vitrine.yaml:2:1: Map keys must be unique'],
  'an anchor': ['server: &a npm:a@1\n', 'vitrine.yaml:1:12: an anchor (&); write the value out where it is used'],
  'an alias': ['name: &a x\nserver: *a\n', 'vitrine.yaml:1:10: an anchor (&); write the value out where it is used'],
  'an alias alone': ['server: *a\n', 'vitrine.yaml:1:9: an alias (*); write the value out'],
  'a merge key': [
    'server: npm:a@1\n<<: {name: a}\n',
    'vitrine.yaml:2:1: <<: unknown field "<<"; allowed: name, number, server, listen, sandbox, egress, isolation, data, auth, catalogue, limits, clients, logs, keys, credentials, store, signer, upgrade, roots, anchor, handover',
  ],
  'a tag of its own': ['server: !secret x\n', 'vitrine.yaml:1:9: Unresolved tag: !secret'],
  'a binary tag': ['server: !!binary aGk=\n', 'vitrine.yaml:1:9: Unresolved tag: tag:yaml.org,2002:binary'],
  'a key that is a list': ['? [a]\n: x\n', 'vitrine.yaml:1:3: With stringKeys, all keys must be strings'],
  'a tab as indentation': ['server:\n\tsource: x\n', 'vitrine.yaml:2:1: Tabs are not allowed as indentation'],
  'text that is not YAML': ['server: "npm\n', 'vitrine.yaml:2:1: Missing closing "quote'],
};
describe('errors', () => {
  for (const [what, [content, message]] of Object.entries(golden)) {
    test(what, () => {
      expect(() => parse(content)).toThrow(expect.objectContaining({ name: 'UsageError', message }));
    });
  }

  test('a file that is too large is not parsed', () => {
    expect(() => parse(`server: ${'a'.repeat(300_000)}`)).toThrow('vitrine.yaml: larger than 262144 bytes');
  });

  test('a missing file', async () => {
    const file = path.join(await temporaryDirectory(), 'vitrine.yaml');
    await expect(readConfiguration(file)).rejects.toMatchObject({ name: 'UsageError', code: 'config.unreadable' });
  });

  test('any text gives a configuration or a UsageError', () => {
    const piece = fc.constantFrom(
      'server',
      'source',
      ': ',
      '\n',
      '  ',
      '- ',
      '[',
      ']',
      '{',
      '}',
      '&a',
      '*a',
      '"',
      "'",
      '!!',
      '---',
      '<<',
      '#',
      '|',
      '\t',
      '1',
      '\0',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((all) => all.join('')),
        ),
        (content) => {
          try {
            parse(content);
          } catch (error) {
            expect(error).toBeInstanceOf(UsageError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

test('the schema file for editors is up to date', () => {
  const file = fileURLToPath(new URL('../../schema/vitrine.schema.json', import.meta.url));
  // Parsed, since the formatter has its own mind about line ends.
  const present: unknown = JSON.parse(readFileSync(file, 'utf8'));
  expect(present, `write the text of configurationSchema() to ${file}`).toEqual(JSON.parse(configurationSchema()));
});
