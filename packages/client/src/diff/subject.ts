/**
 * One side of a comparison: a pin, a manifest, reference values or an evidence bundle, as what it
 * states. A bundle is read, not verified, and says so.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import {
  type EvidenceBundle,
  MalformedEvidenceError,
  type Manifest,
  manifestDigest,
  manifestShape,
  parseDocument,
  parseEvidenceBundle,
  parseJsonFile,
  type ReferenceEntry,
  type ReferenceValues,
  referenceValuesShape,
  UsageError,
} from '@vitrine/documents';
import { presets, verify } from '@vitrine/verifier';
import type { PinnedCatalogue } from '../catalogue/pinned-catalogue.ts';
import { pinFacts } from '../pins/pin.ts';
import { INSTANCE_LAUNCH, OWN_REGISTER } from '../pins/pinned-registers.ts';
import type { Pin } from '../pins/pins-document.ts';
import { type Facts, manifestFacts, registerFacts, stated, withLaunch } from './facts.ts';

export interface Subject {
  /** How the user named it. */
  readonly name: string;
  readonly kind: 'pin' | 'manifest' | 'reference-values' | 'evidence-bundle';
  /** What it is, and whether anybody has checked it. */
  readonly note: string;
  /** One, except for reference values with several entries. */
  readonly entries: readonly SubjectEntry[];
  readonly catalogue: PinnedCatalogue | undefined;
}

export interface SubjectEntry {
  /** What tells it from the others, such as `tdx c3-standard-4`. */
  readonly key: string;
  readonly facts: Facts;
}

/** A pin as one side. */
export function subjectOfPin(name: string, pin: Pin): Subject {
  const note = `your pin of ${pin.firstSeen.slice(0, 10)}${pin.simulated ? ', of a simulator' : ''}`;
  return { name, kind: 'pin', note, entries: [{ key: '', facts: pinFacts(pin) }], catalogue: pin.catalogue };
}

/**
 * The document in a file as one side.
 *
 * @param now - For reading evidence; nothing is judged by it.
 * @throws UsageError for a document of another kind; MalformedEvidenceError for a bundle that cannot be read.
 */
export async function subjectOfFile(name: string, text: string, now: Date): Promise<Subject> {
  const value = parseJsonFile(text, name);
  const members: Readonly<Record<string, unknown>> = typeof value === 'object' && value !== null ? { ...value } : {};
  if ('__cmwc_t' in members) return bundleSubject(name, parseEvidenceBundle(text.trimEnd()), now);
  switch (members['type']) {
    case 'vitrine/reference-values/v1':
      return referenceSubject(name, parseDocument(text, referenceValuesShape, name));
    case 'vitrine/manifest/v1':
      return manifestSubject(name, parseDocument(text, manifestShape, name));
    default:
      throw new UsageError(
        'diff.kind',
        `${name}: expected an evidence bundle, vitrine/reference-values/v1 or vitrine/manifest/v1, found ${
          typeof members['type'] === 'string'
            ? JSON.stringify(members['type'].slice(0, 60))
            : 'a document without a type'
        }`,
      );
  }
}

async function manifestSubject(name: string, manifest: Manifest): Promise<Subject> {
  const facts = { ...manifestFacts(manifest), digest: { 'manifest digest': await manifestDigest(manifest) } };
  const note = 'a manifest, read from the file';
  return { name, kind: 'manifest', note, entries: [{ key: '', facts }], catalogue: undefined };
}

function referenceSubject(name: string, values: ReferenceValues): Subject {
  const seen = new Map<string, number>();
  const entries = values.entries.map((entry): SubjectEntry => {
    const base = `${entry.technology} ${entry.shape}`;
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    return { key: count === 1 ? base : `${base} #${count}`, facts: entryFacts(entry, values.release) };
  });
  const note = `reference values of release ${values.release}, read from the file`;
  return { name, kind: 'reference-values', note, entries, catalogue: undefined };
}

function entryFacts(entry: ReferenceEntry, release: string): Facts {
  return {
    release: { release: JSON.stringify(release), 'computed by': JSON.stringify(entry.computedBy) },
    ...stated('registers', withLaunch(registerFacts(entry.technology, entry.registers), launchOf(entry))),
    digest: { 'manifest digest': entry.manifestDigest },
  };
}

function launchOf(entry: ReferenceEntry): string | undefined {
  return 'launch' in entry ? entry.launch : undefined;
}

async function bundleSubject(name: string, bundle: EvidenceBundle, now: Date): Promise<Subject> {
  const digest = await manifestDigest(bundle.manifest);
  const launch =
    bundle.launch === undefined ? undefined : createHash('sha256').update(bundle.launch.bytes).digest('hex');
  const { [bundle.launch?.kind === INSTANCE_LAUNCH ? OWN_REGISTER : '']: _, ...registers } = await registersOf(
    bundle,
    now,
  );
  const facts: Facts = {
    ...manifestFacts(bundle.manifest),
    digest: { 'manifest digest': digest },
    ...stated('registers', withLaunch(registerFacts(bundle.hardware.technology, registers), launch)),
  };
  const contradiction =
    bundle.boot.manifestDigest === digest ? '' : '; its boot binding names another manifest than it carries';
  const note = `an evidence bundle, read from the file, not verified${contradiction}`;
  return { name, kind: 'evidence-bundle', note, entries: [{ key: '', facts }], catalogue: undefined };
}

/** What the evidence says, whoever made it: the verifier reads it without any anchor to hold it against. */
async function registersOf(bundle: EvidenceBundle, now: Date): Promise<Readonly<Record<string, string>>> {
  try {
    const { claims, unverified } = await verify(
      { kind: 'bundle', bundle },
      { policy: presets['hardware-only'], now, endorsements: [], simulatorAnchors: [] },
    );
    return claims?.registers ?? unverified;
  } catch (error) {
    // Its hardware part cannot be read: then nothing states the registers.
    if (error instanceof MalformedEvidenceError) return {};
    throw error;
  }
}
