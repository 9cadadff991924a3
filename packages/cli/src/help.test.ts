import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { parseArguments } from './command.ts';
import type { OptionSpec } from './command-spec.ts';
import { COMMANDS, findCommand } from './commands.ts';
import { commandHelp, HELP_WIDTH, helpWidth, overview } from './help.ts';
import { freshPlace } from './testing/in-process.ts';

const GOLDEN = './testing/help';
const tooWide = (text: string, width: number): readonly string[] =>
  text.split('\n').filter((line) => line.length > width && /\S\s+\S/.test(line.trim()));

test('the overview is as kept', async () => {
  await expect(overview(HELP_WIDTH)).toMatchFileSnapshot(`${GOLDEN}/vitrine.txt`);
});

test('the overview names every command', () => {
  for (const { spec } of COMMANDS) expect(overview(HELP_WIDTH)).toContain(`  ${spec.name} `);
});

for (const { spec } of COMMANDS) {
  describe(spec.name, () => {
    const options: readonly (readonly [string, OptionSpec])[] = Object.entries(spec.options);

    test('its help is as kept', async () => {
      await expect(commandHelp(spec, HELP_WIDTH)).toMatchFileSnapshot(`${GOLDEN}/${spec.name}.txt`);
    });

    test('its help fits 80 columns, and a narrow terminal', () => {
      expect(tooWide(commandHelp(spec, 80), 80)).toEqual([]);
      expect(tooWide(commandHelp(spec, 60), 60).filter((line) => !line.startsWith('  '))).toEqual([]);
    });

    test('its examples are its own, and can be parsed', () => {
      for (const { command } of spec.examples) {
        const own = command
          .split(/\s*\|\s*|\s*>\s*/)
          .find((part) => part.includes('vitrine'))
          ?.replace(/^.*\(|\)$/g, '');
        const [program, name, ...args] = (own ?? '').split(' ');
        expect([program, name]).toEqual(['vitrine', spec.name]);
        expect(() => parseArguments(args, spec.options)).not.toThrow();
      }
    });

    test('its options say what their values are, and its sentences have no full stop', () => {
      for (const [name, { type, value, summary, multiple }] of options) {
        expect(value === undefined, name).toBe(type === 'boolean');
        if (type === 'boolean') expect(multiple, name).toBeUndefined();
        expect(summary, name).not.toMatch(/\.$|\n/);
      }
      expect(spec.summary).not.toMatch(/\.$|\n/);
      expect(Object.keys(spec.exitCodes)).toContain('0');
      expect(Object.keys(spec.exitCodes)).toContain('2');
    });

    test('help, --help and -h print the same, and load no code of it', async () => {
      const { run } = freshPlace();
      const texts = [await run('help', spec.name), await run(spec.name, '--help'), await run(spec.name, '-h')];
      for (const { code, stdout, stderr } of texts) {
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(stdout).toBe(commandHelp(spec, helpWidth(process.stdout)));
      }
    });
  });
}

promise('P7', 'behind -- a --help belongs to the hosted command', async () => {
  const { code, stderr } = await freshPlace().run('run', 'path:./nowhere', '--', '--help');
  expect(code).toBe(2);
  expect(stderr).toContain('nowhere');
});

test('each command is found by its exact name only', () => {
  for (const { spec } of COMMANDS) expect(findCommand(spec.name).spec).toBe(spec);
  for (const name of ['', 'Run', 'run ', 'constructor', '__proto__', 'toString'])
    expect(() => findCommand(name)).toThrow(/unknown command/);
});

test('every command can be loaded', async () => {
  for (const { load } of COMMANDS) expect(typeof (await load())).toBe('function');
});

test('a help text is never wider than the terminal, within reason', () => {
  expect(helpWidth({})).toBe(80);
  expect(helpWidth({ columns: 200 })).toBe(80);
  expect(helpWidth({ columns: 61 })).toBe(61);
  expect(helpWidth({ columns: 3 })).toBe(40);
});
