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
  type Shape,
  type TdxRegisters,
  tagged,
  tdxRegistersShape,
  text,
  UsageError,
} from '@vitrine/documents';
import { type AppraisalPolicy, type PresetName, parsePolicy, presets } from '@vitrine/verifier';
import { type PinnedCatalogue, pinnedCatalogueShape } from '../catalogue/pinned-catalogue.ts';

const presetName: Shape<PresetName> = oneOf('strict', 'default', 'hardware-only');

/** A complete policy, as the verifier reads it. */
const expandedPolicy: Shape<AppraisalPolicy> = {
  schema: { type: 'object', description: 'a complete appraisal policy' },
  parse: (value, path = []) => {
    if (typeof value !== 'object' || value === null) {
      return { ok: false, issues: [{ path, message: 'expected a complete appraisal policy' }] };
    }
    try {
      return { ok: true, value: parsePolicy(JSON.stringify(value), 'policy') };
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      return { ok: false, issues: [{ path: [...path, 'policy'], message: error.message }] };
    }
  },
};

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
  readonly technology: 'tdx';
  /** Those that may be absent were zero, and then have to stay zero. */
  readonly registers: TdxRegisters;
  /** SHA-384, lower-case hexadecimal. */
  readonly manifestDigest: string;
  /** What the digest is of, to show what a change changes. Absent in pins of earlier versions, which means unknown. */
  readonly manifest?: Manifest;
  /** Names the root of the server's lasting keys; absent where it had none. */
  readonly appRoot?: string;
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
  technology: oneOf('tdx'),
  registers: tdxRegistersShape,
  manifestDigest: hex(48),
  manifest: optional(manifestShape),
  appRoot: optional(hex(32)),
  ...common,
});

/** A remembered manifest that is not the one of the digest would show a change that is none, or hide one. */
const exactPin: Shape<ExactPin> = {
  schema: exactMembers.schema,
  parse: (value, path = []) => {
    const parsed = exactMembers.parse(value, path);
    if (!parsed.ok || parsed.value.manifest === undefined) return parsed;
    const { manifest, manifestDigest, manifestNumber } = parsed.value;
    if (createHash('sha384').update(canonicalBytes(manifest)).digest('hex') !== manifestDigest) {
      return { ok: false, issues: [{ path: [...path, 'manifest'], message: 'is not the one of manifestDigest' }] };
    }
    return manifest.number === manifestNumber
      ? parsed
      : { ok: false, issues: [{ path: [...path, 'manifestNumber'], message: `expected ${manifest.number}` }] };
  },
};

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
  return [pin.mode, pin.technology, registers, pin.manifestDigest, pin.appRoot ?? null];
}
