import { chmod, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { manifestShape } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { temporaryDirectory, writeFiles } from '../testing/temporary-directory.ts';
import { type Resolved, resolveManifest } from './resolve-manifest.ts';
import { type RunFlags, settingsOf } from './settings.ts';

interface Place {
  readonly root: string;
  readonly state: string;
  run(flags: RunFlags, environment?: Readonly<Record<string, string>>): Promise<Resolved>;
}

async function place(files: Readonly<Record<string, string>> = {}): Promise<Place> {
  const root = await temporaryDirectory();
  const state = path.join(await temporaryDirectory(), 'state');
  await writeFiles(root, files);
  return {
    root,
    state,
    run: (flags, environment = { PATH: '' }) =>
      resolveManifest({
        settings: settingsOf(undefined, flags),
        directory: root,
        lockExactVersions: false,
        currentDirectory: root,
        stateDirectory: state,
        versions: { vitrine: '0.1.0', node: '24.21.0' },
        environment,
        onProgress: () => undefined,
      }),
  };
}

const PROJECT = {
  'server/package.json': '{"bin":"main.js"}',
  'server/main.js': 'x',
  'server/node_modules/a/index.js': 'y',
};

promise('P3', 'a path server runs from a private copy, whose digest is in the manifest', async () => {
  const at = await place(PROJECT);
  const { manifest, template } = await at.run({ source: 'path:server', args: ['a'] });
  expect(manifestShape.parse(manifest)).toMatchObject({ ok: true });
  expect(manifest.name).toBe('server');
  const tree = manifest.server.source.kind === 'path' ? manifest.server.source.tree : '';
  expect(manifest.server.source).toEqual({
    kind: 'path',
    tree: expect.stringMatching(/^[0-9a-f]{96}$/),
    entry: 'main.js',
  });
  expect(template.workingDirectory).toBe(path.join(at.state, 'copies', tree.slice(0, 32), 'tree'));
  expect(template).toMatchObject({
    command: process.execPath,
    args: [path.join(`${template.workingDirectory}`, 'main.js'), 'a'],
  });

  await writeFile(path.join(at.root, 'server/main.js'), 'changed');
  expect(await readFile(path.join(`${template.workingDirectory}`, 'main.js'), 'utf8')).toBe('x');
  const changed = await at.run({ source: 'path:server', args: ['a'] });
  expect(changed.manifest.server.source).not.toEqual(manifest.server.source);
});

test('an equal directory gives an equal manifest', async () => {
  const at = await place(PROJECT);
  expect(await at.run({ source: 'path:server' })).toEqual(await at.run({ source: 'path:server' }));
});

test('.git and node_modules/.cache are left out of the copy; node_modules is not', async () => {
  const at = await place(PROJECT);
  const before = await at.run({ source: 'path:server' });
  await writeFiles(at.root, { 'server/.git/HEAD': 'x', 'server/node_modules/.cache/x': 'x' });
  expect(await at.run({ source: 'path:server' })).toEqual(before);
  await writeFiles(at.root, { 'server/node_modules/b.js': 'x' });
  expect((await at.run({ source: 'path:server' })).manifest).not.toEqual(before.manifest);
});

promise('P3', 'a private copy that was changed does not run', async () => {
  const at = await place(PROJECT);
  const { template } = await at.run({ source: 'path:server' });
  const file = path.join(`${template.workingDirectory}`, 'main.js');
  await chmod(file, 0o644);
  await writeFile(file, 'changed');
  await expect(at.run({ source: 'path:server' })).rejects.toMatchObject({
    name: 'LockMismatchError',
    code: 'store.changed',
  });
});

describe('the entry of a directory', () => {
  const cases: Readonly<
    Record<string, readonly [Readonly<Record<string, string>>, string | undefined, string | RegExp]>
  > = {
    'by name': [{ 'x.ts': '' }, 'x.ts', 'x.ts'],
    'below the directory': [{ 'dist/x.mjs': '' }, './dist/x.mjs', 'dist/x.mjs'],
    'by main': [{ 'package.json': '{"main":"./x.js"}', 'x.js': '' }, undefined, 'x.js'],
    'by main, missing': [{ 'package.json': '{"main":"x.js"}' }, undefined, /the entry "x.js" is not a file there/],
    'not said': [{ 'x.js': '' }, undefined, /path:s does not say what to start: name the file with --entry FILE/],
    'above the directory': [{ 'x.js': '' }, '../x.js', /the entry "..\/x.js" is not inside the measured tree/],
    absolute: [{ 'x.js': '' }, '/etc/passwd', /the entry "\/etc\/passwd" is not inside the measured tree/],
    'a directory': [{ 'x/y.js': '' }, 'x', /the entry "x" is not a file there/],
    'neither code nor executable': [{ 'x.txt': '' }, 'x.txt', /"x.txt" is neither JavaScript or TypeScript/],
  };
  for (const [what, [files, entry, expected]] of Object.entries(cases)) {
    test(what, async () => {
      const at = await place(Object.fromEntries(Object.entries(files).map(([name, text]) => [`s/${name}`, text])));
      const run = at.run({ source: 'path:s', ...(entry === undefined ? {} : { entry }) });
      if (typeof expected === 'string') expect((await run).manifest.server.source).toMatchObject({ entry: expected });
      else await expect(run).rejects.toThrow(expected);
    });
  }

  test.runIf(process.platform !== 'win32')('an executable is started by itself, through a link as well', async () => {
    const at = await place({ 's/bin/run': '#!/bin/sh\n' });
    await chmod(path.join(at.root, 's/bin/run'), 0o755);
    await symlink('bin/run', path.join(at.root, 's/start'));
    const { template, manifest } = await at.run({ source: 'path:s', entry: 'start' });
    expect(template).toMatchObject({ command: path.join(`${template.workingDirectory}`, 'bin/run'), args: [] });
    expect(manifest.server.source).toMatchObject({ entry: 'bin/run' });
  });
});

test('a directory that is missing, or holds the state directory, is refused', async () => {
  const at = await place();
  await expect(at.run({ source: 'path:nowhere' })).rejects.toMatchObject({ code: 'source.path' });
  await expect(at.run({ source: `path:${path.dirname(at.state)}` })).rejects.toThrow(
    "contains Vitrine's own state directory",
  );
});

test.runIf(process.platform !== 'win32')('a link out of the directory is refused', async () => {
  const at = await place(PROJECT);
  await symlink('../../elsewhere', path.join(at.root, 'server/link'));
  await expect(at.run({ source: 'path:server' })).rejects.toMatchObject({ code: 'tree.entry' });
  await rm(path.join(at.root, 'server/link'));
});

describe.runIf(process.platform !== 'win32')('a bare command', () => {
  promise('P7', 'is marked as such in the manifest: its code is not measured', async () => {
    const at = await place({ 'bin/tool': '#!/bin/sh\n' });
    await chmod(path.join(at.root, 'bin/tool'), 0o755);
    const { manifest, template } = await at.run({ command: ['tool', 'a', 'b'] }, { PATH: path.join(at.root, 'bin') });
    expect(manifest.server).toMatchObject({ source: { kind: 'command', command: 'tool' }, args: ['a', 'b'] });
    expect(template).toMatchObject({
      command: path.join(at.root, 'bin/tool'),
      args: ['a', 'b'],
      workingDirectory: at.root,
    });
    expect(manifest.name).toBe('tool');
  });

  test('is found relative to the current directory', async () => {
    const at = await place({ tool: '#!/bin/sh\n' });
    await chmod(path.join(at.root, 'tool'), 0o755);
    expect((await at.run({ command: ['./tool'] })).template.command).toBe(path.join(at.root, 'tool'));
  });

  test('that is missing or not executable is refused', async () => {
    const at = await place({ tool: '' });
    await mkdir(path.join(at.root, 'd'));
    await expect(at.run({ command: ['tool'] })).rejects.toThrow('the command "tool" was not found on PATH');
    await expect(at.run({ command: ['./tool'] })).rejects.toThrow('tool is not an executable file');
    await expect(at.run({ command: ['./d'] })).rejects.toMatchObject({ code: 'source.command' });
  });
});

test('a secret is refused before anything is fetched or copied', async () => {
  const at = await place();
  const run = at.run({ source: 'path:nowhere', environment: { API_KEY: 'abc' } });
  await expect(run).rejects.toMatchObject({ code: 'config.secret' });
  await expect(at.run({ command: ['x', '--token=abc'] })).rejects.toMatchObject({ code: 'config.secret' });
});
