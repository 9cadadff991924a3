import { expect, test } from 'vitest';
import { configurationShape } from './configuration.ts';
import { configurationSchema } from './json-schema.ts';

type Json = Readonly<Record<string, unknown>>;

/** The value with every reference replaced by what it stands for. */
function expanded(value: unknown, definitions: Json): unknown {
  if (Array.isArray(value)) return value.map((one) => expanded(one, definitions));
  if (typeof value !== 'object' || value === null) return value;
  const { $ref } = value as { readonly $ref?: unknown };
  if (typeof $ref === 'string') {
    const name = $ref.replace('#/$defs/', '');
    if (!Object.hasOwn(definitions, name)) throw new Error(`nothing is called ${name}`);
    return expanded(definitions[name], definitions);
  }
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, expanded(one, definitions)]));
}

test('the schema says what the shape says, whatever stands under a name', () => {
  const { $schema: _dialect, title: _title, description: _what, $defs, ...root } = JSON.parse(configurationSchema());
  expect(Object.keys($defs).length).toBeGreaterThan(0);
  expect(expanded(root, $defs)).toEqual(configurationShape.schema);
});
