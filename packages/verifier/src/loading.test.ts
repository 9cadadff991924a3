import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const ENTRY = new URL('index.ts', import.meta.url).href;
const PROGRAM = `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context); } });
await import(${JSON.stringify(ENTRY)});
process.stdout.write(JSON.stringify(loaded));
`;

test('loading the verifier loads no documents that only those need who run a server', () => {
  const flags = ['--conditions=@vitrine/source', '--input-type=module', '--eval', PROGRAM];
  const loaded = JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' })) as readonly string[];
  const documents = loaded.filter((url) => url.includes('/documents/src/')).map((url) => url.replace(/^.*\//, ''));
  expect(documents).toContain('evidence.ts');
  for (const name of ['index.ts', 'manifest.ts', 'key-policy.ts', 'release.ts', 'sealed-secret.ts', 'upgrade.ts']) {
    expect(documents).not.toContain(name);
  }
});
