import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { ServerChoice } from './configuration.ts';
import { parseConfiguration } from './configuration-file.ts';
import { initialConfiguration } from './initial-configuration.ts';

const written = (name: string, server: ServerChoice): unknown =>
  parseConfiguration(initialConfiguration({ name, server, schema: './vitrine.schema.json' }), 'vitrine.yaml');

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/);
/** Text that no rule about secrets can mean. */
const value = fc
  .string({ unit: 'binary', maxLength: 30 })
  .filter((text) => !/[_-]|key|token|:\/\/|BEGIN|[A-Za-z0-9]{8}/i.test(text) && text.isWellFormed());

promise('P3', 'whatever was chosen is what is read from the file', () => {
  fc.assert(
    fc.property(name, fc.array(value, { minLength: 1, maxLength: 4 }), value, (called, args, variable) => {
      const environment = { A: variable, LOG_LEVEL: 'info' };
      const source = { source: 'path:./my server: #1', entry: 'a "b".js', args, environment };
      expect(written(called, source)).toMatchObject({ name: called, number: 1, server: source });
      const command = { command: ['node', ...args], environment };
      expect(written(called, command)).toMatchObject({ name: called, server: command });
    }),
    { numRuns: 200 },
  );
});

promise('P3', 'a source is read as it was written, whatever YAML would make of it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0')),
      (directory) => {
        expect(written('a', { source: `path:${directory}` })).toMatchObject({
          server: { source: `path:${directory}` },
        });
      },
    ),
  );
});

describe('what a configuration may not hold is not written', () => {
  test.each([
    ['a name that is none', 'a b', { source: 'path:.' }, 'config.shape'],
    ['an empty name', '', { source: 'path:.' }, 'config.shape'],
    ['a name with a line of its own', 'a\nsandbox: none', { source: 'path:.' }, 'config.shape'],
    ['a source of no kind', 'a', { source: 'server.js' }, 'source.spec'],
    ['a secret', 'a', { source: 'path:.', environment: { API_KEY: 'x' } }, 'config.secret'],
    ['a secret argument', 'a', { command: ['node', '--token', 'x'] }, 'config.secret'],
    ['a variable that loads code', 'a', { source: 'path:.', environment: { LD_PRELOAD: 'x' } }, 'config.environment'],
    ['a variable that is none', 'a', { source: 'path:.', environment: { 'A-B': 'x' } }, 'config.shape'],
    ['an empty command', 'a', { command: [] }, 'config.shape'],
  ] as const)('%s', (_, called, server, code) => {
    expect(() => initialConfiguration({ name: called, server, schema: 's' })).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

test('what was not chosen stands there as a comment, so that the file is its own manual', () => {
  const text = initialConfiguration({ name: 'a', server: { source: 'npm:a@1.0.0' }, schema: 's' });
  for (const line of [
    '# yaml-language-server: $schema=s',
    '  # bin: …',
    '  # args: ["--verbose"]',
    '  # environment:',
    '# listen:',
  ])
    expect(text).toContain(`\n${line}`.slice(line.startsWith('# yaml') ? 1 : 0));
  expect(text.split('\n').filter((line) => line.length > 100)).toEqual([]);
});
