/**
 * A change of the tool catalogue as people read it, before they decide whether they accept it.
 *
 * Everything here was said by a server: each line is cleaned. Where cleaning makes two different
 * texts look alike, the line says what hides in them.
 *
 * @module
 */
import type { JsonValue } from '@vitrine/documents';
import { visibleText } from '../clean-text.ts';
import { jsonChanges } from './json-changes.ts';
import type { PinnedCatalogue, PinnedTool } from './pinned-catalogue.ts';

/** Enough to see what it is about; all of it is in the JSON of the two catalogues. */
const MAX_LINES = 60;
const MAX_SHOWN = 600;
/** Unchanged characters that are shown before a change inside a long text. */
const CONTEXT = 30;

export interface ToolChange {
  readonly name: string;
  readonly kind: 'added' | 'removed' | 'changed';
  readonly before: PinnedTool | undefined;
  readonly after: PinnedTool | undefined;
}

/** Which tools differ, by name. */
export function toolChanges(
  before: Pick<PinnedCatalogue, 'tools'>,
  after: Pick<PinnedCatalogue, 'tools'>,
): readonly ToolChange[] {
  const names = [...new Set([...Object.keys(before.tools), ...Object.keys(after.tools)])].sort();
  return names.flatMap((name): readonly ToolChange[] => {
    const old = Object.hasOwn(before.tools, name) ? before.tools[name] : undefined;
    const next = Object.hasOwn(after.tools, name) ? after.tools[name] : undefined;
    if (old?.digest === next?.digest) return [];
    const kind = old === undefined ? 'added' : next === undefined ? 'removed' : 'changed';
    return [{ name, kind, before: old, after: next }];
  });
}

/** The changes, in lines of clean text. */
export function describeToolChanges(changes: readonly ToolChange[]): readonly string[] {
  const lines = changes.flatMap(describe);
  return lines.length <= MAX_LINES
    ? lines
    : [...lines.slice(0, MAX_LINES), `(${lines.length - MAX_LINES} more lines of changes)`];
}

function describe({ name, kind, before, after }: ToolChange): readonly string[] {
  const shown = JSON.stringify(visibleText(name));
  if (kind === 'removed') return [`tool ${shown} is gone`];
  if (kind === 'added') {
    const description = after?.definition?.['description'];
    return [
      `tool ${shown} is new`,
      ...(typeof description === 'string' ? [`  + description: ${quoted(description, 0)}`] : []),
    ];
  }
  if (before?.definition === undefined || after?.definition === undefined) {
    return [`tool ${shown} has changed; its definition was not kept, so how cannot be shown`];
  }
  const changes = jsonChanges(before.definition, after.definition);
  return [
    `tool ${shown} has changed`,
    ...changes.flatMap(({ path, before: old, after: next }) => {
      const from = commonStart(old, next);
      const [left, right] = [valueText(old, from), valueText(next, from)];
      const where = visibleText(path.slice(1).replaceAll('/', '.'));
      const hidden = left === right ? [`    (they differ in what is not drawn: ${hiddenIn(next)})`] : [];
      return [
        ...(old === undefined ? [] : [`  - ${where}: ${left}`]),
        ...(next === undefined ? [] : [`  + ${where}: ${right}`]),
        ...hidden,
      ];
    }),
  ];
}

function valueText(value: JsonValue | undefined, from: number): string {
  if (typeof value === 'string') return quoted(value, from);
  return value === undefined ? 'absent' : cut(visibleText(JSON.stringify(value)));
}

function quoted(text: string, from: number): string {
  const start = from > CONTEXT * 2 ? from - CONTEXT : 0;
  return `${start > 0 ? '…' : ''}${JSON.stringify(cut(visibleText(text.slice(start))))}`;
}

function cut(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}… (${text.length - MAX_SHOWN} more characters)`;
}

function commonStart(left: JsonValue | undefined, right: JsonValue | undefined): number {
  if (typeof left !== 'string' || typeof right !== 'string') return 0;
  let same = 0;
  while (same < left.length && same < right.length && left[same] === right[same]) same++;
  return same;
}

function hiddenIn(value: JsonValue | undefined): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? null);
  const codes = [...text]
    .filter((character) => visibleText(character) !== character || character === '\ufffd')
    .map((character) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`);
  return codes.length === 0
    ? 'characters that the pinned text had are gone, or the change is beyond what is shown'
    : [...new Set(codes)].slice(0, 12).join(' ');
}
