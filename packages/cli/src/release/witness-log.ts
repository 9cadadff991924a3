/**
 * What a witness remembers: when it saw which release first, and how late it has been so far. Entries are added and
 * never changed, so no run can move a first sight. A clock that was set back is noticed: a first sight by it would be
 * too early, and its delay would seem to have passed when the clock is right again.
 *
 * The file is for publishing: it tells everybody what is going to be admitted. Whoever keeps it has to keep it
 * whole: without its entry, a release is seen anew, later.
 *
 * @module
 */
import { lstatSync } from 'node:fs';
import {
  formatUtc,
  hex,
  integer,
  list,
  object,
  oneOf,
  optional,
  parseDocument,
  parseUtc,
  type Release,
  releaseDigest,
  text,
  UsageError,
  utcTimeShape,
} from '@vitrine/documents';
import { readText } from '../inputs.ts';
import { replaceWhole } from './release-file.ts';

/** A machine whose clock was reset begins long before it. */
const EARLIEST = '2026-01-01T00:00:00Z';
const named = object({ manifest: hex(48), number: integer(1) });
const logShape = object({
  type: oneOf('vitrine/witness-log/v1'),
  /** The public key of the witness. */
  witness: hex(32),
  /** The latest time at which it has said anything. */
  latest: optional(utcTimeShape),
  seen: list(object({ release: hex(48), name: text(), from: named, to: named, firstSeen: utcTimeShape }), 0),
});

export interface Sight {
  readonly witness: string;
  readonly release: Release;
  /** Seconds since 1970. */
  readonly now: number;
  /** Throws where the release must not be noted; asked at the first sight only. */
  readonly admit: () => void;
}

/**
 * The first sight of a release, noted now where there was none. It is on the disk before this resolves.
 *
 * @throws UsageError `release.log` for a file that is no log of this witness; `release.clock` where the clock was
 *   set back; `file.busy` where another process has the log.
 */
export async function firstSightOf(file: string, sight: Sight): Promise<{ readonly firstSeen: string }> {
  const { exclusively } = await import('@vitrine/keys');
  const { name, from, to } = sight.release;
  const digest = await releaseDigest(sight.release);
  return exclusively(`${file}.lock`, async () => {
    const { seen, latest } = readLog(file, sight.witness);
    if (formatUtc(sight.now) < EARLIEST) throw clockError(sight.now, 'no release is that old');
    for (const last of [latest, seen.at(-1)?.firstSeen]) {
      if (last === undefined || sight.now >= (parseUtc(last) ?? Number.NaN)) continue;
      throw clockError(sight.now, `${file} has noted ${last} before`);
    }
    const known = seen.find(({ release }) => release === digest);
    if (known === undefined) sight.admit();
    const now = formatUtc(sight.now);
    const entry = {
      release: digest,
      name,
      from: { manifest: from.manifest, number: from.number },
      to: { manifest: to.manifest, number: to.number },
      firstSeen: now,
    };
    const log = {
      type: 'vitrine/witness-log/v1',
      witness: sight.witness,
      latest: now,
      seen: known === undefined ? [...seen, entry] : seen,
    };
    try {
      replaceWhole(file, `${JSON.stringify(log, null, 2)}\n`);
    } catch (cause) {
      throw logError(file, `it cannot be written (${(cause as NodeJS.ErrnoException).code ?? String(cause)})`, cause);
    }
    return { firstSeen: known?.firstSeen ?? now };
  });
}

/** Whether the log has the release. */
export async function isNoted(file: string, witness: string, release: Release): Promise<boolean> {
  const digest = await releaseDigest(release);
  return readLog(file, witness).seen.some((entry) => entry.release === digest);
}

export function clockError(now: number, why: string): UsageError {
  return new UsageError('release.clock', `the clock here says ${formatUtc(now)}, and ${why}; set it right`);
}

function readLog(
  file: string,
  witness: string,
): { readonly seen: readonly LogEntry[]; readonly latest?: string | undefined } {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return { seen: [] };
  if (!found.isFile()) throw logError(file, 'it is not an ordinary file');
  const log = parseDocument(readText(file), logShape, file);
  if (log.witness !== witness) throw logError(file, `it is the log of the witness ${log.witness}, not of ${witness}`);
  const times = log.seen.map(({ firstSeen }) => parseUtc(firstSeen) ?? Number.NaN);
  if (times.some((time, index) => time < (times[index - 1] ?? time)))
    throw logError(file, 'its times are not in order');
  if (new Set(log.seen.map(({ release }) => release)).size !== log.seen.length) {
    throw logError(file, 'it has one release twice');
  }
  return log;
}

type LogEntry = { readonly release: string; readonly firstSeen: string };

function logError(file: string, why: string, cause?: unknown): UsageError {
  return new UsageError('release.log', `the log ${file} cannot be used: ${why}; restore it, or name another one`, {
    cause,
  });
}
