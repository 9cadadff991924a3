/**
 * What people get wrong on the command line, over all commands: exit code 2, few lines that name the thing
 * and what is allowed, no stack trace; with --json exactly one object on stdout.
 */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorDocumentShape } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import type { OptionSpec } from './command-spec.ts';
import { COMMANDS } from './commands.ts';
import { type Ended, freshPlace, type Place } from './testing/in-process.ts';

const MOST_LINES = 4;

function expectMistake({ code, stdout, stderr }: Ended): void {
  expect(stderr).toMatch(/^vitrine: \S/);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(stderr).not.toContain('internal error');
  expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(MOST_LINES);
  expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
}

for (const { spec } of COMMANDS) {
  const options: readonly (readonly [string, OptionSpec])[] = Object.entries(spec.options);
  describe(`vitrine ${spec.name}`, () => {
    test('an unknown flag, far from any', async () => {
      const ended = await freshPlace().run(spec.name, '--qqqqqqqq');
      expectMistake(ended);
      expect(ended.stderr).toContain('--qqqqqqqq');
      for (const [name] of options) expect(ended.stderr).toContain(`--${name}`);
    });

    for (const [name, option] of options) {
      test(`--${name}: misspelt, with the wrong number of values, too often`, async () => {
        const place = freshPlace();
        const misspelt = await place.run(spec.name, `--${name}x`);
        expectMistake(misspelt);
        expect(misspelt.stderr).toContain(`unknown flag --${name}x; did you mean --`);

        const wrong = await place.run(spec.name, option.type === 'string' ? `--${name}` : `--${name}=1`);
        expectMistake(wrong);
        expect(wrong.stderr).toContain(
          option.type === 'string' ? `--${name}: expected ${option.value}` : `--${name} takes no value`,
        );

        if (option.multiple === true) return;
        const given = option.type === 'string' ? [`--${name}`, 'x'] : [`--${name}`];
        const twice = await place.run(spec.name, ...given, ...given);
        expect(twice.code).toBe(2);
        expect(twice.stderr).toContain(`--${name} is given 2 times`);
      });
    }

    if (Object.hasOwn(spec.options, 'json')) {
      test('with --json a mistake is one error document on stdout', async () => {
        const { code, stdout } = await freshPlace().run(spec.name, '--json', '--qqqqqqqq');
        expect(code).toBe(2);
        expect(stdout.endsWith('\n')).toBe(true);
        expect(stdout.trimEnd()).not.toContain('\n');
        expect(errorDocumentShape.parse(JSON.parse(stdout))).toMatchObject({ ok: true });
      });
    }
  });
}

/** A place with what the rows below speak of. */
function furnished(): Place {
  const place = freshPlace();
  writeFileSync(join(place.directory, 'quote.bin'), 'x');
  writeFileSync(join(place.directory, 'empty.yaml'), '');
  writeFileSync(join(place.directory, 'two.yaml'), 'server: npm:a@1.0.0\n---\nserver: npm:b@1.0.0\n');
  writeFileSync(join(place.directory, 'alias.yaml'), 'server: &a npm:a@1.0.0\nname: *a\n');
  writeFileSync(join(place.directory, 'port.yaml'), 'server: npm:a@1.0.0\nlisten:\n  port: 99999\n');
  writeFileSync(join(place.directory, 'name.yaml'), 'name: a b\nserver: npm:a@1.0.0\n');
  writeFileSync(join(place.directory, 'policy.json'), '{"type":"vitrine/appraisal-policy/v1","extends":"defualt"}');
  writeFileSync(join(place.directory, 'comma.json'), '{"type":"vitrine/appraisal-policy/v1",}');
  writeFileSync(
    join(place.directory, 'reference.json'),
    '{"type":"vitrine/reference-values/v1","release":"1","entires":[]}',
  );
  mkdirSync(join(place.directory, 'folder'));
  return place;
}

const rows: readonly (readonly [args: readonly string[], says: RegExp])[] = [
  [['verfy'], /^vitrine: unknown command "verfy"; did you mean "verify"\?$/],
  [['qqqqqqqq'], /^vitrine: unknown command "qqqqqqqq"; commands: verify, add, /],
  [['help', 'verfiy'], /^vitrine: unknown command "verfiy"; did you mean "verify"\?$/],
  [['--verison'], /^vitrine: unknown command "--verison"/],
  [['verify'], /expected a URL, a bundle or a quote/],
  [['verify', 'a', 'b'], /unexpected argument "b": expected only/],
  [['verify', 'a', '--', 'b'], /nothing may stand after "--"/],
  [['verify', 'nowhere'], /cannot read nowhere: no such file/],
  [['verify', 'folder'], /cannot read folder: it is a folder/],
  [
    ['verify', 'quote.bin', '--preset', 'lenient'],
    /--preset: expected one of strict, default, hardware-only, found "lenient"/,
  ],
  [['verify', 'quote.bin', '--format', 'tdxx'], /--format: expected one of tdx, sgx, snp, nitro, tpm, found "tdxx"/],
  [['verify', 'quote.bin', '--at', '2026-02-30'], /--at: expected an RFC 3339 time such as/],
  [['verify', 'quote.bin', '--tpm-nonce', 'XY'], /--tpm-nonce: expected lower-case hexadecimal/],
  [
    ['verify', 'quote.bin', '--policy', 'policy.json'],
    /policy\.json: extends: expected one of strict, default, hardware-only, found "defualt"/,
  ],
  [['verify', 'quote.bin', '--policy', 'comma.json'], /comma\.json:1:\d+: not strict JSON/],
  [['verify', 'quote.bin', '--reference', 'reference.json'], /entires.*did you mean "entries"/s],
  [['verify', 'quote.bin', '--endorsements', 'nowhere'], /cannot read nowhere: no such file/],
  [['verify', 'quote.bin', '--reference', ''], /--reference: expected FILE, found nothing/],
  [['run', '--config='], /--config: expected FILE, found nothing/],
  [
    ['verify', 'quote.bin', '--endorsements', 'a', '--endorsements', ''],
    /--endorsements: expected PATH, found nothing/,
  ],
  [['verify', 'http://bank.example/mcp'], /https/],
  [['verify', 'https://user:x1y2@bank.example/mcp'], /user|credentials|password/i],
  [
    ['verify', 'https://bank.example/mcp', '--save', 'x', '--at', '2026-02-18T14:04:40Z'],
    /--at is for evidence from a file/,
  ],
  [['explain', 'tdx.revocatoin'], /unknown check "tdx\.revocatoin"; did you mean "tdx\.revocation"\?/],
  [['explain', 'tdx', 'snp'], /unexpected argument "snp"/],
  [['run'], /no server: name one \(npm:<package>@<version> or path:<directory>\)/],
  [
    ['run', 'server.py'],
    /it names no kind. Write npm:<package>@<version>, path:<directory>, module:<file> or oci:<image layout>; for a command use -- command/,
  ],
  [['run', 'npn:a@1.0.0'], /unknown kind "npn"; allowed: npm, path, module, oci; did you mean "npm"\?/],
  [['run', 'npm:a'], /say which version, for instance npm:a@latest/],
  [['run', 'npm:a@1', 'b'], /unexpected argument "b"; arguments of the server go after "--"/],
  [['run', 'path:folder', '--listen', '8443'], /--listen: expected HOST:PORT such as 127\.0\.0\.1:8443, found "8443"/],
  [['run', 'path:folder', '--listen', '127.0.0.1:70000'], /--listen: expected HOST:PORT/],
  [['run', 'path:folder', '--listen', '0.0.0.0:1'], /loopback only/],
  [['run', 'path:folder', '--sandbox', 'docker'], /--sandbox: expected bwrap or none, found "docker"/],
  [['run', 'path:folder', '--http-port', '0'], /--http-port: expected 1 to 65535, found "0"/],
  [['run', 'path:folder', '--egress', '10.0.0.1:80'], /expected <host>:<port> such as .* never an address/],
  [['run', 'module:folder/none.mjs'], /is not a directory/],
  [['run', 'oci:folder'], /is not an OCI image layout/],
  [['run', 'path:folder', '--env', 'x1y2'], /--env: expected NAME=VALUE/],
  [['run', 'path:folder', '--platform', 'tdx'], /--platform tdx: there is no vitrine.yaml here/],
  [['run', '--config', 'nowhere.yaml'], /^vitrine: cannot read nowhere\.yaml: no such file$/],
  [['run', '--config', 'empty.yaml'], /empty\.yaml:1:1: /],
  [['run', '--config', 'name.yaml', '--name', 'b'], /name\.yaml:1:7: name: expected a name of letters/],
  [['config'], /expected one of check, show, hash/],
  [['config', 'chekc'], /unknown action "chekc"; did you mean "check"\?/],
  [['config', 'check'], /there is no vitrine\.yaml here: name a file, or write one with `vitrine init`/],
  [['config', 'check', 'two.yaml'], /two\.yaml:\d+:\d+: a second document/],
  [['config', 'check', 'alias.yaml'], /alias\.yaml:\d+:\d+: an a(?:nchor|lias)/],
  [['config', 'check', 'port.yaml'], /port\.yaml:3:9: listen\.port: expected a port from 0/],
  [['config', 'check', 'folder'], /cannot read folder: it is a folder/],
  [['config', 'check', 'a', 'b'], /unexpected argument "b": expected only one file/],
  [['config', 'check', '--offline'], /--offline is for show and hash/],
  [['add'], /expected the URL of a server/],
  [['add', 'https://a.example/mcp', 'b'], /unexpected argument "b"/],
  [['connect'], /expected the URL of a server, such as/],
  [['connect', 'a', 'b'], /unexpected argument "b"/],
  [['connect', 'bank.example'], /"bank\.example".*https:/],
  [['connect', 'http://bank.example/mcp'], /https/],
  [['proxy', '--listen', '127.0.0.1:0'], /expected the URL of a server/],
  [['proxy', 'https://bank.example/mcp'], /expected --listen/],
  [['pins'], /ls.*show.*rm/],
  [['pins', 'lst'], /expected ls, show, rm or deny, found "lst"; did you mean "ls"\?/],
  [['diff', 'quote.bin'], /expected two sides: files, or URLs of pinned servers/],
  [['completion'], /expected a shell: bash, zsh, fish, powershell/],
  [['verify', '127.0.0.1:8443'], /no such file; a server is named by its URL, such as https:\/\/127\.0\.0\.1:8443$/],
  [['verify', 'bank.example/mcp'], /no such file; a server is named by its URL, such as https:\/\/bank\.example\/mcp$/],
  [['verify', 'folder/quote.bin'], /no such file$/],
  [['verify'], /expected a URL, a bundle or a quote\n {2}examples: vitrine verify --help$/],
  [['completion', 'bahs'], /unknown shell "bahs"; did you mean "bash"\?/],
  [['completion', 'qqqqqqqq'], /expected one of bash, zsh, fish, powershell/],
  [['man', 'verify'], /unexpected argument "verify": expected none/],
  [['doctor', 'me'], /unexpected argument "me": expected none/],
];
for (const [args, says] of rows) {
  promise('P7', `vitrine ${args.join(' ')}: exit code 2 and a line that helps`, async () => {
    const place = furnished();
    const ended = await place.run(...args);
    expectMistake(ended);
    expect(ended.stderr.trimEnd()).toMatch(says);
    expect(ended.stderr).not.toContain('x1y2');
  });
}

promise('P7', 'control characters in what was typed do not reach the terminal', async () => {
  const { stderr } = await freshPlace().run('verify', 'a\u001b[2J\u202e');
  expect(stderr).not.toMatch(/[\u001b\u202e]/);
});

promise('P7', 'no argument at all prints the overview, with exit code 2', async () => {
  const { code, stdout } = await freshPlace().run();
  expect(code).toBe(2);
  expect(stdout).toContain('Use a server');
});

test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
  'a file that may not be read (skipped for root, and on Windows)',
  async () => {
    const place = furnished();
    chmodSync(join(place.directory, 'quote.bin'), 0);
    const ended = await place.run('verify', 'quote.bin');
    expectMistake(ended);
    expect(ended.stderr).toContain('permission denied');
  },
);
