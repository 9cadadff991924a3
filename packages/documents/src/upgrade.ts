/**
 * Who can let another manifest have what lasts of an application: its derived keys, its sealed store, its
 * encrypted files.
 *
 * `pinned`: nobody. `signed`: whoever holds `threshold` of the release keys, by a release document, at once:
 * there is no delay, and nobody watches.
 *
 * @module
 */
import { hex, type Infer, type Issue, integer, list, object, oneOf, type Shape, tagged } from './shape.ts';

/** Every key slot carries them, and a file of slots has a limit of its own. */
const MAX_KEYS = 32;

const written = tagged('kind', {
  pinned: object({ kind: oneOf('pinned') }),
  signed: object({
    kind: oneOf('signed'),
    /** Ed25519 public keys, each once. */
    keys: list(hex(32)),
    /** How many of them have to sign. */
    threshold: integer(1),
  }),
});

export type UpgradePolicy = Infer<typeof written>;

/** Beyond its parts: each key once, and a threshold that can be reached. */
export const upgradeShape: Shape<UpgradePolicy> = {
  schema: written.schema,
  parse: (value, path = []) => {
    const parsed = written.parse(value, path);
    if (!parsed.ok || parsed.value.kind === 'pinned') return parsed;
    const { keys, threshold } = parsed.value;
    const issues: Issue[] = keys.flatMap((key, index) =>
      keys.indexOf(key) === index
        ? []
        : [{ path: [...path, 'keys', index], message: `the key ${key} is there twice, and counts once` }],
    );
    if (keys.length > MAX_KEYS)
      issues.push({ path: [...path, 'keys'], message: `expected at most ${MAX_KEYS} keys, found ${keys.length}` });
    if (threshold > keys.length) {
      issues.push({
        path: [...path, 'threshold'],
        message: `expected at most ${keys.length}, the number of keys, found ${threshold}`,
      });
    }
    return issues.length > 0 ? { ok: false, issues } : parsed;
  },
};

/** The policy as it is compared and stored: always there, keys in their order. */
export function normalUpgrade(policy: UpgradePolicy | undefined): UpgradePolicy {
  if (policy === undefined || policy.kind === 'pinned') return { kind: 'pinned' };
  return { kind: 'signed', keys: policy.keys.toSorted(), threshold: policy.threshold };
}
