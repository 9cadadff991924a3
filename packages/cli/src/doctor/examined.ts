/**
 * The machine that `vitrine doctor` examines, as far as it is looked at. No network, and nothing is changed.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import type { Machine } from '@vitrine/client';

interface FileFacts {
  /** Permission bits; 0 on Windows, which has no such thing. */
  readonly mode: number;
  readonly modified: Date;
  readonly directory: boolean;
}

/** Platform, environment and folders, and how to look at files and programs. */
export interface Examined extends Machine {
  readonly nodeVersion: string;
  readonly execPath: string;
  readonly now: Date;
  /** The user's number; `undefined` where users have none, as on Windows. */
  readonly uid: number | undefined;
  exists(path: string): boolean;
  /** `undefined` for what is not there or cannot be looked at. */
  facts(path: string): FileFacts | undefined;
  /** Text of a small file; `undefined` where it cannot be read. */
  read(path: string): string | undefined;
  writable(path: string): boolean;
  /** Runs a program to its end; its exit code, or `undefined` when it could not be run in time. */
  exitCode(program: string, args: readonly string[]): number | undefined;
}

const PROGRAM_LIMIT_MS = 10_000;

/** This machine. */
export function thisMachine(): Examined {
  return {
    env: process.env,
    platform: process.platform,
    homedir: homedir(),
    directory: process.cwd(),
    nodeVersion: process.versions.node,
    execPath: process.execPath,
    now: new Date(),
    uid: process.getuid?.(),
    exists: existsSync,
    facts: (path) => {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found === undefined) return undefined;
      const mode = process.platform === 'win32' ? 0 : found.mode & 0o777;
      return { mode, modified: found.mtime, directory: found.isDirectory() };
    },
    read: (path) => {
      try {
        return readFileSync(path, 'utf8');
      } catch {
        return undefined;
      }
    },
    writable: (path) => {
      try {
        accessSync(path, constants.W_OK);
        return true;
      } catch {
        return false;
      }
    },
    exitCode: (program, args) =>
      spawnSync(program, args, { stdio: 'ignore', timeout: PROGRAM_LIMIT_MS, windowsHide: true }).status ?? undefined,
  };
}
