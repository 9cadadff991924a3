/**
 * Judges cases with what the packages export, and writes each outcome as text. The same file runs
 * under every version of Node.js and in a browser: nothing here is particular to one of them.
 *
 * @module
 */
import {
  fromHex,
  MalformedEvidenceError,
  parseEvidenceBundle,
  type ReferenceValues,
  VitrineError,
} from '@vitrine/documents';
import {
  type AttestationResult,
  type Evidence,
  malformedResult,
  type PresetName,
  parseEndorsements,
  presets,
  simulatorAnchor,
  type VerifyOptions,
  verify,
} from '@vitrine/verifier';

/** One thing to judge. Plain JSON. */
export interface Case {
  readonly name: string;
  /** Lower-case hexadecimal: a bundle where it begins like JSON, else raw hardware evidence. */
  readonly evidence: string;
  /** Endorsement files, each in lower-case hexadecimal. */
  readonly endorsements: readonly string[];
  readonly preset: PresetName;
  /** RFC 3339. */
  readonly at: string;
  /** PEM. */
  readonly simulatorRoot?: string;
  readonly referenceValues?: ReferenceValues;
}

export interface Outcome {
  readonly name: string;
  /** The text of the AttestationResult, or of an error that was raised on purpose, or `defect: …`. */
  readonly text: string;
}

/** All outcomes, in the order of the cases. */
export async function judgeAll(cases: readonly Case[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const one of cases) outcomes.push({ name: one.name, text: await judged(one) });
  return outcomes;
}

async function judged(one: Case): Promise<string> {
  try {
    return JSON.stringify(await judge(bytesOf(one.evidence), optionsOf(one)));
  } catch (error) {
    if (error instanceof VitrineError) return JSON.stringify({ error: error.code, message: error.message });
    return `defect: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`;
  }
}

/** The result for `bytes`, also where they cannot be read as evidence. */
export async function judge(bytes: Uint8Array<ArrayBuffer>, options: VerifyOptions): Promise<AttestationResult> {
  try {
    return await verify(evidenceFrom(bytes), options);
  } catch (error) {
    if (error instanceof MalformedEvidenceError) {
      return malformedResult(error, bytes, options.policy, options.now);
    }
    throw error;
  }
}

/** What `verify` takes beside the evidence. */
export function optionsOf(one: Case): VerifyOptions {
  return {
    policy: presets[one.preset],
    now: new Date(one.at),
    endorsements: one.endorsements.flatMap((file, index) =>
      parseEndorsements(bytesOf(file), `endorsements ${index + 1}`),
    ),
    simulatorAnchors: one.simulatorRoot === undefined ? [] : [simulatorAnchor(one.simulatorRoot)],
    ...(one.referenceValues === undefined ? {} : { referenceValues: one.referenceValues }),
  };
}

/** Bytes that a case carries as hexadecimal. */
export function bytesOf(hexadecimal: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(hexadecimal);
  if (bytes === undefined) throw new TypeError('a case with something else than lower-case hexadecimal');
  return bytes;
}

/** A bundle where the bytes begin like JSON, else raw hardware evidence. */
export function evidenceFrom(bytes: Uint8Array<ArrayBuffer>): Evidence {
  if (bytes[0] !== 0x7b) return { kind: 'raw', bytes };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new MalformedEvidenceError('bundle.format', 'begins like a bundle but is not UTF-8', { cause });
  }
  return { kind: 'bundle', bundle: parseEvidenceBundle(text) };
}
