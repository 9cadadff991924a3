/**
 * The JSON Schema of `vitrine.yaml`, for editors. `schema/vitrine.schema.json` is this text; a test says
 * when it is not, and how to write it again.
 *
 * What occurs in several places stands once, under `$defs`: policies of keys alone would fill thousands of
 * lines otherwise.
 *
 * Specification: JSON Schema, draft 2020-12.
 *
 * @module
 */
import { configurationShape } from './configuration.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Shorter ones are easier to read where they are used. */
const WORTH_A_NAME = 300;

/** The text of the schema file. */
export function configurationSchema(): string {
  const { root, definitions } = withDefinitions(configurationShape.schema as Schema);
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'vitrine.yaml',
    description: 'What Vitrine runs inside, and where it listens.',
    ...root,
    $defs: definitions,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The same schema with references in place of what it repeats. */
function withDefinitions(schema: Schema): { readonly root: Schema; readonly definitions: Schema } {
  const uses = new Map<string, number>();
  const names = new Map<string, string>();
  const definitions: Record<string, unknown> = {};

  function count(one: Schema): void {
    const text = JSON.stringify(one);
    const before = uses.get(text) ?? 0;
    uses.set(text, before + 1);
    // What is in it is repeated by being in it, and counts once.
    if (before > 0) return;
    inPlace(one, (inner) => {
      count(inner);
      return inner;
    });
  }

  function refer(one: Schema): Schema {
    const text = JSON.stringify(one);
    if (text.length < WORTH_A_NAME || (uses.get(text) ?? 0) < 2) return inPlace(one, refer);
    const known = names.get(text);
    if (known !== undefined) return { $ref: `#/$defs/${known}` };
    const name = `part${names.size + 1}`;
    names.set(text, name);
    definitions[name] = {};
    definitions[name] = inPlace(one, refer);
    return { $ref: `#/$defs/${name}` };
  }

  count(schema);
  return { root: inPlace(schema, refer), definitions };
}

/** `schema` with each schema directly in it replaced. */
function inPlace(schema: Schema, replace: (inner: Schema) => Schema): Schema {
  return Object.fromEntries(
    Object.entries(schema).map(([keyword, value]) => {
      if (keyword === 'properties' || keyword === 'patternProperties') {
        const members = Object.entries(value as Readonly<Record<string, Schema>>);
        return [keyword, Object.fromEntries(members.map(([name, one]) => [name, replace(one)]))];
      }
      if (keyword === 'items') return [keyword, replace(value as Schema)];
      if (keyword === 'oneOf' || keyword === 'anyOf') return [keyword, (value as readonly Schema[]).map(replace)];
      return [keyword, value];
    }),
  );
}
