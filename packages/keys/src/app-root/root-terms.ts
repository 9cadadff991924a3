/**
 * What may wrap the root is for the manifest to say, not for whoever starts the key service: with a source of their
 * own they could open the slot outside, and later evidence would not show that it ever lay under it.
 *
 * @module
 */
import type { RootSecretSource } from '@vitrine/attester';
import { type Manifest, type RootTerms, UsageError } from '@vitrine/documents';

/** Kinds of which whoever starts the enclave can choose one of their own. */
const CHOSEN: readonly string[] = ['kbs', 'dstack-kms', 'dstack-local', 'dstack-tpm'];

/**
 * Demands that the sources at hand are the ones that the manifest names, in its order.
 *
 * @throws UsageError `keys.root-terms`, with what to write.
 */
export function requireRootTerms(
  { roots }: Pick<Manifest, 'roots'>,
  sources: readonly RootSecretSource[],
  isSimulated: boolean,
): void {
  if (roots === undefined && isSimulated) return;
  const found = sources.map(({ description: { kind, boundTo } }) =>
    CHOSEN.includes(kind) ? { kind, boundTo } : { kind },
  );
  if (found.length === 0) {
    throw new UsageError(
      'keys.root-terms',
      'the manifest has keys or data that last, and this platform has no secret of its own to wrap their root with; name one with --root, and in vitrine.yaml under roots',
    );
  }
  if (roots !== undefined && roots.length === sources.length && sources.every((source, at) => fits(roots[at], source)))
    return;
  const needed = roots === undefined ? 'says nothing of it' : `has ${show(roots)}`;
  throw new UsageError(
    'keys.root-terms',
    `what wraps the root of keys has to stand in the manifest, which ${needed}, and here it would be ${show(found)}; write that in vitrine.yaml as "roots: ${show(found)}" if it is what you want: users see it`,
  );
}

function fits(terms: RootTerms[number] | undefined, { description }: RootSecretSource): boolean {
  if (terms?.kind !== description.kind) return false;
  return terms.boundTo === undefined ? !CHOSEN.includes(description.kind) : terms.boundTo === description.boundTo;
}

function show(roots: RootTerms): string {
  const parts = roots.map(({ kind, boundTo }) =>
    boundTo === undefined ? `{ kind: ${kind} }` : `{ kind: ${kind}, boundTo: ${JSON.stringify(boundTo)} }`,
  );
  return `[${parts.join(', ')}]`;
}
