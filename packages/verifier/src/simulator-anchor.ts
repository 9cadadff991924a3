/**
 * The anchor that a user gives for a simulator: the root certificate of that simulator.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import type { TrustAnchor } from './dcap/anchors.ts';
import { RefusalError } from './refusal.ts';
import { parseChain } from './x509/chain.ts';

/**
 * @param pem - Exactly one certificate.
 * @param name - How to call the file in errors.
 * @throws UsageError when it is not one.
 */
export function simulatorAnchor(pem: string, name = 'the simulator root'): TrustAnchor {
  try {
    const [certificate] = parseChain(pem, 1, name);
    return { name: 'simulator', publicKey: certificate.publicKey, certificate, simulator: true };
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    throw new UsageError('simulator.root', `${cause.message}: expected one certificate in PEM form`, { cause });
  }
}
