import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manifestDigest, manifestShape } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { startFakeRegistry } from '../../../enclave/src/testing/fake-registry.ts';
import { freshPlace, type Place } from '../testing/in-process.ts';

const GREETER = fileURLToPath(new URL('../../../../test/fixtures/greeter', import.meta.url));

function placeWith(content: string, environment: Readonly<Record<string, string | undefined>> = {}): Place {
  const place = freshPlace(environment);
  writeFileSync(join(place.directory, 'vitrine.yaml'), content);
  return place;
}

test('check says that a file is in order, and with --json the same as one object', async () => {
  const place = placeWith(`server: path:${GREETER}\n`);
  expect(await place.run('config', 'check')).toEqual({ code: 0, stdout: 'vitrine.yaml is in order\n', stderr: '' });
  const { stdout } = await place.run('config', 'check', '--json');
  expect(JSON.parse(stdout)).toEqual({ type: 'vitrine/config-check/v1', file: 'vitrine.yaml', ok: true });
});

test('check installs, measures and writes nothing', async () => {
  const place = placeWith('server: npm:not-there@1.0.0\n', { npm_config_registry: 'http://127.0.0.1:9/' });
  expect((await place.run('config', 'check')).code).toBe(0);
  expect(await place.run('config', 'check', 'vitrine.lock')).toMatchObject({ code: 2 });
});

const wrong: Readonly<Record<string, readonly [content: string, place: string, message: RegExp]>> = {
  'an unknown field': ['server: npm:a@1.0.0\nlissten: {}\n', '2:1', /did you mean "listen"/],
  'a source that names no version': ['server: npm:a\n', '1:9', /say which version/],
  'a source of an unknown kind': ['name: a\nserver:\n  source: npn:a@1\n', '3:11', /did you mean "npm"/],
  'a variable named like a secret': [
    'server:\n  source: npm:a@1.0.0\n  environment:\n    A: b\n    API_TOKEN: x1y2\n',
    '5:16',
    /API_TOKEN is named like a secret/,
  ],
  'a value that looks like a secret': [
    'server:\n  source: npm:a@1.0.0\n  environment:\n    A: ghp_aaaaaaaaaaaaaaaaaaaaaaaa\n',
    '4:8',
    /looks like a GitHub token/,
  ],
  'an argument named like a secret': [
    'server:\n  source: npm:a@1.0.0\n  args: [--password, x1y2]\n',
    '3:9',
    /named like a secret/,
  ],
  'a variable that loads code': [
    'server:\n  command: [node, a.js]\n  environment:\n    NODE_OPTIONS: --import=x\n',
    '4:19',
    /can load code/,
  ],
};
for (const [what, [content, at, message]] of Object.entries(wrong)) {
  promise('P3', `${what}: file, line and column, exit code 2, and no value that may be secret`, async () => {
    const place = placeWith(content);
    const { code, stdout, stderr } = await place.run('config', 'check');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(`vitrine: vitrine.yaml:${at}: `);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/x1y2|ghp_aa/);
    const ran = await place.run('run');
    expect(ran.stderr).toBe(stderr);
    expect(ran.code).toBe(2);
  });
}

promise('P3', 'show prints the manifest that hash is the digest of', async () => {
  const place = placeWith(`name: greeter\nnumber: 7\nserver:\n  source: path:${GREETER}\n  args: [hello]\n`);
  const shown = await place.run('config', 'show');
  expect(shown.code, shown.stderr).toBe(0);
  const parsed = manifestShape.parse(JSON.parse(shown.stdout));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  expect(parsed.value).toMatchObject({ name: 'greeter', number: 7, server: { args: ['hello'] } });
  const hashed = await place.run('config', 'hash');
  expect(hashed.stdout).toBe(`${await manifestDigest(parsed.value)}\n`);
  const json = await place.run('config', 'hash', '--json');
  expect(JSON.parse(json.stdout)).toEqual({
    type: 'vitrine/config-hash/v1',
    file: 'vitrine.yaml',
    name: 'greeter',
    number: 7,
    manifestDigest: hashed.stdout.trim(),
  });
});

promise('P3', 'one changed argument is another hash', async () => {
  const place = placeWith(`server:\n  source: path:${GREETER}\n  args: [hello]\n`);
  const before = await place.run('config', 'hash');
  writeFileSync(join(place.directory, 'vitrine.yaml'), `server:\n  source: path:${GREETER}\n  args: [hallo]\n`);
  expect((await place.run('config', 'hash')).stdout).not.toBe(before.stdout);
});

promise(
  'P3',
  'offline, a package that is not installed cannot be resolved: exit code 3, and locked and installed it can',
  async () => {
    const registry = await startFakeRegistry({
      name: 'served',
      version: '1.0.0',
      manifest: { bin: { served: 'main.js' } },
      files: { 'main.js': '' },
    });
    const place = placeWith('server: npm:served@^1.0.0\n', registry.environment);
    expect((await place.run('config', 'hash', '--offline')).code).toBe(3);
    const online = await place.run('config', 'hash');
    expect(online.code, online.stderr).toBe(0);
    await registry.goDown();
    expect((await place.run('config', 'hash', '--offline')).stdout).toBe(online.stdout);
  },
);
