import { chmod, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Resolved, resolveManifest } from '../config/resolve-manifest.ts';
import type { ResolveOptions } from '../config/resolve-options.ts';
import { type RunFlags, settingsOf } from '../config/settings.ts';
import { type FakePackage, type FakeRegistry, startFakeRegistry } from '../testing/fake-registry.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { removeTree } from './tree-copy.ts';

const PLATFORM = `${process.platform}-${process.arch}`;

const DEPENDENCY: FakePackage = {
  name: 'tiny-dependency',
  version: '1.0.0',
  files: { 'index.js': 'export const a = 1;\n' },
};

function server(version: string, more: Partial<FakePackage> = {}): FakePackage {
  return {
    name: '@tiny/server',
    version,
    manifest: { bin: 'main.js', type: 'module', dependencies: { 'tiny-dependency': '^1.0.0' } },
    files: { 'main.js': `process.stderr.write('${version}\\n');\n` },
    ...more,
  };
}

interface Place {
  readonly registry: FakeRegistry;
  readonly directory: string;
  readonly state: string;
  readonly progress: string[];
  run(source: string, flags?: RunFlags, more?: Partial<ResolveOptions>): Promise<Resolved>;
}

async function place(...packages: readonly FakePackage[]): Promise<Place> {
  const registry = await startFakeRegistry(DEPENDENCY, ...packages);
  const directory = await temporaryDirectory();
  const state = path.join(await temporaryDirectory(), 'state');
  const progress: string[] = [];
  return {
    registry,
    directory,
    state,
    progress,
    run: (source, flags = {}, more = {}) =>
      resolveManifest({
        settings: settingsOf(undefined, { source, ...flags }),
        directory,
        lockExactVersions: false,
        currentDirectory: directory,
        stateDirectory: state,
        versions: { vitrine: '0.1.0', node: '24.21.0' },
        environment: registry.environment,
        onProgress: (text) => void progress.push(text),
        ...more,
      }),
  };
}

function treeOf(resolved: Resolved): string {
  const entry = resolved.template.args[0] ?? '';
  return entry.slice(0, entry.indexOf(`${path.sep}node_modules`));
}

async function lockOf(
  at: Place,
): Promise<{ servers: Record<string, { version: string; tree: Record<string, string> }> }> {
  return JSON.parse(await readFile(path.join(at.directory, 'vitrine.lock'), 'utf8'));
}

promise('P3', 'an npm server is named by version, integrity, lock file and tree digest', async () => {
  const at = await place(server('1.2.3'));
  const { manifest, template, dataDirectory } = await at.run('npm:@tiny/server@1.2.3', { args: ['--flag'] });
  const hex = expect.stringMatching(/^[0-9a-f]{96}$/);
  expect(manifest.name).toBe('server');
  expect(manifest.server.args).toEqual(['--flag']);
  expect(manifest.server.source).toEqual({
    kind: 'npm',
    package: '@tiny/server',
    version: '1.2.3',
    integrity: expect.stringMatching(/^sha512-/),
    lockfile: hex,
    tree: hex,
    platform: PLATFORM,
    entry: 'node_modules/@tiny/server/main.js',
  });
  expect(template.command).toBe(process.execPath);
  expect(template.args).toEqual([
    path.join(treeOf({ manifest, template, dataDirectory }), 'node_modules/@tiny/server/main.js'),
    '--flag',
  ]);
  expect(template.workingDirectory).toBeUndefined();
  expect(dataDirectory).toBe(path.join(at.state, 'data', 'server'));
  expect(await readdir(at.directory)).toEqual([]);
});

test('what is installed needs neither npm nor network', async () => {
  const at = await place(server('1.2.3'));
  const first = await at.run('npm:@tiny/server@1.2.3');
  await at.registry.goDown();
  const second = await at.run('npm:@tiny/server@1.2.3', {}, { environment: { PATH: '' } });
  expect(second).toEqual(first);
  expect(at.progress.filter((line) => line.startsWith('installing'))).toHaveLength(1);
});

test('a tag is resolved once, shown, and locked', async () => {
  const at = await place(server('1.2.3'));
  await at.run('npm:@tiny/server@latest');
  expect(at.progress.join('\n')).toContain('npm:@tiny/server@latest is locked to 1.2.3');
  at.registry.publish(server('1.3.0'));
  const { manifest } = await at.run('npm:@tiny/server@latest');
  expect(manifest.server.source).toMatchObject({ version: '1.2.3' });
  expect((await lockOf(at)).servers).toMatchObject({ 'npm:@tiny/server@latest': { version: '1.2.3' } });
});

test('a range is resolved by npm and locked', async () => {
  const at = await place(server('1.2.3'), server('1.4.0'), server('2.0.0'));
  const { manifest } = await at.run('npm:@tiny/server@^1.0.0');
  expect(manifest.server.source).toMatchObject({ version: '1.4.0' });
});

promise('P3', 'another machine installs exactly what is locked, dependencies included', async () => {
  const at = await place(server('1.2.3'));
  const first = await at.run('npm:@tiny/server@latest');
  at.registry.publish({ ...DEPENDENCY, version: '1.1.0' });
  at.registry.publish(server('1.3.0'));
  const second = await at.run('npm:@tiny/server@latest', {}, { stateDirectory: path.join(at.state, 'other') });
  expect(second.manifest).toEqual(first.manifest);
});

test('exact versions are locked where there is a configuration file', async () => {
  const at = await place(server('1.2.3'));
  await at.run('npm:@tiny/server@1.2.3', {}, { lockExactVersions: true });
  expect(Object.keys((await lockOf(at)).servers)).toEqual(['npm:@tiny/server@1.2.3']);
});

promise('P3', 'a locked tree digest that differs from what is installed is a refusal', async () => {
  const at = await place(server('1.2.3'));
  await at.run('npm:@tiny/server@latest');
  const file = path.join(at.directory, 'vitrine.lock');
  const lock = await lockOf(at);
  const entry = lock.servers['npm:@tiny/server@latest'];
  if (entry !== undefined) entry.tree[PLATFORM] = 'ab'.repeat(48);
  await writeFile(file, JSON.stringify(lock));
  await expect(at.run('npm:@tiny/server@latest')).rejects.toMatchObject({
    name: 'LockMismatchError',
    code: 'lock.mismatch',
    message: expect.stringContaining(`expected tree digest ${'ab'.repeat(48)} on ${PLATFORM}`),
  });
});

test('a lock whose members contradict each other is a refusal', async () => {
  const at = await place(server('1.2.3'));
  await at.run('npm:@tiny/server@latest');
  const file = path.join(at.directory, 'vitrine.lock');
  await writeFile(file, (await readFile(file, 'utf8')).replace('"version": "1.2.3"', '"version": "1.2.4"'));
  await expect(at.run('npm:@tiny/server@latest')).rejects.toMatchObject({ code: 'lock.mismatch' });
});

test('a registry that now serves other bytes for a locked version is a refusal', async () => {
  const at = await place(server('1.2.3'));
  await at.run('npm:@tiny/server@latest');
  const environment = { ...at.registry.environment, npm_config_cache: path.join(at.state, 'fresh-cache') };
  at.registry.corrupt('tiny-dependency');
  const again = at.run('npm:@tiny/server@latest', {}, { environment, stateDirectory: path.join(at.state, 'other') });
  await expect(again).rejects.toMatchObject({ name: 'LockMismatchError', code: 'source.integrity' });
});

for (const [what, change] of [
  ['a byte changed', (tree: string) => rewrite(path.join(tree, 'node_modules/tiny-dependency/index.js'))],
  ['a file added', (tree: string) => rewrite(path.join(tree, 'node_modules/added.js'))],
  ['a file removed', (tree: string) => remove(path.join(tree, 'node_modules/tiny-dependency/index.js'))],
] as const) {
  promise('P3', `a store with ${what} does not run, and the message says how to install again`, async () => {
    const at = await place(server('1.2.3'));
    const tree = treeOf(await at.run('npm:@tiny/server@1.2.3'));
    await change(tree);
    const refusal = at.run('npm:@tiny/server@1.2.3');
    await expect(refusal).rejects.toMatchObject({ name: 'LockMismatchError', code: 'store.changed' });
    await expect(refusal).rejects.toThrow(path.dirname(tree));
    await removeTree(path.dirname(tree));
    await expect(at.run('npm:@tiny/server@1.2.3')).resolves.toBeDefined();
  });
}

async function rewrite(file: string): Promise<void> {
  await chmod(path.dirname(file), 0o755);
  await rm(file, { force: true });
  await writeFile(file, 'changed');
}

async function remove(file: string): Promise<void> {
  await chmod(path.dirname(file), 0o755);
  await rm(file);
}

test('install scripts do not run', async () => {
  const marker = path.join(await temporaryDirectory(), 'ran');
  const scripts = { postinstall: `node -e "require('fs').writeFileSync('${marker}','')"` };
  const at = await place(server('1.2.3', { manifest: { bin: 'main.js', scripts } }));
  await at.run('npm:@tiny/server@1.2.3');
  await expect(readFile(marker)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('two runs at the same time both get the package, and nothing else is left in the store', async () => {
  const at = await place(server('1.2.3'));
  const [one, two] = await Promise.all([at.run('npm:@tiny/server@1.2.3'), at.run('npm:@tiny/server@1.2.3')]);
  expect(one.template).toEqual(two.template);
  expect(await readdir(path.join(at.state, 'store'))).toEqual(['@tiny']);
});

test('a failed install leaves nothing behind; what a killed one left is removed after a day', async () => {
  const at = await place(server('1.2.3'));
  const store = path.join(at.state, 'store');
  for (const name of ['.staging-old', '.staging-new']) await mkdir(path.join(store, name), { recursive: true });
  await utimes(path.join(store, '.staging-old'), 0, 0);
  await expect(at.run('npm:@tiny/server@9.9.9')).rejects.toThrow();
  expect(await readdir(store)).toEqual(['.staging-new']);
});

test('an unknown package is a usage error', async () => {
  const at = await place();
  await expect(at.run('npm:no-such-package@1.0.0')).rejects.toMatchObject({
    name: 'UsageError',
    code: 'source.unknown-package',
    message: expect.stringMatching(/^npm:no-such-package@1\.0\.0: the registry has no such package/),
  });
});

test('an unknown version is a usage error', async () => {
  const at = await place(server('1.2.3'));
  await expect(at.run('npm:@tiny/server@9.9.9')).rejects.toMatchObject({
    name: 'UsageError',
    code: 'source.unknown-version',
  });
});

promise('P7', 'a registry that cannot be reached is "could not check", not a mistake of the user', async () => {
  const at = await place(server('1.2.3'));
  await at.registry.goDown();
  await expect(at.run('npm:@tiny/server@1.2.3')).rejects.toMatchObject({
    name: 'SourceUnavailableError',
    code: 'source.unavailable',
    message: expect.stringContaining('ECONNREFUSED'),
  });
});

const SEVERAL = { bin: { alpha: 'a.js', beta: 'b.js' } };
const SEVERAL_FILES = { 'a.js': '', 'b.js': '' };

test('several binaries and none named: they are listed', async () => {
  const at = await place(server('1.2.3', { manifest: SEVERAL, files: SEVERAL_FILES }));
  await expect(at.run('npm:@tiny/server@1.2.3')).rejects.toThrow(
    'npm:@tiny/server@1.2.3 has several binaries: alpha, beta. Choose one with --bin NAME, or "bin" in vitrine.yaml',
  );
});

test('a named binary is started; a wrong name gets the nearest', async () => {
  const at = await place(server('1.2.3', { manifest: SEVERAL, files: SEVERAL_FILES }));
  const { manifest } = await at.run('npm:@tiny/server@1.2.3', { bin: 'beta' });
  expect(manifest.server.source).toMatchObject({ entry: 'node_modules/@tiny/server/b.js' });
  await expect(at.run('npm:@tiny/server@1.2.3', { bin: 'alhpa' })).rejects.toThrow(
    'npm:@tiny/server@1.2.3 has no binary "alhpa"; it has alpha, beta; did you mean "alpha"?',
  );
});

test('a package without a binary, or with one outside itself, is refused', async () => {
  const at = await place(server('1.0.0', { manifest: {} }), server('1.0.1', { manifest: { bin: { x: '/bin/sh' } } }));
  await expect(at.run('npm:@tiny/server@1.0.0')).rejects.toMatchObject({ code: 'source.binary' });
  await expect(at.run('npm:@tiny/server@1.0.1')).rejects.toMatchObject({ code: expect.stringMatching(/^source\./) });
});
