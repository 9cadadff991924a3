/**
 * Where bubblewrap is, if it works on this machine.
 *
 * @module
 */
import { findExecutable } from '../source/find-executable.ts';
import { probeSandbox } from './probe.ts';

/** Its absolute path; `undefined` where there is none or it can make no sandbox. Never rejects. */
export async function usableBubblewrap(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | undefined> {
  const bubblewrap = findExecutable('bwrap', environment['PATH'] ?? '');
  const found = await probeSandbox({ bubblewrap, platform: process.platform, architecture: process.arch });
  return found.process === 'bwrap' ? bubblewrap : undefined;
}
