/**
 * What the user names on the command line, read from files: evidence, policies, reference values,
 * endorsements.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import {
  MalformedEvidenceError,
  parseDocument,
  parseEvidenceBundle,
  type ReferenceValues,
  referenceValuesShape,
  UsageError,
} from '@vitrine/documents';
import {
  type AppraisalPolicy,
  type Endorsement,
  type Evidence,
  type PresetName,
  parseEndorsements,
  parsePolicy,
  presets,
} from '@vitrine/verifier';

/** The largest file that is read as evidence or endorsement; real ones are below 100 kB. */
const MAX_FILE_BYTES = 4 << 20;

export interface NamedPolicy {
  readonly name: string;
  readonly policy: AppraisalPolicy;
}

/** Reads a file; that it cannot be read is the user's mistake. */
export function readInput(file: string): Uint8Array<ArrayBuffer> {
  try {
    if (statSync(file).size > MAX_FILE_BYTES)
      throw new UsageError('input.too-large', `${file} is larger than ${MAX_FILE_BYTES} bytes`);
    return new Uint8Array(readFileSync(file));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const hint = looksLikeHost(file) ? `; a server is named by its URL, such as https://${file}` : '';
    throw new UsageError('input.unreadable', `cannot read ${file}: ${reasonOf(cause)}${hint}`, { cause });
  }
}

/** A host, with a port or a path: what is left of a URL without its scheme. */
function looksLikeHost(argument: string): boolean {
  return /^[a-z0-9][a-z0-9.-]*:\d+(?:\/|$)|^[a-z0-9-]+(?:\.[a-z0-9-]+)+\/[a-z0-9/-]*$/i.test(argument);
}

/** Reads a file of UTF-8 text. */
export function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readInput(file));
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError('input.encoding', `${file} is not UTF-8 text`, { cause });
  }
}

/** Whether an argument is meant as a URL, of whatever scheme, and not as a file. */
export function isUrl(argument: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(argument);
}

/** A bundle where the input begins like JSON and names the bundle's type, else raw hardware evidence. */
export function readEvidence(bytes: Uint8Array<ArrayBuffer>, name: string): Evidence {
  if (bytes.length === 0) throw new MalformedEvidenceError('evidence.format', `${name} is empty`);
  if (bytes[0] !== 0x7b || !new TextDecoder('latin1').decode(bytes).includes('"__cmwc_t"'))
    return { kind: 'raw', bytes };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new MalformedEvidenceError('bundle.format', `${name} begins like a bundle but is not UTF-8`, { cause });
  }
  // An editor's or a shell's newline at the end is not part of the bundle.
  return { kind: 'bundle', bundle: parseEvidenceBundle(text.trimEnd()) };
}

/** The policy that the flags name; `default` without any. */
export function readPolicy(file: string | undefined, preset: string | undefined): NamedPolicy {
  if (file !== undefined && preset !== undefined)
    throw new UsageError(
      'policy.both',
      '--policy and --preset contradict each other: give one; a policy file can say `extends`',
    );
  if (file !== undefined) return { name: file, policy: parsePolicy(readText(file), file) };
  const name = preset ?? 'default';
  if (!Object.hasOwn(presets, name))
    throw new UsageError(
      'policy.preset',
      `--preset: expected one of ${Object.keys(presets).join(', ')}, found ${JSON.stringify(name)}`,
    );
  return { name, policy: presets[name as PresetName] };
}

/** Reference values from a file. */
export function readReferenceValues(file: string): ReferenceValues {
  return parseDocument(readText(file), referenceValuesShape, file);
}

/** Kinds of files that are looked at in a folder. */
const ENDORSEMENT_FILE = /\.(?:json|pem|der|crl|crt|cer)$/;

/** Endorsements from files and folders. In a folder, files that are something else are passed over. */
export function readEndorsements(paths: readonly string[]): readonly Endorsement[] {
  return paths.flatMap((path) => {
    if (!isDirectory(path)) return parseEndorsements(readInput(path), path);
    return readdirSync(path)
      .filter((name) => ENDORSEMENT_FILE.test(name))
      .sort()
      .flatMap((name) => endorsementsOrNothing(join(path, name)));
  });
}

function endorsementsOrNothing(file: string): readonly Endorsement[] {
  try {
    return parseEndorsements(readInput(file), file);
  } catch (error) {
    if (error instanceof MalformedEvidenceError || error instanceof UsageError) return [];
    throw error;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw new UsageError('input.unreadable', `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(cause: unknown): string {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'it is a folder';
  if (code === 'EACCES') return 'permission denied';
  return cause instanceof Error ? cause.message : String(cause);
}
