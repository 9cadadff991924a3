/**
 * Endorsements as people keep them in files: an endorsements document, or DCAP collateral in the
 * JSON shape that is common among DCAP verifiers.
 *
 * @module
 */
import {
  type DcapCollateral,
  dcapCollateralShape,
  endorsementsShape,
  MalformedEvidenceError,
  parseStrictJson,
  type Shape,
  showPath,
} from '@vitrine/documents';

/**
 * Reads endorsements from `text`. Nothing in them is trusted yet.
 *
 * @throws MalformedEvidenceError (check `endorsements.format`): endorsements come from elsewhere, like evidence.
 */
export function parseEndorsements(text: string, name: string): readonly DcapCollateral[] {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (cause) {
    throw malformed(name, cause instanceof Error ? cause.message : 'not JSON', cause);
  }
  if (typeof value === 'object' && value !== null && 'type' in value) return read(value, endorsementsShape, name).dcap;
  return [read(value, dcapCollateralShape, name)];
}

function read<T>(value: unknown, shape: Shape<T>, name: string): T {
  const parsed = shape.parse(value);
  if (parsed.ok) return parsed.value;
  const issue = parsed.issues[0];
  throw malformed(name, issue === undefined ? 'malformed' : `${showPath(issue.path)} ${issue.message}`.trim());
}

function malformed(name: string, why: string, cause?: unknown): MalformedEvidenceError {
  return new MalformedEvidenceError(
    'endorsements.format',
    `${name} holds no endorsements that can be used: ${why}`,
    cause === undefined ? undefined : { cause },
  );
}
