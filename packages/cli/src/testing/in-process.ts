/**
 * Runs the command line inside the test's own process, with a state directory and a current directory of
 * its own. For commands that end by themselves.
 *
 * @module
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { runCommandLine } from '../command-line.ts';

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Place {
  /** Current directory. */
  readonly directory: string;
  /** VITRINE_HOME. */
  readonly home: string;
  run(...args: readonly string[]): Promise<Ended>;
}

/** A fresh place, until the end of the test. `environment` is set for what runs there. */
export function freshPlace(environment: Readonly<Record<string, string | undefined>> = {}): Place {
  const base = mkdtempSync(join(tmpdir(), 'vitrine-cli-'));
  const before = process.cwd();
  const set = {
    ...environment,
    VITRINE_HOME: join(base, 'home'),
    HOME: base,
    XDG_CONFIG_HOME: join(base, '.config'),
    APPDATA: join(base, 'AppData'),
    NO_COLOR: '1',
  };
  for (const [name, value] of Object.entries(set)) vi.stubEnv(name, value);
  process.chdir(base);
  onTestFinished(() => {
    process.chdir(before);
    vi.unstubAllEnvs();
    rmSync(base, { recursive: true, force: true });
  });
  return {
    // As the operating system calls it: on macOS the directory for temporary files is behind a link.
    directory: process.cwd(),
    home: join(base, 'home'),
    run: async (...args) => {
      const out = captured(process.stdout);
      const err = captured(process.stderr);
      try {
        return { code: await runCommandLine(args), stdout: out.text(), stderr: err.text() };
      } finally {
        out.release();
        err.release();
      }
    },
  };
}

function captured(stream: NodeJS.WriteStream): { text(): string; release(): void } {
  let text = '';
  const spy = vi.spyOn(stream, 'write').mockImplementation((chunk: string | Uint8Array) => {
    text += typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk);
    return true;
  });
  return { text: () => text, release: () => spy.mockRestore() };
}
