/**
 * What has to fit together in the members of a configuration that concern keys, beyond their shapes, and can
 * be told without the key service. Policies are judged by the code of the key service that loads them.
 *
 * @module
 */
import { type CredentialSpec, type KeyAction, type KeySpec, type Manifest, UsageError } from '@vitrine/documents';
import { type EgressRule, overlaps } from '../egress/allow-list.ts';
import { pathRefusal } from '../egress/credential-request.ts';
import { isConnectionHeader } from '../egress/headers.ts';

type Path = readonly (string | number)[];

/** Finds `check` wrong at `path` of the configuration. */
type At = (path: Path, check: () => void) => void;

/** Taken by the enclave's own way out. */
const RESERVED_PORTS: readonly number[] = [3128];
const MOST_PORT = 65_535;

/** What a signer for programs that know nothing of Vitrine can do. */
const SIGNER_ACTIONS: readonly KeyAction[] = ['evm.transaction', 'evm.message', 'evm.typed-data'];

/** @throws UsageError with code `config.signer`. */
export function checkSigner(
  signer: NonNullable<Manifest['signer']>,
  keys: Readonly<Record<string, KeySpec>> | undefined,
  httpPort: number | undefined,
  at: At,
): void {
  at(['signer', 'key'], () => {
    const key = keys !== undefined && Object.hasOwn(keys, signer.key) ? keys[signer.key] : undefined;
    if (key === undefined) throw wrong('signer', `there is no key ${JSON.stringify(signer.key)} under "keys"`);
    const signs = key.policy.rules.some(({ effect, action }) => effect === 'allow' && SIGNER_ACTIONS.includes(action));
    if (key.algorithm !== 'secp256k1' || !signs) {
      throw wrong(
        'signer',
        `the key ${JSON.stringify(signer.key)} must be of algorithm secp256k1 and have a rule that allows one of ${SIGNER_ACTIONS.join(', ')}`,
      );
    }
  });
  at(['signer', 'port'], () => {
    if (signer.port > MOST_PORT) throw wrong('signer', `expected a port up to ${MOST_PORT}, found ${signer.port}`);
    if (RESERVED_PORTS.includes(signer.port) || signer.port === httpPort) {
      throw wrong('signer', `port ${signer.port} is taken by something else in the sandbox`);
    }
  });
}

/** @throws UsageError with code `config.credentials`. */
export function checkCredentials(
  credentials: Readonly<Record<string, CredentialSpec>>,
  egress: readonly EgressRule[],
  at: At,
): void {
  for (const [name, { header, allow }] of Object.entries(credentials)) {
    at(['credentials', name, 'header'], () => {
      if (isConnectionHeader(header)) throw wrong('credentials', `the header ${header} cannot carry a credential`);
    });
    for (const [index, { host, port, paths }] of allow.entries()) {
      const place = ['credentials', name, 'allow', index] as const;
      at([...place, 'host'], () => {
        const other = egress.find((rule) => overlaps(rule.host, host));
        if (other === undefined) return;
        throw wrong(
          'credentials',
          `${host} is also allowed under "egress" (${other.host}:${other.port}), where nothing would be added; name it here alone`,
        );
      });
      at([...place, 'port'], () => {
        if (port > MOST_PORT) throw wrong('credentials', `expected a port up to ${MOST_PORT}, found ${port}`);
      });
      for (const [which, path] of paths.entries()) {
        at([...place, 'paths', which], () => {
          const why = /[?#]/.test(path) ? 'is to have no query' : pathRefusal(path);
          if (why !== undefined) throw wrong('credentials', `the path ${JSON.stringify(path)} ${why}`);
        });
      }
    }
  }
}

/**
 * Loads policies as the key service would, only to say what is wrong with them and where.
 *
 * @param showPlace - File, line and column of what is at a path.
 * @throws UsageError with the code of the first problem, and a line for each key that has one.
 */
export async function checkPolicies(
  keys: Readonly<Record<string, KeySpec>>,
  isolation: 'shared' | undefined,
  showPlace: (path: Path) => string,
): Promise<void> {
  const { keyProblems } = await import('@vitrine/keys/check');
  const problems = keyProblems(keys, { isolated: isolation !== 'shared' });
  const [first] = problems;
  if (first === undefined) return;
  const lines = problems.map(({ path, error }) => `${showPlace(path)}: ${error.message}`);
  throw new UsageError(first.error.code, lines.join('\n'), { cause: first.error });
}

function wrong(where: 'signer' | 'credentials', why: string): UsageError {
  return new UsageError(`config.${where}`, why);
}
