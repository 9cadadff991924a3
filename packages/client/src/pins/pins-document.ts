/**
 * pins.json: what a user has accepted, server by server. It is the user's own policy and memory;
 * nothing that a server says changes it.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import {
  canonicalBytes,
  either,
  hex,
  integer,
  type Manifest,
  manifestShape,
  mapOf,
  object,
  oneOf,
  optional,
  type ReferenceValues,
  referenceValuesShape,
  type Shape,
  tagged,
  text,
  UsageError,
} from '@vitrine/documents';
import { type AppraisalPolicy, type PresetName, parsePolicy, presets } from '@vitrine/verifier';
import { type PinnedCatalogue, pinnedCatalogueShape } from '../catalogue/pinned-catalogue.ts';
import { PINNED_TECHNOLOGIES, type PinnedTechnology } from './pinned-registers.ts';
import type { SealedState } from './sealed-state.ts';
import { isTpmKey } from './tpm-key.ts';

const presetName: Shape<PresetName> = oneOf('strict', 'default', 'hardware-only');

/** A complete policy, as the verifier reads it. */
const expandedPolicy: Shape<AppraisalPolicy> = {
  schema: { type: 'object', description: 'a complete appraisal policy' },
  parse: (value, path = []) => {
    if (typeof value !== 'object' || value === null) {
      return { ok: false, issues: [{ path, message: 'expected a complete appraisal policy' }] };
    }
    try {
      return { ok: true, value: parsePolicy(JSON.stringify(withDenied(value)), 'policy') };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return { ok: false, issues: [{ path: [...path, 'policy'], message: error.message }] };
    }
  },
};

/** A policy that was kept before there were deny-lists demanded none. */
function withDenied(policy: object): object {
  const { workload } = policy as { readonly workload?: unknown };
  if (typeof workload !== 'object' || workload === null || 'denied' in workload) return policy;
  return { ...policy, workload: { ...workload, denied: 'any' } };
}

interface CommonPin {
  /** The highest that was seen. It never falls. */
  readonly manifestNumber: number;
  /** The tools that the server listed first; absent until it has listed them. */
  readonly catalogue?: PinnedCatalogue;
  /** A preset's name, or a complete policy. */
  readonly policy: PresetName | AppraisalPolicy;
  /** Whether a simulator was accepted, which then still never reads as verified. */
  readonly simulated: boolean;
  /** RFC 3339, UTC. */
  readonly firstSeen: string;
}

/** Exactly these measurements, nothing newer. */
export interface ExactPin extends CommonPin {
  readonly mode: 'exact';
  readonly technology: PinnedTechnology;
  /** As {@link registersOf} says. */
  readonly registers: Readonly<Record<string, string>>;
  /** SHA-256 of the document that the platform launched it by; absent where there was none. */
  readonly launch?: string;
  /** `image`: the publisher's reference values say that the launch digest covers more than firmware. Only of SNP. */
  readonly covers?: 'image';
  /** The attestation key that the user vouched for, SubjectPublicKeyInfo in PEM; there exactly for a TPM. */
  readonly tpmKey?: string;
  /** SHA-384, lower-case hexadecimal. */
  readonly manifestDigest: string;
  /** What the digest is of, to show what a change changes. Absent in pins of earlier versions, which means unknown. */
  readonly manifest?: Manifest;
  /** Names the root of the server's lasting keys; absent where it had none. */
  readonly appRoot?: string;
  /** The furthest that its keys and data were seen. It never goes back. Only with `appRoot`. */
  readonly state?: SealedState;
}

/**
 * Whatever is built from this source, at or above a number. Needs signed provenance, which this
 * version cannot check: such a pin is kept and shown, and refuses on connecting.
 */
export interface SourcePin extends CommonPin {
  readonly mode: 'source';
  readonly source: { readonly repository: string; readonly builder?: string };
  /** The lowest manifest number that the user accepts. */
  readonly minNumber: number;
}

/** What a user has accepted of one server. */
export type Pin = ExactPin | SourcePin;

export interface PinsDocument {
  readonly type: 'vitrine/pins/v1';
  /** By normalised URL. */
  readonly pins: Readonly<Record<string, Pin>>;
}

const common = {
  manifestNumber: integer(1),
  catalogue: optional(pinnedCatalogueShape),
  policy: either(presetName, expandedPolicy),
  simulated: oneOf(true, false),
  firstSeen: text('a time such as 2026-01-31T00:00:00.000Z', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/),
} as const;

const exactMembers: Shape<ExactPin> = object({
  mode: oneOf('exact'),
  technology: oneOf(...PINNED_TECHNOLOGIES),
  registers: mapOf(/^[a-z0-9]+$/, text('a register in lower-case hexadecimal', /^(?:[0-9a-f]{2}){1,64}$/), 1),
  launch: optional(hex(32)),
  covers: optional(oneOf('image')),
  tpmKey: optional(text('a public key in PEM')),
  manifestDigest: hex(48),
  manifest: optional(manifestShape),
  appRoot: optional(hex(32)),
  state: optional(object({ sequence: integer(0), digest: hex(32) })),
  ...common,
});

const exactPin: Shape<ExactPin> = {
  schema: exactMembers.schema,
  parse: (value, path = []) => {
    const parsed = exactMembers.parse(value, path);
    if (!parsed.ok) return parsed;
    const wrong = contradiction(parsed.value);
    return wrong === undefined ? parsed : { ok: false, issues: [{ path: [...path, wrong[0]], message: wrong[1] }] };
  },
};

/** What in a pin does not fit the rest of it: the member, and why. */
function contradiction(pin: ExactPin): readonly [member: string, message: string] | undefined {
  const { manifest, manifestDigest, manifestNumber, tpmKey, technology, appRoot, state } = pin;
  const values = referenceValuesShape.parse(referenceDocument(pin));
  if (!values.ok) return ['registers', values.issues[0]?.message ?? 'are not those of the technology'];
  if ((technology === 'tpm') !== (tpmKey !== undefined)) return ['tpmKey', 'belongs to a TPM, and to nothing else'];
  if (tpmKey !== undefined && !isTpmKey(tpmKey)) return ['tpmKey', 'is no public key of a TPM in PEM'];
  if (state !== undefined && appRoot === undefined) return ['state', 'is of keys and data, and there is no appRoot'];
  if (manifest === undefined) return undefined;
  // A remembered manifest that is not the one of the digest would show a change that is none, or hide one.
  const digest = createHash('sha384').update(canonicalBytes(manifest)).digest('hex');
  if (digest !== manifestDigest) return ['manifest', 'is not the one of manifestDigest'];
  return manifest.number === manifestNumber ? undefined : ['manifestNumber', `expected ${manifest.number}`];
}

function referenceDocument(pin: ExactPin): unknown {
  const { technology, registers, launch, covers, manifestDigest, firstSeen } = pin;
  const entry = {
    technology,
    shape: 'pinned',
    registers,
    computedBy: 'your pin',
    manifestDigest,
    ...(launch === undefined ? {} : { launch }),
    ...(covers === undefined ? {} : { covers }),
  };
  return { type: 'vitrine/reference-values/v1', release: `pinned ${firstSeen}`, entries: [entry] };
}

/** A pin as reference values: the verifier's check `workload.reference` then fails on any change. */
export function exactReferenceValues(pin: ExactPin): ReferenceValues {
  const parsed = referenceValuesShape.parse(referenceDocument(pin));
  if (parsed.ok) return parsed.value;
  throw new UsageError('pins.registers', `the pin's registers: ${parsed.issues[0]?.message ?? 'malformed'}`);
}

const sourcePin: Shape<SourcePin> = object({
  mode: oneOf('source'),
  source: object({
    repository: text('an https URL of a source repository', /^https:\/\/[^\s?#@]+$/),
    builder: optional(text('the URL of who builds it', /^https:\/\/[^\s@]+$/)),
  }),
  minNumber: integer(1),
  ...common,
});

export const pinsShape: Shape<PinsDocument> = object({
  type: oneOf('vitrine/pins/v1'),
  pins: mapOf(/^https:\/\/[^?#@]+$/, tagged('mode', { exact: exactPin, source: sourcePin })),
});

/** A pin's policy, expanded. */
export function pinPolicy({ policy }: Pin): AppraisalPolicy {
  return typeof policy === 'string' ? presets[policy] : policy;
}

/** Whether two pins admit the same code and configuration. */
export function samePinned(left: Pin, right: Pin): boolean {
  return JSON.stringify(identityOf(left)) === JSON.stringify(identityOf(right));
}

function identityOf(pin: Pin): unknown {
  if (pin.mode === 'source') return [pin.mode, pin.source.repository, pin.source.builder ?? null];
  const registers = Object.entries(pin.registers).sort(([one], [other]) => (one < other ? -1 : 1));
  const { mode, technology, manifestDigest, appRoot = null, launch = null, tpmKey = null } = pin;
  return [mode, technology, registers, manifestDigest, appRoot, launch, tpmKey];
}
