import path from 'node:path';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { launchEnvironment } from './launch-environment.ts';

const base = { command: '/opt/tool/bin/tool', dataDirectory: '/state/data/a', systemRoot: undefined } as const;

promise('P3', 'the server’s environment is the base and the manifest’s, and nothing of the operator’s', () => {
  process.env['VITRINE_CANARY'] = 'x';
  const environment = launchEnvironment({ ...base, configured: { LOG_LEVEL: 'info' }, platform: 'linux' });
  delete process.env['VITRINE_CANARY'];
  expect(environment).toEqual({
    PATH: `${path.dirname(process.execPath)}:/opt/tool/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: '/state/data/a',
    TMPDIR: path.join('/state/data/a', 'tmp'),
    LANG: 'C.UTF-8',
    LOG_LEVEL: 'info',
  });
});

test('the manifest wins over the base', () => {
  const environment = launchEnvironment({ ...base, configured: { LANG: 'de_DE.UTF-8' }, platform: 'linux' });
  expect(environment['LANG']).toBe('de_DE.UTF-8');
});

test('Windows gets what programs there need to start', () => {
  const environment = launchEnvironment({ ...base, configured: {}, platform: 'win32', systemRoot: 'D:\\Windows' });
  expect(environment).toMatchObject({ SystemRoot: 'D:\\Windows', SystemDrive: 'D:', USERPROFILE: '/state/data/a' });
  expect(environment['PATH']).toContain(';D:\\Windows\\System32;D:\\Windows');
});
