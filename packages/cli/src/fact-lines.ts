/**
 * What a document states, as lines for people: the same headings and words for `pins show` and `diff`.
 *
 * @module
 */
import type { Group, Rows } from '@vitrine/client';
import { clean, wrap } from './terminal.ts';

const HEADINGS: Readonly<Record<Group, string>> = {
  image: 'Image',
  packages: 'Packages',
  configuration: 'Arguments, environment and the rest of the configuration',
  egress: 'Egress',
  keys: 'Keys and their policy',
  tools: 'Tools',
  upgrade: 'Upgrade authority',
};

/** What a section is called where it has to be told from the others of its group. */
export const SECTION_NAMES = {
  release: 'the release',
  registers: 'registers',
  runtime: 'versions and sandbox',
  source: 'the source',
  packages: 'what is installed',
  digest: 'the manifest digest',
  configuration: 'the manifest',
  egress: 'egress',
  keys: 'keys',
  tools: 'tools',
  upgrade: 'upgrade authority',
} as const;
type SectionName = keyof typeof SECTION_NAMES;

const SECTIONS: Readonly<Record<Group, readonly SectionName[]>> = {
  image: ['registers', 'runtime'],
  packages: ['source', 'packages'],
  configuration: ['digest', 'configuration'],
  egress: ['egress'],
  keys: ['keys'],
  tools: ['tools'],
  upgrade: ['upgrade'],
};

export function groupHeading(group: Group): string {
  return HEADINGS[group];
}

/** The sections that are shown of one document, by group. */
export function sectionsOf(group: Group): readonly SectionName[] {
  return SECTIONS[group];
}

/** The rows of one section, or that it has none, or that nothing is stated. */
export function rowLines(section: SectionName, rows: Rows | undefined, width: number): readonly string[] {
  if (rows === undefined) return section === 'source' ? [] : [`  ${SECTION_NAMES[section]}: not stated`];
  const entries = Object.entries(rows);
  if (entries.length === 0) return ['  none declared'];
  return entries.map(([name, value]) => `  ${wrap(`${clean(name)}: ${clean(value)}`, width, '    ')}`);
}
