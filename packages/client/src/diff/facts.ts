/**
 * What a document states about a server, in sections that can be compared whatever document they
 * came from. A section that is absent is *not stated*, which is never the same as empty.
 *
 * @module
 */
import type { JsonValue, Manifest } from '@vitrine/documents';
import { COMPARED_REGISTERS, type TechnologyName } from '@vitrine/verifier';
import { digestsOf, type PinnedCatalogue } from '../catalogue/pinned-catalogue.ts';

/** How people ask: what image, which packages, how configured, what network, which keys, tools, who may change it. */
export const GROUPS = ['image', 'packages', 'configuration', 'egress', 'keys', 'tools', 'upgrade'] as const;
export type Group = (typeof GROUPS)[number];

/** Each section is stated as a whole or not at all. */
export const SECTIONS = {
  release: 'image',
  registers: 'image',
  runtime: 'image',
  source: 'packages',
  packages: 'packages',
  digest: 'configuration',
  configuration: 'configuration',
  egress: 'egress',
  keys: 'keys',
  tools: 'tools',
  upgrade: 'upgrade',
} as const satisfies Record<string, Group>;
export type Section = keyof typeof SECTIONS;

/** Values by name; text is JSON, so that `1` and `"1"` differ. */
export type Rows = Readonly<Record<string, string>>;
export type Facts = { readonly [S in Section]?: Rows };

/** Which section a member of the manifest belongs to, by the beginning of its path; any other is configuration. */
const MEMBERS: readonly (readonly [prefix: string, section: Section, shown: string])[] = [
  ['server.source.', 'packages', ''],
  ['server.', 'configuration', ''],
  ['runtime.', 'runtime', ''],
  ['sandbox', 'runtime', 'sandbox demanded'],
  ['egress', 'egress', 'egress'],
  ['keys', 'keys', 'keys'],
  ['credentials', 'keys', 'credentials'],
  ['signer', 'keys', 'signer'],
  ['upgrade', 'upgrade', 'upgrade'],
  ['number', 'configuration', 'manifest number'],
  ['name', 'configuration', 'manifest name'],
];

/**
 * The facts of a manifest: every member of it, also those that this table does not know, so that a
 * new member cannot change unseen. Egress, keys and upgrade policy are stated by their absence:
 * a manifest declares all that there is.
 */
export function manifestFacts(manifest: Manifest): Facts {
  const sections: Partial<Record<Section, Record<string, string>>> = {
    runtime: {},
    packages: {},
    configuration: {},
    egress: {},
    keys: {},
    upgrade: {},
  };
  for (const [path, value] of leaves(manifest as unknown as JsonValue, '')) {
    if (path === 'type') continue;
    const [prefix, section, shown] = MEMBERS.find(([start]) => path.startsWith(start)) ?? ['', 'configuration', ''];
    (sections[section as Section] as Record<string, string>)[`${shown}${path.slice(prefix.length)}`] = value;
  }
  return sections;
}

/** The paths of all values. A list of plain values is one value: its order and length are what counts. */
function leaves(value: JsonValue, path: string): readonly (readonly [string, string])[] {
  if (typeof value !== 'object' || value === null) return [[path, JSON.stringify(value)]];
  const plain = Array.isArray(value) && value.every((one) => typeof one !== 'object' || one === null);
  const entries: readonly (readonly [string, JsonValue])[] = Array.isArray(value)
    ? value.map((one: JsonValue, index) => [`[${index}]`, one] as const)
    : Object.entries(value).map(([name, one]) => [path === '' ? name : `.${name}`, one] as const);
  // An empty object states nothing of its own; the section that it is in is stated.
  if (plain) return [[path, JSON.stringify(value)]];
  return entries.flatMap(([step, one]) => leaves(one, `${path}${step}`));
}

/**
 * Registers of launch and run time, those that reference values can name; `undefined` where there
 * are none. Where reference values may leave one out because it is zero, zero counts as left out.
 */
export function registerFacts(
  technology: string,
  registers: Readonly<Record<string, string | undefined>>,
): Rows | undefined {
  if (!isTechnology(technology)) return undefined;
  const { order, zero } = COMPARED_REGISTERS[technology];
  const named = order.flatMap((name): [string, string][] => {
    const value = registers[name];
    return value === undefined || (zero.includes(name) && /^0*$/.test(value)) ? [] : [[`register ${name}`, value]];
  });
  return named.length === 0 ? undefined : { technology, ...Object.fromEntries(named) };
}

function isTechnology(name: string): name is TechnologyName {
  return Object.hasOwn(COMPARED_REGISTERS, name);
}

/** Registers beside the SHA-256 of the document that the platform launched the workload by, where there is one. */
export function withLaunch(rows: Rows | undefined, launch: string | undefined): Rows | undefined {
  return rows === undefined || launch === undefined ? rows : { ...rows, 'launch document': launch };
}

/** The tools of a pinned catalogue, by name. */
export function catalogueFacts(catalogue: PinnedCatalogue): Rows {
  return Object.fromEntries(digestsOf(catalogue).map(([name, digest]) => [`tool ${JSON.stringify(name)}`, digest]));
}

/** A section that is stated, or none. */
export function stated(section: Section, rows: Rows | undefined): Facts {
  return rows === undefined ? {} : { [section]: rows };
}
