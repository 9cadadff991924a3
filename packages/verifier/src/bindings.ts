/**
 * Appraisal of the documents in a bundle: each must be what the report data in the authenticated
 * hardware evidence commits to, link by link, up to the caller's own connection.
 *
 * @module
 */
import { digest, documentDigest, type EvidenceBundle, reportData, toHex } from '@vitrine/documents/evidence';
import { appraiseHandover, type HandoverRole } from './handover-bindings.ts';
import { appraiseKeyStatements } from './key-statements.ts';
import type { Check } from './result.ts';

/** What the caller saw on its own side of the connection. */
export interface ExpectedChannel {
  /** The challenge that was sent, base64url of 32 bytes. */
  readonly nonce: string;
  /** RFC 9266 exporter of the caller's own end, base64url of 32 bytes. */
  readonly exporter: string;
  /** SHA-256 of the DER SubjectPublicKeyInfo that the caller's TLS stack saw, hexadecimal. */
  readonly leafSpki: string;
}

export const BINDING_CHECKS = [
  'workload.manifest',
  'binding.report-data',
  'binding.boot',
  'binding.keys',
  'channel.live',
] as const;

/**
 * @param reportDataHex - The report data from authenticated hardware evidence: 64 bytes, of a TPM its qualifying data.
 * @param anchor - Name of the anchor behind them.
 * @param expected - Absent when the bundle is judged from a file.
 * @param handover - Whose part of a hand-over is expected; absent: evidence for users.
 */
export async function appraiseBindings(
  bundle: EvidenceBundle,
  reportDataHex: string,
  anchor: string,
  expected: ExpectedChannel | undefined,
  handover?: HandoverRole,
): Promise<readonly Check[]> {
  const manifestDigest = await documentDigest(bundle.manifest);
  const bootDigest = await documentDigest(bundle.boot);
  const committed = toHex(await carried(bundle));
  const checks = [
    bundle.boot.manifestDigest === manifestDigest && bundle.boot.manifestNumber === bundle.manifest.number
      ? passed('workload.manifest', anchor, 'The manifest in the bundle is the one that the boot binding names.')
      : failed(
          'workload.manifest',
          anchor,
          `${bundle.boot.manifestDigest} number ${bundle.boot.manifestNumber}`,
          `${manifestDigest} number ${bundle.manifest.number}`,
          'The manifest in the bundle is not the one that the boot binding names.',
        ),
    committed === reportDataHex
      ? passed(
          'binding.report-data',
          anchor,
          `The report data commits to the ${bundle.channel === undefined ? 'boot' : 'channel'} binding.`,
        )
      : failed(
          'binding.report-data',
          anchor,
          committed,
          reportDataHex,
          'The report data in the hardware evidence does not commit to the bindings in the bundle: the evidence was made for something else.',
        ),
    bootLink(bundle, bootDigest, anchor),
    await appraiseKeyStatements(bundle, anchor),
    channelLink(bundle, expected),
  ];
  return appraiseHandover(checks, bundle, handover, bootDigest, anchor);
}

/** The report data in the form in which the technology carries it: a TPM has room for its SHA-256 alone. */
async function carried({ hardware, handover, channel, boot }: EvidenceBundle): Promise<Uint8Array<ArrayBuffer>> {
  const whole = await reportData(handover ?? channel ?? boot);
  return hardware.technology === 'tpm' ? digest('SHA-256', whole) : whole;
}

function bootLink(bundle: EvidenceBundle, bootDigest: string, anchor: string): Check {
  const { appRoot } = bundle.boot;
  if (appRoot !== undefined && (appRoot.copies === 'anchored') !== (appRoot.anchor !== undefined)) {
    return failed(
      'binding.boot',
      anchor,
      'an anchor exactly where copies are anchored',
      `${appRoot.copies}, ${appRoot.anchor?.kind ?? 'no anchor'}`,
      'The boot binding does not say who remembers how far the state has got, or says it of a state that nobody remembers.',
    );
  }
  if (bundle.channel === undefined) {
    return passed('binding.boot', anchor, 'The evidence was made at boot and commits to the boot binding itself.');
  }
  if (bundle.channel.bootBinding !== bootDigest) {
    return failed(
      'binding.boot',
      anchor,
      bootDigest,
      bundle.channel.bootBinding,
      'The channel binding names another boot binding.',
    );
  }
  if (bundle.channel.leafSpki !== bundle.boot.tlsSpki) {
    return failed(
      'binding.boot',
      anchor,
      bundle.boot.tlsSpki,
      bundle.channel.leafSpki,
      'The channel uses a TLS key that was not made at this boot.',
    );
  }
  if ((bundle.channel.state === undefined) !== (appRoot === undefined)) {
    return failed(
      'binding.boot',
      anchor,
      appRoot === undefined ? 'no state' : 'how far the state has got',
      bundle.channel.state === undefined ? 'no state' : `sequence ${bundle.channel.state.sequence}`,
      'The channel binding says how far the sealed state has got exactly where there is an application root.',
    );
  }
  return passed('binding.boot', anchor, 'The channel belongs to this boot and to the TLS key that was made in it.');
}

function channelLink(bundle: EvidenceBundle, expected: ExpectedChannel | undefined): Check {
  const id = 'channel.live';
  if (expected === undefined) {
    return {
      id,
      status: 'waived',
      message: 'Judged from a file: nothing says who is at the other end of a connection.',
    };
  }
  const { channel } = bundle;
  if (channel === undefined) {
    return failed(
      id,
      'caller',
      'a channel binding',
      'none',
      'The evidence is not about a connection: it could have been recorded anywhere.',
    );
  }
  for (const [name, what] of [
    ['nonce', 'The evidence does not answer the nonce that was sent: it is not fresh.'],
    ['exporter', 'The evidence is about another TLS connection: someone may be relaying it.'],
    ['leafSpki', 'The evidence is about another TLS key than the one on this connection.'],
  ] as const) {
    if (channel[name] !== expected[name]) return failed(id, 'caller', expected[name], channel[name], what);
  }
  return { id, status: 'passed', anchor: 'caller', message: 'The evidence is fresh and about this very connection.' };
}

function passed(id: string, anchor: string, message: string): Check {
  return { id, status: 'passed', anchor, message };
}

function failed(id: string, anchor: string, expected: string, actual: string, message: string): Check {
  return { id, status: 'failed', anchor, expected, actual, message };
}
