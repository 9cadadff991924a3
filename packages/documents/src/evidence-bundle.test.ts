import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import type { ChannelBinding, HandoverBinding } from './binding.ts';
import { canonicalBytes } from './canonical.ts';
import { toBase64Url } from './encoding.ts';
import { MalformedEvidenceError } from './errors.ts';
import { type EvidenceBundle, formatEvidenceBundle, MAX_BUNDLE_BYTES, parseEvidenceBundle } from './evidence-bundle.ts';

const bundle: EvidenceBundle = {
  hardware: { technology: 'tdx', bytes: Uint8Array.of(1, 2, 3) },
  manifest: {
    type: 'vitrine/manifest/v1',
    number: 1,
    name: 'demo',
    server: {
      source: { kind: 'command', command: 'python3' },
      args: ['server.py'],
      environment: {},
      transport: 'stdio',
    },
    sandbox: 'none',
    runtime: { vitrine: '0.1.0', node: '24.21.0' },
  },
  boot: {
    type: 'vitrine/boot-binding/v1',
    manifestDigest: 'a'.repeat(96),
    manifestNumber: 1,
    tlsSpki: 'b'.repeat(64),
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    nonce: 'A'.repeat(43),
  },
};
const text = formatEvidenceBundle(bundle);
const members = JSON.parse(text) as Record<string, unknown>;

promise('P3', 'a bundle reads back as it was written', () => {
  expect(formatEvidenceBundle(parseEvidenceBundle(text))).toBe(text);
});

promise('P3', 'a bundle with an event log reads back as it was written', () => {
  const logged = formatEvidenceBundle({ ...bundle, eventLog: Uint8Array.of(9, 8, 7) });
  expect(parseEvidenceBundle(logged).eventLog).toEqual(Uint8Array.of(9, 8, 7));
  expect(formatEvidenceBundle(parseEvidenceBundle(logged))).toBe(logged);
  const foreign = JSON.stringify({ ...members, eventlog: ['text/plain', 'AAAA'] });
  expect(() => parseEvidenceBundle(foreign)).toThrow(/media type "text\/plain"/);
});

const manifestWith = (change: object): unknown => [
  'application/vnd.vitrine.manifest+json',
  toBase64Url(canonicalBytes({ ...bundle.manifest, ...change })),
];
const spaced = toBase64Url(new TextEncoder().encode(JSON.stringify(bundle.manifest, null, 1)));

const CHANNEL: ChannelBinding = {
  type: 'vitrine/channel-binding/v1',
  nonce: 'A'.repeat(43),
  exporter: 'A'.repeat(43),
  role: 'server',
  leafSpki: 'b'.repeat(64),
  bootBinding: 'c'.repeat(96),
};
const HANDOVER: HandoverBinding = {
  type: 'vitrine/handover-binding/v1',
  role: 'receiver',
  nonce: 'A'.repeat(43),
  peerNonce: 'A'.repeat(43),
  key: 'A'.repeat(43),
  bootBinding: 'c'.repeat(96),
};

promise('P3', 'a bundle about a connection or a hand-over reads back as it was written', () => {
  for (const about of [{ channel: CHANNEL }, { handover: HANDOVER }]) {
    const written = formatEvidenceBundle({ ...bundle, ...about });
    expect(parseEvidenceBundle(written)).toMatchObject(about);
    expect(formatEvidenceBundle(parseEvidenceBundle(written))).toBe(written);
  }
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['text that is not JSON', 'not json', /not an evidence bundle/],
  ['a JSON list', '[]', /not a JSON object/],
  ['another collection type', JSON.stringify({ ...members, __cmwc_t: 'tag:example.org,2026:x' }), /__cmwc_t/],
  ['an unknown member', JSON.stringify({ ...members, extra: ['x', ''] }), /unknown member "extra"/],
  ['a missing manifest', JSON.stringify({ ...members, manifest: undefined }), /"manifest" is missing/],
  ['a missing boot binding', JSON.stringify({ ...members, 'binding.boot': undefined }), /"binding.boot" is missing/],
  ['a missing hardware member', JSON.stringify({ ...members, hardware: undefined }), /"hardware" is not \[media type/],
  [
    'an unknown hardware media type',
    JSON.stringify({ ...members, hardware: ['text/plain', 'AAAA'] }),
    /unknown media type "text\/plain"/,
  ],
  ['padded base64url', JSON.stringify({ ...members, hardware: ['application/vnd.vitrine.tdx', 'AQ=='] }), /base64url/],
  [
    'a document under a foreign media type',
    JSON.stringify({ ...members, manifest: ['text/plain', spaced] }),
    /media type/,
  ],
  [
    'a document that is not canonical',
    JSON.stringify({ ...members, manifest: ['application/vnd.vitrine.manifest+json', spaced] }),
    /canonical form/,
  ],
  [
    'a manifest with an unknown field',
    JSON.stringify({ ...members, manifest: manifestWith({ colour: 'red' }) }),
    /unknown field "colour"/,
  ],
  [
    'a manifest without a field',
    JSON.stringify({ ...members, manifest: manifestWith({ sandbox: undefined }) }),
    /missing field "sandbox"/,
  ],
  [
    'a manifest of another type',
    JSON.stringify({ ...members, manifest: manifestWith({ type: 'vitrine/manifest/v2' }) }),
    /vitrine\/manifest\/v1/,
  ],
  [
    'a launch document under a foreign media type',
    JSON.stringify({ ...members, launch: ['application/vnd.vitrine.launch', 'AAAA'] }),
    /unknown media type "application\/vnd\.vitrine\.launch" of "launch"/,
  ],
  [
    'a bundle about a connection and a hand-over',
    formatEvidenceBundle({ ...bundle, channel: CHANNEL, handover: HANDOVER }),
    /about a connection and a hand-over/,
  ],
  ['a bundle over the size limit', `${text}${' '.repeat(MAX_BUNDLE_BYTES)}`, /larger than/],
];

for (const [what, input, message] of refused) {
  promise('P7', `a bundle reader refuses ${what}`, () => {
    expect(() => parseEvidenceBundle(input)).toThrow(MalformedEvidenceError);
    expect(() => parseEvidenceBundle(input)).toThrow(message);
  });
}

promise('P7', 'any text, and any change of a bundle, gives a bundle or MalformedEvidenceError', () => {
  const changed = fc
    .tuple(fc.nat(text.length - 1), fc.string({ minLength: 1, maxLength: 3 }))
    .map(([at, put]) => text.slice(0, at) + put + text.slice(at + 1));
  fc.assert(
    fc.property(fc.oneof(fc.string(), changed), (input) => {
      try {
        parseEvidenceBundle(input);
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedEvidenceError);
      }
    }),
  );
});
