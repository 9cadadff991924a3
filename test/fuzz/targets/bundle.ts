/**
 * Evidence bundles.
 *
 * @module
 */
import { formatEvidenceBundle, parseEvidenceBundle } from '@vitrine/documents';
import { bundleCases } from '../../system/bundle-cases.ts';
import { bytesOf } from '../../system/judge.ts';
import { decoded, type Target } from '../target.ts';

export const target: Target = {
  run(bytes) {
    const bundle = parseEvidenceBundle(decoded(bytes));
    // What was read can be written, and read again.
    parseEvidenceBundle(formatEvidenceBundle(bundle));
    return bundle;
  },
  seeds: async () => {
    const cases = await bundleCases();
    const small = cases.map(({ evidence }) => bytesOf(evidence)).map((bytes) => withShortHardware(bytes));
    return Object.fromEntries(small.map((bytes, index) => [`case-${index}`, bytes]));
  },
  maxLength: 8192,
};

/** The hardware evidence and the endorsements are most of a bundle, and not what is fuzzed here. */
function withShortHardware(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/("hardware":\["[^"]*",")[^"]*"/, '$1AAAA"')
    .replace(/"endorsements":\["[^"]*","[^"]*"\],?/, '');
  return Buffer.from(text.slice(0, 4096), 'latin1');
}
