import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { COMMANDS } from './commands.ts';
import { manPage } from './man-page.ts';
import { VERSION } from './version.ts';

const page = manPage(COMMANDS, VERSION);
const groff = spawnSync('groff', ['--version']).status === 0;

test('the page that is shipped is the one that is generated', async () => {
  await expect(page).toMatchFileSnapshot('../man/vitrine.1');
});

test('every command and every option is in it', () => {
  for (const { spec } of COMMANDS) {
    expect(page).toContain(`.SS "vitrine ${spec.name}"`);
    for (const option of Object.keys(spec.options)) expect(page).toContain(`\\-\\-${option.replaceAll('-', '\\-')}`);
  }
});

test('each line that begins with a point or an apostrophe is a known request', () => {
  const requests = new Set(page.split('\n').flatMap((line) => /^[.']\S*/.exec(line)?.[0] ?? []));
  expect([...requests].sort()).toEqual([
    '.B',
    '.BI',
    '.I',
    '.PP',
    '.RE',
    '.RI',
    '.RS',
    '.SH',
    '.SS',
    '.TH',
    '.TP',
    '.fi',
    '.nf',
  ]);
});

test.skipIf(!groff)(`groff formats it without a warning${groff ? '' : ' (skipped: groff is not installed)'}`, () => {
  const { status, stderr, stdout } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-P-c'], {
    input: page,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toContain('allow-simulator');
});
