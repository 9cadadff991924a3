import { UsageError } from '@vitrine/documents';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isExactVersion, parseServerSpec } from './server-spec.ts';

test('npm: gives package and version, range or tag', () => {
  for (const [written, name, wanted] of [
    ['npm:server@1.2.3', 'server', '1.2.3'],
    ['npm:@scope/server@latest', '@scope/server', 'latest'],
    ['npm:server@^1.2 || >=3', 'server', '^1.2 || >=3'],
  ]) {
    expect(parseServerSpec(written ?? '')).toEqual({ kind: 'npm', written, package: name, wanted });
  }
});

test('path: gives a directory', () => {
  expect(parseServerSpec('path:../my server')).toEqual({
    kind: 'path',
    written: 'path:../my server',
    directory: '../my server',
  });
});

const refused: Readonly<Record<string, string>> = {
  server:
    'it names no kind. Write npm:<package>@<version>, path:<directory>, module:<file> or oci:<image layout>; for a command use -- command',
  'npn:server@1': 'unknown kind "npn"; allowed: npm, path, module, oci; did you mean "npm"?',
  'docker:server@1': 'unknown kind "docker"; allowed: npm, path, module, oci',
  'module:': 'a file or directory must follow "module:"',
  'oci:': 'a directory must follow "oci:"',
  'npm:server': 'say which version, for instance npm:server@latest, which is then resolved once and locked',
  'npm:server@': 'say which version, for instance npm:server@latest, which is then resolved once and locked',
  'npm:@1.2.3': 'this is not a package name followed by @ and a version, range or tag',
  'npm:../server@1': 'this is not a package name followed by @ and a version, range or tag',
  'npm:..@1': 'this is not a package name followed by @ and a version, range or tag',
  'npm:@scope/..@1': 'this is not a package name followed by @ and a version, range or tag',
  'npm:Server@1': 'this is not a package name followed by @ and a version, range or tag',
  'npm:--version@1 --x@2': 'this is not a package name followed by @ and a version, range or tag',
  'npm:a@npm:b@1': 'this is not a package name followed by @ and a version, range or tag',
  'npm:a@file:/etc': '"file:/etc" is not a version, range or tag of the registry',
  'npm:a@https://x.example/a.tgz': '"https://x.example/a.tgz" is not a version, range or tag of the registry',
  'npm:a@github:x/y': '"github:x/y" is not a version, range or tag of the registry',
  'npm:a@1;id': '"1;id" is not a version, range or tag of the registry',
  'path:': 'a directory must follow "path:"',
};
for (const [written, why] of Object.entries(refused)) {
  test(`${JSON.stringify(written)} is refused`, () => {
    expect(() => parseServerSpec(written)).toThrow(
      expect.objectContaining({
        code: 'source.spec',
        message: `${JSON.stringify(written)} does not name a server: ${why}`,
      }),
    );
  });
}

test('any text gives a spec or a UsageError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `npm:${text}`),
      ),
      (text) => {
        try {
          expect(['npm', 'path', 'module', 'oci']).toContain(parseServerSpec(text).kind);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      },
    ),
  );
});

test('only a full version is exact', () => {
  for (const exact of ['1.2.3', '2026.8.31', '1.0.0-beta.1']) expect(isExactVersion(exact)).toBe(true);
  for (const open of ['1', '1.2', '^1.2.3', 'latest', '1.x.0', '=1.2.3', '1.2.3 || 2'])
    expect(isExactVersion(open)).toBe(false);
});
