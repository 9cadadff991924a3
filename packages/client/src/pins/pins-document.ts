/**
 * pins.json: what a user has accepted, server by server. It is the user's own policy and memory;
 * nothing that a server says changes it.
 *
 * @module
 */
import {
  either,
  hex,
  integer,
  mapOf,
  object,
  oneOf,
  type Shape,
  type TdxRegisters,
  tdxRegistersShape,
  text,
  UsageError,
} from '@vitrine/documents';
import { type AppraisalPolicy, type PresetName, parsePolicy, presets } from '@vitrine/verifier';

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

/** What a user has accepted of one server. */
export interface Pin {
  /** Exactly these measurements, nothing newer. */
  readonly mode: 'exact';
  readonly technology: 'tdx';
  /** Those that may be absent were zero, and then have to stay zero. */
  readonly registers: TdxRegisters;
  /** SHA-384, lower-case hexadecimal. */
  readonly manifestDigest: string;
  /** The highest that was seen. */
  readonly manifestNumber: number;
  /** A preset's name, or a complete policy. */
  readonly policy: PresetName | AppraisalPolicy;
  /** Whether a simulator was accepted, which then still never reads as verified. */
  readonly simulated: boolean;
  /** RFC 3339, UTC. */
  readonly firstSeen: string;
}

export interface PinsDocument {
  readonly type: 'vitrine/pins/v1';
  /** By normalised URL. */
  readonly pins: Readonly<Record<string, Pin>>;
}

const pin: Shape<Pin> = object({
  mode: oneOf('exact'),
  technology: oneOf('tdx'),
  registers: tdxRegistersShape,
  manifestDigest: hex(48),
  manifestNumber: integer(1),
  policy: either(presetName, expandedPolicy),
  simulated: oneOf(true, false),
  firstSeen: text('a time such as 2026-01-31T00:00:00.000Z', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/),
});

export const pinsShape: Shape<PinsDocument> = object({
  type: oneOf('vitrine/pins/v1'),
  pins: mapOf(/^https:\/\/[^?#@]+$/, pin),
});

/** A pin's policy, expanded. */
export function pinPolicy({ policy }: Pin): AppraisalPolicy {
  return typeof policy === 'string' ? presets[policy] : policy;
}
