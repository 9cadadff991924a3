import { chmod, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryDirectory, writeFiles } from '../testing/temporary-directory.ts';
import { findNpm, runNpm } from './npm-command.ts';

/** A Node that has no npm beside it. */
const LONELY = '/nowhere/bin/node';

async function npmAt(...names: readonly string[]): Promise<string> {
  const root = await temporaryDirectory();
  await writeFiles(root, Object.fromEntries(names.map((name) => [`npm/bin/${name}`, ''])));
  return path.join(root, 'npm', 'bin');
}

test('the npm that started this process comes first', async () => {
  const bin = await npmAt('npm-cli.js');
  const npm = findNpm({ npm_execpath: path.join(bin, 'npm-cli.js'), PATH: '' }, LONELY);
  expect(npm).toEqual({ command: LONELY, args: [path.join(bin, 'npm-cli.js')] });
});

test('npx leads to the npm beside it', async () => {
  const bin = await npmAt('npm-cli.js', 'npx-cli.js');
  const npm = findNpm({ npm_execpath: path.join(bin, 'npx-cli.js'), PATH: '' }, LONELY);
  expect(npm.args).toEqual([path.join(bin, 'npm-cli.js')]);
});

test('another package manager in npm_execpath is not taken for npm', async () => {
  const bin = await npmAt('pnpm.cjs');
  expect(() => findNpm({ npm_execpath: path.join(bin, 'pnpm.cjs'), PATH: '' }, LONELY)).toThrow('npm was not found');
});

test('a missing npm is a usage error that says what works without', () => {
  expect(() => findNpm({ PATH: '' }, LONELY)).toThrow(
    expect.objectContaining({
      name: 'UsageError',
      code: 'npm.missing',
      message:
        'npm was not found, neither through npm_execpath nor on PATH nor beside Node. Install npm 10 or newer to run npm: sources; path: and -- command work without it',
    }),
  );
});

describe.runIf(process.platform !== 'win32')('on PATH', () => {
  test('a link to npm is followed', async () => {
    const bin = await npmAt('npm-cli.js');
    await chmod(path.join(bin, 'npm-cli.js'), 0o755);
    const directory = await temporaryDirectory();
    await symlink(path.join(bin, 'npm-cli.js'), path.join(directory, 'npm'));
    expect(findNpm({ PATH: directory }, LONELY).args).toEqual([path.join(bin, 'npm-cli.js')]);
  });

  test('a launcher of a version manager is started as it is; a relative PATH entry is not searched', async () => {
    const directory = await temporaryDirectory();
    await writeFiles(directory, { npm: '#!/bin/sh\n' });
    await chmod(path.join(directory, 'npm'), 0o755);
    const relative = path.relative(process.cwd(), directory);
    expect(findNpm({ PATH: `${relative}${path.delimiter}${directory}` }, LONELY)).toEqual({
      command: path.join(directory, 'npm'),
      args: [],
    });
    expect(() => findNpm({ PATH: relative }, LONELY)).toThrow('npm was not found');
  });
});

test('errors are reported by npm’s code, without credentials, and the child sees no NODE_OPTIONS', async () => {
  const directory = await temporaryDirectory();
  await mkdir(path.join(directory, 'x'));
  await writeFiles(directory, {
    'npm.mjs': `
      process.stderr.write('npm warn something\\nnpm error code E404\\n');
      process.stderr.write('npm error 404 GET https://user:hunter2@registry.example/x\\n');
      process.stderr.write('npm error A complete log of this run can be found in: x\\n');
      process.exit('NODE_OPTIONS' in process.env ? 2 : 1);`,
  });
  const npm = { command: process.execPath, args: [path.join(directory, 'npm.mjs')] };
  await expect(runNpm(npm, [], directory, { NODE_OPTIONS: '--no-warnings' })).resolves.toEqual({
    exitCode: 1,
    errorCode: 'E404',
    errorText: '404 GET https://registry.example/x',
  });
});

test('an npm that cannot be started is a usage error', async () => {
  const run = runNpm({ command: '/nowhere/npm', args: [] }, [], process.cwd(), {});
  await expect(run).rejects.toMatchObject({ name: 'UsageError', code: 'npm.missing' });
});
