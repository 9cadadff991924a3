import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { startFakeRegistry } from '../testing/fake-registry.ts';
import { temporaryDirectory } from '../testing/temporary-directory.ts';
import { exactSource } from './exact-source.ts';

const versions = ['1.0.0', '1.4.2', '2.0.0'].map((version) => ({ name: 'served', version }));

promise('P3', 'a range or a tag becomes the exact version that the registry gives, once', async () => {
  const registry = await startFakeRegistry(...versions);
  const options = {
    stateDirectory: await temporaryDirectory(),
    environment: registry.environment,
    onProgress: () => {},
  };
  expect(await exactSource('npm:served@^1.0.0', options)).toBe('npm:served@1.4.2');
  expect(await exactSource('npm:served@latest', options)).toBe('npm:served@2.0.0');
  expect(await exactSource('npm:served@1.0.0', options)).toBe('npm:served@1.0.0');
  await registry.goDown();
  expect(await exactSource('npm:served@1.4.2', options)).toBe('npm:served@1.4.2');
  await expect(exactSource('npm:never-asked@^1.0.0', options)).rejects.toThrow(
    expect.objectContaining({ name: 'SourceUnavailableError' }),
  );
});

promise('P3', 'a package that is not what the registry promised names no version', async () => {
  const registry = await startFakeRegistry(...versions);
  registry.corrupt('served');
  const options = {
    stateDirectory: await temporaryDirectory(),
    environment: registry.environment,
    onProgress: () => {},
  };
  await expect(exactSource('npm:served@^1.0.0', options)).rejects.toThrow(
    expect.objectContaining({ name: 'LockMismatchError' }),
  );
});

test('a folder stays as it was written, and other kinds are refused', async () => {
  const options = { stateDirectory: await temporaryDirectory(), environment: {}, onProgress: () => {} };
  expect(await exactSource('path:./a', options)).toBe('path:./a');
  for (const source of ['npm:a', 'git:a', 'a', 'npm:a@../b'])
    await expect(exactSource(source, options)).rejects.toThrow(expect.objectContaining({ code: 'source.spec' }));
});
