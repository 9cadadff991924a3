/**
 * Reads and changes the user's pins.json. A damaged file is an error and is never overwritten:
 * guessing here would mean trusting a server that the user may have refused.
 *
 * @module
 */
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseDocument, UsageError } from '@vitrine/documents';
import { atomicWrite } from './atomic-write.ts';
import { withLock } from './file-lock.ts';
import { type Pin, type PinsDocument, pinsShape } from './pins-document.ts';

const LOCK_WAIT_MS = 5_000;
const NONE: PinsDocument = { type: 'vitrine/pins/v1', pins: {} };

/** The pins file in a Vitrine home directory. */
export function pinsFile(home: string): string {
  return join(home, 'pins.json');
}

/**
 * The pins in `file`; none if there is no file.
 *
 * @throws UsageError for a file that cannot be read or is not a pins document.
 */
export async function readPins(file: string): Promise<PinsDocument> {
  let content: string;
  try {
    content = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return NONE;
    throw new UsageError('pins.unreadable', `cannot read the pins file ${file}: ${(cause as Error).message}`, {
      cause,
    });
  }
  try {
    return parseDocument(content, pinsShape, file);
  } catch (cause) {
    if (!(cause instanceof UsageError)) throw cause;
    throw new UsageError(
      'pins.damaged',
      `the pins file is damaged, so no server is trusted and nothing was changed. Repair it or move it away.\n${cause.message}`,
      { cause },
    );
  }
}

/** The pin of a normalised URL. */
export async function findPin(file: string, url: string): Promise<Pin | undefined> {
  const { pins } = await readPins(file);
  return Object.hasOwn(pins, url) ? pins[url] : undefined;
}

/** Sets the pin of a normalised URL and keeps all others, under a lock. */
export async function writePin(file: string, url: string, pin: Pin): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await withLock(`${file}.lock`, { waitMs: LOCK_WAIT_MS }, async () => {
    const { type, pins } = await readPins(file);
    const next: PinsDocument = { type, pins: { ...pins, [url]: pin } };
    const checked = pinsShape.parse(next);
    if (!checked.ok) throw new UsageError('pins.shape', `cannot pin ${url}: ${checked.issues[0]?.message}`);
    await atomicWrite(file, `${JSON.stringify(next, undefined, 2)}\n`, 0o600);
  });
}
