/**
 * Results and pins for tests of what is pinned.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalBytes, type Manifest } from '@vitrine/documents';
import type { AttestationResult } from '@vitrine/verifier';
import { makePin } from '../pins/pin.ts';
import type { ExactPin, SourcePin } from '../pins/pins-document.ts';
import { MANIFEST } from './evidence.ts';

export const NOW: Date = new Date('2026-01-31T12:00:00.000Z');

export const REGISTERS = {
  mrtd: '11'.repeat(48),
  rtmr0: '22'.repeat(48),
  rtmr1: '33'.repeat(48),
  rtmr2: '44'.repeat(48),
  rtmr3: '55'.repeat(48),
} as const;
export const ZEROS = {
  mrconfigid: '00'.repeat(48),
  mrowner: '00'.repeat(48),
  mrownerconfig: '00'.repeat(48),
} as const;

export function digestOf(manifest: Manifest): string {
  return createHash('sha384').update(canonicalBytes(manifest)).digest('hex');
}

export interface Changes {
  readonly registers?: Readonly<Record<string, string>>;
  readonly manifest?: Partial<Manifest>;
  readonly digest?: string;
  /** Any other claims. */
  readonly claims?: Partial<NonNullable<AttestationResult['claims']>>;
}

/** A verified result about the manifest of the test evidence, with `changes`. */
export function verifiedResult(changes: Changes = {}): AttestationResult {
  const manifest: Manifest = { ...MANIFEST, ...changes.manifest };
  return {
    type: 'vitrine/attestation-result/v1',
    verdict: 'verified',
    decidedBy: null,
    scope: 'live',
    checks: [],
    claims: {
      technology: 'tdx',
      anchor: 'intel-sgx-root',
      platform: {},
      registers: { ...REGISTERS, ...ZEROS, ...changes.registers },
      reportData: '',
      manifest,
      manifestDigest: changes.digest ?? digestOf(manifest),
      ...changes.claims,
    },
    unverified: {},
    limits: [],
    digests: { evidence: '', policy: '', endorsements: null, referenceValues: null, eventLog: null },
    time: NOW.toISOString(),
  };
}

export function exactPin(changes: Changes = {}): ExactPin {
  return makePin(verifiedResult(changes), { policy: 'default', simulated: false, now: NOW });
}

/** Claims of a server whose keys and data have got to `sequence`. */
export function lasting(sequence: number, digest: string = 'd0', root: string = 'aa'): Required<Changes>['claims'] {
  return {
    appRoot: { id: root.repeat(32), sources: [], copies: 'unbounded' },
    state: { sequence, digest: digest.repeat(32) },
  };
}

export const SOURCE_PIN: SourcePin = {
  mode: 'source',
  source: { repository: 'https://code.example/bank/server', builder: 'https://build.example/workflow' },
  minNumber: 2,
  manifestNumber: 3,
  policy: 'default',
  simulated: false,
  firstSeen: NOW.toISOString(),
};
