/**
 * Revocation of AMD's certificates. Each product's root signs lists of what it revoked; all that are
 * in force are used, since AMD publishes one for chips and one for fleets under one issuer.
 *
 * A chip's certificate has serial number zero, so no list can single it out: revocation is of
 * authorities, and of fleet certificates that have a number of their own.
 *
 * VCEK Certificate and KDS Interface Specification (AMD 57230), "CRL"; RFC 5280, section 5.
 *
 * @module
 */
import { failed, passed, sentence, waived } from '../dcap/findings.ts';
import { type Attempt, attempt } from '../refusal.ts';
import type { Check } from '../result.ts';
import { authenticateRevocationList, parseRevocationList, type RevocationList } from '../x509/crl.ts';
import { AMD_AUTHORITY_PROFILE } from '../x509/profile.ts';
import type { SnpClaims } from './authenticate.ts';
import type { SnpPolicy } from './policy.ts';

const ID = 'snp.revocation';
/** A folder may hold lists of other vendors; this bounds the work on a hostile one. */
const MAX_LISTS = 64;

/** Check `snp.revocation`, with the lists among `given` (DER) that are of this product's root. */
export async function revocationCheck(
  claims: SnpClaims,
  given: readonly Uint8Array<ArrayBuffer>[],
  now: Date,
  { revocation }: SnpPolicy,
): Promise<Check> {
  const { root, authority, leaf } = claims;
  const lists: Attempt<RevocationList>[] = [];
  for (const der of given.slice(0, MAX_LISTS)) lists.push(await readList(der, claims, now));
  const good = lists.flatMap((list) => (list.ok ? [list.value] : []));
  const revoked = [root, authority, leaf.certificate].find(({ serial }) =>
    good.some((list) => list.revoked.has(serial)),
  );
  if (revoked !== undefined) {
    const actual = `${revoked.subject.text}, serial number ${revoked.serial}`;
    return failed(ID, 'AMD revoked a certificate of this chain.', { expected: 'not revoked', actual });
  }
  if (revocation === 'any') return waived(ID, 'The policy does not ask whether certificates were revoked.', {});
  const [newest] = good.toSorted((one, other) => other.nextUpdate.getTime() - one.nextUpdate.getTime());
  if (newest !== undefined) {
    return passed(ID, 'No certificate of this chain is on the revocation list of its root.', {
      actual: `list of ${newest.issuer.commonName}, in force until ${newest.nextUpdate.toISOString()}`,
    });
  }
  const refusal = lists.find((list) => !list.ok);
  const why = refusal === undefined || refusal.ok ? 'no revocation list was given' : refusal.refusal.message;
  return { id: ID, status: 'unavailable', message: `${sentence(why)} One of ${root.subject.commonName} is needed.` };
}

async function readList(
  der: Uint8Array<ArrayBuffer>,
  { root }: SnpClaims,
  now: Date,
): Promise<Attempt<RevocationList>> {
  return attempt(async () => {
    const list = parseRevocationList(der, 'AMD revocation list', AMD_AUTHORITY_PROFILE);
    await authenticateRevocationList(list, root, now, 'AMD revocation list');
    return list;
  });
}
