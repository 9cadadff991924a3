import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configurationSchema, readConfiguration } from '@vitrine/enclave';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { workplace } from '../../../../test/support/cli.ts';
import { type FakeRegistry, startFakeRegistry } from '../../../enclave/src/testing/fake-registry.ts';
import { freshPlace } from '../testing/in-process.ts';

const GREETER = fileURLToPath(new URL('../../../../test/fixtures/greeter', import.meta.url));
const FILE = 'vitrine.yaml';

const registryWith = (...versions: readonly string[]): Promise<FakeRegistry> =>
  startFakeRegistry(
    ...versions.map((version) => ({
      name: '@scope/served',
      version,
      manifest: { bin: { served: 'main.js' } },
      files: { 'main.js': `// ${version}` },
    })),
  );

promise(
  'P3',
  'a range of npm is written as the exact version, locked, and passes config check and show',
  async () => {
    const registry = await registryWith('1.0.0', '1.2.3', '2.0.0');
    const place = freshPlace(registry.environment);
    const { code, stdout, stderr } = await place.run('init', 'npm:@scope/served@^1.0.0', '--env', 'LOG_LEVEL=info');
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '' });
    const text = readFileSync(join(place.directory, FILE), 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=./vitrine.schema.json');
    expect((await readConfiguration(FILE)).server).toEqual({
      source: 'npm:@scope/served@1.2.3',
      environment: { LOG_LEVEL: 'info' },
    });
    expect(readFileSync('vitrine.schema.json', 'utf8')).toBe(configurationSchema());
    expect(readFileSync('vitrine.lock', 'utf8')).toContain('"npm:@scope/served@1.2.3"');
    expect(stderr).toContain('Next:\n  vitrine config check\n  vitrine run\n');

    await registry.goDown();
    expect((await place.run('config', 'check')).code).toBe(0);
    const shown = await place.run('config', 'show', '--offline');
    expect(JSON.parse(shown.stdout)).toMatchObject({
      name: 'served',
      number: 1,
      server: { source: { kind: 'npm', package: '@scope/served', version: '1.2.3' } },
    });
  },
  60_000,
);

promise(
  'P3',
  'what init writes for a folder is run by run, with the name and the arguments that it says',
  async () => {
    const user = workplace();
    try {
      const made = await user.run(['init', `path:${GREETER}`, '--name', 'greeter', '--env', 'GREETING=Hi']);
      expect(made.code, made.stderr).toBe(0);
      expect((await user.run(['config', 'check'])).code).toBe(0);
      const hash = (await user.run(['config', 'hash'])).stdout.trim();
      const { ready } = await user.start([]);
      expect(ready.manifestDigest).toBe(hash);
      const verified = await user.run(['verify', ready.url, '--allow-simulator', '--reference', ready.referenceValues]);
      expect(verified.code, verified.stderr).toBe(0);
      expect(verified.stdout).toContain('manifest "greeter" number 1');
    } finally {
      await user.dispose();
    }
  },
  60_000,
);

test('a command is written word by word, whatever is in it', async () => {
  const { run } = freshPlace();
  const command = [process.execPath, 'my server.js', 'a: b', '#x', '"', "it's", '*', 'no', '3', '\u00e9', ''];
  const { code, stderr } = await run('init', '--name', 'mine', '--', ...command);
  expect(code, stderr).toBe(0);
  expect((await readConfiguration(FILE)).server).toEqual({ command });
});

test('values that YAML would read as something else are quoted', async () => {
  const { run } = freshPlace();
  for (const name of ['true', 'null', '3', '1e3', '0x10', 'a.b-c_d', 'no', 'NaN']) {
    const { code, stderr } = await run('init', `path:${GREETER}`, '--name', name, '--env', 'A=: #', '--force');
    expect(code, stderr).toBe(0);
    expect(await readConfiguration(FILE)).toMatchObject({ name, server: { environment: { A: ': #' } } });
  }
});

test('a folder is written as seen from the file', async () => {
  const { run, directory } = freshPlace();
  writeFileSync(join(directory, 'server.js'), '');
  const { code, stderr } = await run('init', 'path:.', '--entry', 'server.js', '--config', 'deploy/vitrine.yaml');
  expect(code, stderr).toBe(2);
  expect(stderr).toContain("Vitrine's own state directory");
  await run('init', `path:${GREETER}`, '--config', join('deploy', FILE));
  const { server } = await readConfiguration(join('deploy', FILE));
  expect(server).toMatchObject({ source: expect.stringMatching(/^path:\.\.\//) });
  expect((await run('config', 'show', join('deploy', FILE))).code).toBe(0);
});

test('--dry-run prints the file and writes none', async () => {
  const { run, directory } = freshPlace();
  const { code, stdout } = await run('init', `path:${GREETER}`, '--dry-run');
  expect(code).toBe(0);
  expect(stdout).toContain('# yaml-language-server:');
  expect(readdirSync(directory).filter((name) => name !== 'home')).toEqual([]);
});

test('--json says what was written, and what to run next', async () => {
  const { run } = freshPlace();
  const { stdout, stderr } = await run('init', `path:${GREETER}`, '--config', 'a b.yaml', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    type: 'vitrine/init/v1',
    file: 'a b.yaml',
    run: ['vitrine', 'run', '--config', 'a b.yaml'],
  });
  expect(stderr).not.toContain('Next');
});

const refused: Readonly<Record<string, readonly [args: readonly string[], message: RegExp]>> = {
  'nothing to write': [[], /expected a server/],
  'two sources': [['path:a', 'path:b'], /unexpected argument "path:b"/],
  'a source without version': [['npm:a'], /say which version, for instance npm:a@latest/],
  'a folder that is not there': [['path:./nowhere'], /nowhere is not a directory/],
  'a command that is not there': [['--', 'no-such-command'], /"no-such-command" was not found on PATH/],
  'a secret': [[`path:${GREETER}`, '--env', 'API_TOKEN=x1y2'], /API_TOKEN is named like a secret/],
  'a secret as argument': [[`path:${GREETER}`, '--', '--password', 'x1y2'], /named like a secret/],
  'a variable twice': [[`path:${GREETER}`, '--env', 'A=1', '--env', 'A=2'], /--env A is given twice/],
  'a name that is none': [[`path:${GREETER}`, '--name', 'a b'], /expected a name of letters/],
  'a bin for a folder': [[`path:${GREETER}`, '--bin', 'x'], /npm: sources only/],
  'an entry for a package': [['npm:a@1.0.0', '--entry', 'x'], /path: and module: sources only/],
  'two kinds of output': [[`path:${GREETER}`, '--json', '--dry-run'], /contradict each other/],
};
for (const [what, [args, message]] of Object.entries(refused)) {
  promise('P3', `${what}: exit code 2, and no file is written`, async () => {
    const { run, directory } = freshPlace();
    const { code, stderr } = await run('init', ...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('x1y2');
    expect(code).toBe(2);
    expect(existsSync(join(directory, FILE))).toBe(false);
    expect(existsSync(join(directory, 'vitrine.schema.json'))).toBe(false);
  });
}

test('a file that is there stays as it is, but for --force', async () => {
  const { run } = freshPlace();
  writeFileSync(FILE, 'mine');
  const { code, stderr } = await run('init', `path:${GREETER}`);
  expect(code).toBe(2);
  expect(stderr).toContain('vitrine.yaml is there already; --force writes over it');
  expect(readFileSync(FILE, 'utf8')).toBe('mine');
  expect((await run('init', `path:${GREETER}`, '--force')).code).toBe(0);
  expect((await readConfiguration(FILE)).name).toBe('greeter');
});

test('another file of the name of the schema stays as it is, and an older schema is replaced', async () => {
  const { run } = freshPlace();
  writeFileSync('vitrine.schema.json', '{"title": "mine"}');
  expect((await run('init', `path:${GREETER}`)).stderr).toContain('is something else');
  expect(existsSync(FILE)).toBe(false);
  writeFileSync('vitrine.schema.json', '{ "title": "vitrine.yaml" }');
  expect((await run('init', `path:${GREETER}`)).code).toBe(0);
  expect(readFileSync('vitrine.schema.json', 'utf8')).toBe(configurationSchema());
});

promise(
  'P3',
  'a registry that is gone: exit code 3, and no file is written',
  async () => {
    const registry = await registryWith('1.0.0');
    await registry.goDown();
    const { run, directory } = freshPlace(registry.environment);
    expect((await run('init', 'npm:@scope/served@^1')).code).toBe(3);
    expect(existsSync(join(directory, FILE))).toBe(false);
  },
  60_000,
);
