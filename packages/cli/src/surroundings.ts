/**
 * What surrounds a hosted server, for people: what the boot binding says was obtained, what the
 * manifest says about callers, processes, tools and where it may connect to, and who can change it.
 *
 * @module
 */
import {
  type BootBinding,
  describeCopies,
  describeDerivable,
  describeUpgrade,
  type Manifest,
  needsAppRoot,
} from '@vitrine/documents';

type Sandbox = BootBinding['sandbox'];

const FILES: Readonly<Record<Sandbox['volume'], string>> = {
  directory: 'in the clear on the machine’s disk',
  ephemeral: 'in memory, gone when it ends',
  encrypted: 'encrypted on the machine’s disk',
};

/** Labels and texts, in the order in which they are shown. Texts may hold what an operator wrote. */
export function surroundings(
  manifest: Manifest,
  sandbox: Sandbox,
  appRoot?: BootBinding['appRoot'],
): readonly (readonly [label: string, text: string])[] {
  return [
    ['Sandbox', describeSandbox(sandbox)],
    ['Files', FILES[sandbox.volume]],
    ['May connect to', destinations(manifest, sandbox)],
    ['Callers', callers(manifest)],
    ['Processes', manifest.isolation === 'shared' ? 'one for all callers' : 'one for each session, or each caller'],
    [
      'Tools',
      manifest.catalogue?.kind === 'pinned' ? 'pinned by the manifest' : 'not bound: they can change while it runs',
    ],
    ...keyRows(manifest),
    ...(needsAppRoot(manifest) ? [['Can change it', authority(manifest.upgrade)] as const] : []),
    ...(appRoot === undefined
      ? []
      : [['Can have its keys', describeDerivable(appRoot)] as const, ['Copies', describeCopies(appRoot)] as const]),
  ];
}

/** Who can let another configuration have the keys and data of this one. */
function authority(upgrade: Manifest['upgrade']): string {
  const sentence = describeUpgrade(upgrade);
  if (upgrade === undefined || upgrade.kind === 'pinned') return sentence;
  return `${sentence} (${upgrade.keys.map((key) => `${key.slice(0, 16)}…`).join(', ')})`;
}

/** What the key service does for the server; nothing where it has no keys and keeps nothing. */
function keyRows({ keys, credentials, store, signer }: Manifest): readonly (readonly [label: string, text: string])[] {
  return [
    ...(keys === undefined
      ? []
      : [
          [
            'Keys',
            `${Object.entries(keys)
              .map(([name, { algorithm, origin }]) => `${name} (${algorithm}, ${origin})`)
              .join(', ')}; the server can ask, never read`,
          ] as const,
        ]),
    ...(signer === undefined
      ? []
      : [['Signer', `Ethereum’s methods on the server’s own 127.0.0.1:${signer.port}, with ${signer.key}`] as const]),
    ...(credentials === undefined
      ? []
      : [
          [
            'Credentials',
            Object.entries(credentials)
              .map(([name, { allow }]) => `${name} for ${[...new Set(allow.map(({ host }) => host))].join(', ')}`)
              .join('; '),
          ] as const,
        ]),
    ...(store === undefined ? [] : [['Documents', 'in the sealed store, each caller’s apart'] as const]),
  ];
}

function describeSandbox({ process, seccomp, cgroup }: Sandbox): string {
  if (process === 'none') return 'none: an ordinary process';
  const filtered = seccomp ? 'system calls filtered' : 'system calls not filtered';
  const limited = cgroup ? 'memory and processes limited' : 'memory and processes not limited';
  return `namespaces of its own, ${filtered}, ${limited}`;
}

function destinations({ egress = [], credentials = {} }: Manifest, { process }: Sandbox): string {
  if (process === 'none') return 'anything: nothing holds it back';
  const free = egress.map(({ host, port }) => `${host}:${port}`);
  const withCredential = Object.values(credentials).flatMap(({ allow }) =>
    allow.map(({ host, port }) => `${host}:${port} with a credential`),
  );
  return [...free, ...new Set(withCredential)].join(', ') || 'nothing';
}

function callers({ auth }: Manifest): string {
  if (auth === undefined || auth.kind === 'none') return 'whoever reaches it';
  if (auth.kind === 'oauth') return `those with a token of ${auth.issuer} for ${auth.audience}`;
  const count = Object.keys(auth.tokens).length;
  return count === 1 ? 'those with its token' : `those with one of its ${count} tokens`;
}
