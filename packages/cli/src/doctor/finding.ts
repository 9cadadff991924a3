/**
 * What `vitrine doctor` says about one thing.
 *
 * @module
 */

/** Headings, in the order in which they are shown; only the first decides the exit code. */
export const GROUPS = ['Use servers', 'Host servers', 'Network', 'Hardware', 'Sandbox'] as const;
export type Group = (typeof GROUPS)[number];

/** `missing` is something that is not there and that nothing here needs; `problem` is something to be put right. */
export type Status = 'ok' | 'missing' | 'problem';

export interface Finding {
  /** Stable, such as `home.mode`. */
  readonly id: string;
  readonly group: Group;
  readonly status: Status;
  /** One sentence without a full stop. */
  readonly message: string;
  /** What to do, where something can be done. */
  readonly remedy?: string;
}

/** Makes the findings of one group. */
export function findingsOf(group: Group): {
  ok(id: string, message: string, remedy?: string): Finding;
  missing(id: string, message: string, remedy?: string): Finding;
  problem(id: string, message: string, remedy: string): Finding;
} {
  const make = (status: Status) => (id: string, message: string, remedy?: string) => ({
    id,
    group,
    status,
    message,
    ...(remedy === undefined ? {} : { remedy }),
  });
  return { ok: make('ok'), missing: make('missing'), problem: make('problem') };
}

/** Whether nothing that is needed for using servers is broken. */
export function isReady(findings: readonly Finding[]): boolean {
  return !findings.some(({ group, status }) => group === 'Use servers' && status === 'problem');
}
