/**
 * Presets and policy files, both expanded to a complete {@link AppraisalPolicy}.
 *
 * @module
 */
import { type JsonValue, parseDocument, parseJsonFile, showPath, UsageError } from '@vitrine/documents/evidence';
import { type AppraisalPolicy, appraisalPolicyShape } from './policy.ts';
import defaultPreset from './presets/default.json' with { type: 'json' };
import hardwareOnlyPreset from './presets/hardware-only.json' with { type: 'json' };
import strictPreset from './presets/strict.json' with { type: 'json' };
import { checkTdxPolicy } from './tdx/policy.ts';

export type PresetName = 'strict' | 'default' | 'hardware-only';

/** The shipped policies. `default` and `strict` judge the workload too; `hardware-only` does not. */
export const presets: Readonly<Record<PresetName, AppraisalPolicy>> = {
  strict: expanded('strict', strictPreset),
  default: expanded('default', defaultPreset),
  'hardware-only': expanded('hardware-only', hardwareOnlyPreset),
};

/**
 * Reads a policy file and expands it: fields that the file does not name come from the preset in
 * `extends`; without `extends` every field must be there.
 *
 * @throws UsageError with the place of each mistake.
 */
export function parsePolicy(text: string, fileName: string): AppraisalPolicy {
  const file = parseJsonFile(text, fileName);
  if (!isObject(file)) throw new UsageError('policy.shape', `${fileName}: expected an object`);
  const { extends: parent, ...overrides } = file;
  if (file['type'] === undefined)
    throw new UsageError('policy.shape', `${fileName}: missing field "type"; expected "${presets.default.type}"`);
  if (parent === undefined) return checked(parseDocument(text, appraisalPolicyShape, fileName), fileName);
  const names = Object.keys(presets);
  if (typeof parent !== 'string' || !names.includes(parent)) {
    throw new UsageError(
      'policy.extends',
      `${fileName}: extends: expected one of ${names.join(', ')}, found ${JSON.stringify(parent)}`,
    );
  }
  const base = presets[parent as PresetName];
  return checked(
    parseDocument(JSON.stringify(merge(base, overrides, fileName, [])), appraisalPolicyShape, fileName),
    fileName,
  );
}

/** Rules between fields that a shape cannot say. */
function checked(policy: AppraisalPolicy, fileName: string): AppraisalPolicy {
  const issues = checkTdxPolicy(policy.tdx);
  if (issues.length === 0) return policy;
  const lines = issues.map(({ path, message }) => `  ${showPath(['tdx', ...path])}: ${message}`);
  throw new UsageError('policy.registers', `${fileName} is not valid:\n${lines.join('\n')}`);
}

/** Overrides replace fields, object by object; a list replaces a list as a whole. */
function merge(base: object, overrides: object, fileName: string, path: readonly string[]): object {
  const merged: Record<string, unknown> = { ...base };
  for (const [name, value] of Object.entries(overrides)) {
    const old = merged[name];
    if (isObject(old) && isObject(value)) {
      if (Object.keys(value).length === 0) {
        throw new UsageError(
          'policy.empty',
          `${fileName}: ${[...path, name].join('.')}: an empty object changes nothing; write what you want or leave it out`,
        );
      }
      merged[name] = merge(old, value, fileName, [...path, name]);
    } else {
      merged[name] = value;
    }
  }
  return merged;
}

/** All of it, so that what a preset says and its digest stay the same for everybody who uses it. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) Object.values(value).forEach(frozen);
  return Object.freeze(value);
}

function expanded(name: PresetName, preset: JsonValue): AppraisalPolicy {
  const parsed = appraisalPolicyShape.parse(preset);
  if (parsed.ok) return frozen(parsed.value);
  throw new Error(`preset ${name}: ${parsed.issues[0]?.message ?? 'malformed'}`);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
