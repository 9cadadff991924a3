import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../commands.ts';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { powershellCompletion } from './powershell.ts';
import { completionWords } from './words.ts';
import { zshCompletion } from './zsh.ts';

const words = completionWords(COMMANDS);
const directory = mkdtempSync(join(tmpdir(), 'vitrine-completion-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const missing = (program: string): string | false =>
  spawnSync(program, ['--version']).status === 0 ? false : `${program} is not installed`;

const noBash = missing('bash');
describe.skipIf(noBash !== false)(`bash${noBash === false ? '' : ` (skipped: ${noBash})`}`, () => {
  writeFileSync(join(directory, 'policy one.json'), '');
  writeFileSync(join(directory, 'vitrine.bash'), bashCompletion(words));

  /** What bash offers for the last of these words, which are as bash splits a line: ":" and "=" stand alone. */
  const offers = (...line: readonly string[]): readonly string[] => {
    const script = `source vitrine.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vitrine; printf "%s\\n" "\${COMPREPLY[@]}"`;
    const { stdout, stderr, status } = spawnSync('bash', ['--norc', '-c', script, 'bash', 'vitrine', ...line], {
      cwd: directory,
      encoding: 'utf8',
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    return stdout.split('\n').filter((offer) => offer !== '');
  };

  test('every command', () => {
    expect(offers('')).toEqual([...COMMANDS.map(({ spec }) => spec.name), 'help', '--help', '--version']);
    expect(offers('ver')).toEqual(['verify']);
    expect(offers('zzz')).toEqual([]);
  });

  test.each(COMMANDS.map(({ spec }) => [spec.name, spec] as const))('every option of %s', (name, spec) => {
    expect(offers(name, '--')).toEqual([...Object.keys(spec.options).map((option) => `--${option}`), '--help']);
  });

  test('values, in either way of writing them', () => {
    expect(offers('verify', '--preset', 'h')).toEqual(['hardware-only']);
    expect(offers('verify', '--preset', '=', 'st')).toEqual(['strict']);
    expect(offers('verify', '--preset', '=')).toEqual(['strict', 'default', 'hardware-only']);
    expect(offers('verify', '--at', '')).toEqual([]);
  });

  test('files with blanks in their names, as one offer', () => {
    expect(offers('verify', '--policy', 'pol')).toEqual(['policy one.json']);
    expect(offers('verify', 'pol')).toEqual(['policy one.json']);
    expect(offers('run', '--', 'pol')).toEqual(['policy one.json']);
  });

  test('by position, where options and their values do not count', () => {
    expect(offers('config', '')).toEqual(['check', 'show', 'hash']);
    expect(offers('config', '--offline', 'sh')).toEqual(['show']);
    expect(offers('config', 'show', 'pol')).toEqual(['policy one.json']);
    expect(offers('run', '--name', 'x', 'np')).toEqual(['npm:']);
    expect(offers('help', 'com')).toEqual(['completion']);
    expect(offers('verify', 'https', ':', '//bank.example/mcp', 'pol')).toEqual([]);
  });

  test('what is typed is data, and never run', () => {
    const marker = join(directory, 'ran');
    offers('verify', `$(touch ${marker})`);
    offers(`\`touch ${marker}\``, '');
    expect(spawnSync('test', ['-e', marker]).status).toBe(1);
  });
});

for (const [shell, script, check] of [
  ['zsh', zshCompletion(words), ['-n']],
  ['fish', fishCompletion(words), ['--no-execute']],
] as const) {
  const absent = missing(shell);
  test.skipIf(absent !== false)(`${shell} reads its script${absent === false ? '' : ` (skipped: ${absent})`}`, () => {
    const file = join(directory, `vitrine.${shell}`);
    writeFileSync(file, script);
    expect(spawnSync(shell, [...check, file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
  });
}

for (const [shell, script, option] of [
  ['zsh', zshCompletion(words), (name: string) => `--${name}`],
  ['fish', fishCompletion(words), (name: string) => `-l ${name} `],
  ['powershell', powershellCompletion(words), (name: string) => `'--${name}' =`],
] as const) {
  test(`the script for ${shell} has every command and option, and closes its quotes`, () => {
    for (const { spec } of COMMANDS) {
      expect(script).toContain(spec.name);
      for (const name of Object.keys(spec.options)) expect(script).toContain(option(name));
    }
    for (const line of script.split('\n').filter((text) => !text.startsWith('#'))) {
      const quotes =
        line.replaceAll(shell === 'zsh' ? "'\\''" : shell === 'fish' ? "\\'" : "''", '').split("'").length - 1;
      expect(quotes % 2, line).toBe(0);
    }
  });
}
