/**
 * What a deny-list says, as lines for people.
 *
 * @module
 */
import type { DeniedEntry, DenyList } from '@vitrine/documents';
import { clean, wrap } from './terminal.ts';

/** Everything that is denied, under two headings. */
export function listLines({ denied, minimum }: Pick<DenyList, 'denied' | 'minimum'>, width: number): readonly string[] {
  return [
    'Denied',
    ...(denied.length === 0 ? ['  nothing'] : denied.map((entry) => entryLine(deniedText(entry), width))),
    'Least numbers',
    ...(minimum.length === 0 ? ['  none'] : minimum.map((entry) => entryLine(minimumText(entry), width))),
  ];
}

/** Indented, and broken where it is wider than the terminal. */
export function entryLine(text: string, width: number): string {
  return `  ${wrap(clean(text), width, '    ')}`;
}

export function deniedText(entry: DeniedEntry): string {
  const reason = entry.reason === undefined ? '' : ` (${entry.reason})`;
  if ('manifest' in entry) return `manifest ${entry.manifest}${reason}`;
  if ('application' in entry) return `${entry.application} below number ${entry.below}${reason}`;
  const values = Object.entries(entry.registers).map(([name, value]) => `${name} ${value}`);
  return `${entry.technology} with ${values.join(', ')}${reason}`;
}

export function minimumText({ application, number }: DenyList['minimum'][number]): string {
  return `${application}: number ${number} or later`;
}
