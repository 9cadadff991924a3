/**
 * Appraisal of what an enclave says of its keys: each statement must be one that the boot binding commits
 * to, and must fit the manifest that users read.
 *
 * @module
 */
import {
  documentDigest,
  type EvidenceBundle,
  type KeySpec,
  type KeyStatement,
  keyStatementRoot,
} from '@vitrine/documents/evidence';
import type { Check } from './result.ts';

const ID = 'binding.keys';

/** @param anchor - Name of the anchor behind the boot binding. */
export async function appraiseKeyStatements(bundle: EvidenceBundle, anchor: string): Promise<Check> {
  const { manifest, boot, keyStatements } = bundle;
  const statements = keyStatements?.statements;
  if (manifest.keys === undefined) {
    return boot.keyStatements === undefined && statements === undefined
      ? { id: ID, status: 'passed', anchor, message: 'The manifest names no keys, and there are no statements of any.' }
      : failed(
          anchor,
          'no keys',
          'statements of keys',
          'There are statements of keys that the manifest does not name.',
        );
  }
  if (boot.keyStatements === undefined || statements === undefined) {
    return failed(
      anchor,
      'statements of the keys',
      'none',
      'The manifest names keys, and the enclave says nothing of them.',
    );
  }
  const root = await keyStatementRoot(statements);
  if (root !== boot.keyStatements) {
    return failed(
      anchor,
      boot.keyStatements,
      root,
      'The statements of keys are not the ones that the boot binding names.',
    );
  }
  const keys = Object.entries(manifest.keys);
  const expected = keys.flatMap(([name, spec]) =>
    [spec.version, ...(spec.retired ?? [])].map((version) => `${name} version ${version}`),
  );
  const found = statements.map(({ name, version }) => `${name} version ${version}`);
  const odd =
    found.find((one, at) => !expected.includes(one) || found.indexOf(one) !== at) ??
    expected.find((one) => !found.includes(one));
  if (odd !== undefined) {
    return failed(
      anchor,
      expected.join(', '),
      found.join(', '),
      `The statements and the manifest do not name the same keys: ${odd}.`,
    );
  }
  for (const statement of statements) {
    const spec = manifest.keys[statement.name];
    const wrong = spec === undefined ? 'an unknown key' : await mismatch(statement, spec, boot.appRoot !== undefined);
    if (wrong !== undefined) {
      return failed(
        anchor,
        'what the manifest says of the key',
        wrong,
        `The statement of key ${statement.name} does not fit the manifest: ${wrong}.`,
      );
    }
  }
  return {
    id: ID,
    status: 'passed',
    anchor,
    message: `The enclave's statements of its keys (${keys.map(([name]) => name).join(', ')}) and their policies are the ones that it is bound to.`,
  };
}

/** What of a statement contradicts the manifest or itself. */
async function mismatch(statement: KeyStatement, spec: KeySpec, hasRoot: boolean): Promise<string | undefined> {
  const { algorithm, origin, exportable, scope, state, policy, version, publicKey } = statement;
  if (algorithm !== spec.algorithm) return `algorithm ${algorithm}`;
  if (origin !== spec.origin) return `origin ${origin}`;
  // A key that came from outside exists there, whatever else is said of it.
  if (exportable !== (origin === 'imported')) return `exportable: ${exportable} for a key of origin ${origin}`;
  if (scope !== (origin === 'generated' ? 'instance' : 'service'))
    return `scope ${scope} for a key of origin ${origin}`;
  if (state !== (version === spec.version ? 'active' : 'retired')) return `version ${version} is ${state}`;
  if ((algorithm === 'aes256') === (publicKey !== undefined)) return 'a public key where there is none, or none';
  if (spec.origin === 'imported' && version === spec.version && publicKey !== spec.publicKey)
    return `public key ${publicKey ?? 'none'}`;
  if (statement.path !== (spec.origin === 'derived' ? spec.path : undefined)) return `path ${statement.path ?? 'none'}`;
  if (policy !== (await documentDigest(spec.policy))) return `policy ${policy}`;
  if (origin === 'derived' && !hasRoot) return 'derived, and the boot binding names no root';
  return undefined;
}

function failed(anchor: string, expected: string, actual: string, message: string): Check {
  return { id: ID, status: 'failed', anchor, expected, actual, message };
}
