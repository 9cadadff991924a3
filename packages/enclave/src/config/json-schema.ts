/**
 * The JSON Schema of `vitrine.yaml`, for editors. `schema/vitrine.schema.json` is this text; a test says
 * when it is not, and how to write it again.
 *
 * @module
 */
import { configurationShape } from './configuration.ts';

/** The text of the schema file. */
export function configurationSchema(): string {
  const { schema } = configurationShape;
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'vitrine.yaml',
    description: 'What Vitrine runs inside, and where it listens.',
    ...(schema as object),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
