/**
 * The targets by name. Another parser is one file in `targets/` and one line here.
 *
 * @module
 */
import type { Target } from './target.ts';

export const TARGETS: Readonly<Record<string, () => Promise<{ readonly target: Target }>>> = {
  bundle: () => import('./targets/bundle.ts'),
  cbor: () => import('./targets/cbor.ts'),
  certificate: () => import('./targets/certificate.ts'),
  'dcap-quote': () => import('./targets/dcap-quote.ts'),
  endorsements: () => import('./targets/endorsements.ts'),
  'event-log': () => import('./targets/event-log.ts'),
  nitro: () => import('./targets/nitro.ts'),
  pem: () => import('./targets/pem.ts'),
  policy: () => import('./targets/policy.ts'),
  'qe-identity': () => import('./targets/qe-identity.ts'),
  'revocation-list': () => import('./targets/revocation-list.ts'),
  'snp-report': () => import('./targets/snp-report.ts'),
  'strict-json': () => import('./targets/strict-json.ts'),
  'tcb-info': () => import('./targets/tcb-info.ts'),
  'tpm-key': () => import('./targets/tpm-key.ts'),
  'tpm-quote': () => import('./targets/tpm-quote.ts'),
};
