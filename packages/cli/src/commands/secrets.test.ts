import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Finished, type Running, type Workplace, workplace } from '../../../../test/support/cli.ts';
import { freshPlace } from '../testing/in-process.ts';
import { IMPORTED, keyConfiguration } from '../testing/key-configuration.ts';

const URL_OF_SERVER = 'https://bank.example/mcp';

promise('P1', 'keygen prints the public key alone, and says what it is for', async () => {
  const place = freshPlace();
  const { code, stdout, stderr } = await place.run('secrets', 'keygen', 'owner.pem');
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^[0-9a-f]{64}\n$/) });
  expect(stderr).toContain('"owner" in vitrine.yaml');
  const again = await place.run('secrets', 'keygen', 'owner.pem', '--json');
  expect(again.code).toBe(2);
  expect(JSON.parse(again.stdout)).toMatchObject({ type: 'vitrine/error/v1', code: 'owner.unwritable' });
  const json = JSON.parse((await place.run('secrets', 'keygen', 'other.pem', '--json')).stdout);
  expect(json).toEqual({
    type: 'vitrine/owner-key/v1',
    file: 'other.pem',
    publicKey: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
});

const seal = ['seal', 'github', '--to', URL_OF_SERVER, '--owner-key', 'owner.pem'] as const;
const wrong: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'no action': [[], /expected seal or keygen/],
  'an unknown action': [['sael'], /did you mean "seal"/],
  'no name': [['seal'], /expected the name of the secret/],
  'no file for a key': [['keygen'], /expected the file to make/],
  'no server': [['seal', 'github'], /expected --to URL/],
  'no owner': [['seal', 'github', '--to', URL_OF_SERVER], /expected --owner-key FILE/],
  'an owner key that is not there': [[...seal.slice(0, -1), 'none.pem'], /cannot read none\.pem/],
  'an owner key that is none': [[...seal.slice(0, -1), 'token'], /token is not an Ed25519 private key/],
  'version 0': [[...seal, '--number', '0'], /--number: expected a whole number from 1/],
  'a version that is no number': [[...seal, '--number', '1e3'], /--number: expected a whole number from 1/],
  'a version above what is exact': [[...seal, '--number', '9999999999999999'], /--number: expected/],
  'a file that is not there': [[...seal, '--file', 'none'], /cannot read none/],
  'no pin and nothing to compare with': [[...seal, '--file', 'token'], /is not pinned/],
  'a flag of seal': [['keygen', 'x.pem', '--to', URL_OF_SERVER], /--to is for "vitrine secrets seal"/],
};
for (const [what, [args, message]] of Object.entries(wrong)) {
  test(`secrets with ${what} sends nothing`, async () => {
    const place = freshPlace();
    await place.run('secrets', 'keygen', 'owner.pem');
    writeFileSync('token', 'hunter2');
    const { code, stdout, stderr } = await place.run('secrets', ...args);
    expect({ code, stdout, stderr }).toEqual({
      code: /pinned/.test(message.source) ? 1 : 2,
      stdout: '',
      stderr: expect.stringMatching(message),
    });
    expect(stderr).not.toContain('hunter2');
  });
}

promise('P1', 'a secret on the command line is refused without being repeated', async () => {
  for (const args of [
    [...seal, 'hunter2'],
    [...seal, '--', 'hunter2'],
  ]) {
    const { code, stdout, stderr } = await freshPlace().run('secrets', ...args, '--json');
    expect(code).toBe(2);
    expect(stdout + stderr).not.toContain('hunter2');
    expect(stderr).toContain('never from the command line');
  }
});

describe('a running server', () => {
  let user: Workplace;
  let desk: Running;
  beforeAll(async () => {
    user = workplace();
    const owner = (await user.run(['secrets', 'keygen', 'owner.pem'])).stdout.trim();
    await user.run(['secrets', 'keygen', 'other.pem']);
    writeFileSync(join(user.directory, 'vitrine.yaml'), keyConfiguration(owner));
    desk = await user.start(['--genesis']);
  }, 60_000);
  afterAll(() => user?.dispose());

  const sealed = (name: string, input: string, ...flags: readonly string[]): Promise<Finished> => {
    const { referenceValues, url } = desk.ready;
    const trust = ['--allow-simulator', '--reference', referenceValues];
    const owner = flags.includes('--owner-key') ? [] : ['--owner-key', 'owner.pem'];
    return user.run(['secrets', 'seal', name, '--to', url, ...owner, ...trust, ...flags], input);
  };
  const refused: Readonly<Record<string, readonly [readonly [string, string, ...string[]], number, RegExp]>> = {
    'another owner': [['github', 'token', '--owner-key', 'other.pem'], 1, /belongs to the owner key [0-9a-f]{64}, not/],
    'an unknown name': [['githbu', 'token'], 2, /has no secret "githbu"; it has github, old/],
    'a key that is made inside': [['hot', IMPORTED], 2, /the key hot is derived: it is made inside/],
    'nothing at all': [['github', ''], 2, /has 0 bytes/],
    'a line end in the middle': [['github', 'a\nb'], 2, /no visible ASCII character/],
    'too much': [['github', 'x'.repeat(20_000)], 2, /20000 bytes; expected 1 to 16384/],
    'a key of another length': [['old', 'abcd'], 2, /32 bytes, written as 64 hexadecimal digits/],
    'another private key': [['old', '11'.repeat(32)], 1, /is not the private key of the public key in the manifest/],
  };
  for (const [what, [[name, input, ...flags], code, message]] of Object.entries(refused)) {
    promise('P1', `${what} is refused, and the secret is not repeated`, async () => {
      const done = await sealed(name, input, ...flags);
      expect(done).toEqual({ code, stdout: '', stderr: expect.stringMatching(message) });
      if (input.length > 5) expect(done.stderr).not.toContain(input);
    });
  }

  promise('P1', 'versions of a secret only rise', async () => {
    expect(await sealed('github', 'token\n', '--number', '5')).toEqual({
      code: 0,
      stdout: `github version 5 is with ${desk.ready.url} (simulated)\n`,
      stderr: '',
    });
    for (const number of ['5', '4']) {
      const { code, stdout } = await sealed('github', 'token', '--number', number, '--json');
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ type: 'vitrine/error/v1', code: 'secret.version' });
    }
    const { stdout } = await sealed('github', 'token', '--json');
    const { version, ...rest } = JSON.parse(stdout) as { readonly version: number };
    expect(rest).toMatchObject({ type: 'vitrine/secret-sealed/v1', name: 'github', purpose: 'credential' });
    expect(version).toBeGreaterThan(1_700_000_000);
  });

  promise('P4', 'an imported key is taken with and without 0x', async () => {
    for (const [number, text] of [
      ['1', `0x${IMPORTED}\r\n`],
      ['2', IMPORTED.toUpperCase()],
    ] as const) {
      const { code, stderr } = await sealed('old', text, '--number', number);
      expect({ code, stderr }).toEqual({ code: 0, stderr: 'vitrine: the imported key can be used from now on\n' });
    }
  });
});
