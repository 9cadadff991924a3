/**
 * What hosting asks for before anything is started: the simulator stays on this machine, since it protects nothing;
 * a real platform runs only what was decided beforehand, since its manifest is what others verify.
 *
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { type Manifest, needsAppRoot, UsageError, VitrineError } from '@vitrine/documents';
import { parseInitData } from '@vitrine/documents/launch';
import type { ReadConfiguration, Settings } from '@vitrine/enclave';
import type { PlatformChoice, PlatformName } from './choice.ts';

/** Asked first, since what else is wrong on a real platform is wrong in that file. @throws UsageError */
export function requireConfiguration(platform: PlatformName, read: ReadConfiguration | undefined): void {
  if (platform === 'simulator') return;
  if (process.platform !== 'linux') throw refusal(platform, `it is for Linux, and this is ${process.platform}`);
  if (read !== undefined) return;
  throw refusal(
    platform,
    'there is no vitrine.yaml here, and what runs has to be written down, since others verify it; "vitrine init" writes it, and --config names one elsewhere',
  );
}

/**
 * Something has to wrap what lasts, and a platform without a secret of its own does not say what.
 *
 * @param isNew - Whether this start has a root made or handed over.
 * @throws UsageError `platform.root`.
 */
export function requireRoot({ name, roots }: PlatformChoice, manifest: Manifest, isNew: boolean): void {
  if (!needsAppRoot(manifest)) return;
  if (roots.length === 0) {
    throw new UsageError(
      'platform.root',
      `--platform ${name} has no secret of its own to wrap the root of keys with; name one with --root: ${name === 'coco' ? 'kbs:URL#REPOSITORY/TYPE/TAG' : 'tpm'}, or ephemeral where nothing has to outlast this start`,
    );
  }
  if (isNew || !roots.some(({ kind }) => kind === 'ephemeral')) return;
  throw new UsageError(
    'platform.root',
    '--root ephemeral keeps no root from one start to the next, so every start with it makes a new one: say so with --genesis',
  );
}

/** What a pod was started with has to be here and readable, before the key service needs it. @throws UsageError `platform.init-data`. */
export function requireInitData({ initData }: PlatformChoice): void {
  if (initData === undefined) return;
  const refuse = (why: string): never => {
    throw new UsageError('platform.init-data', why);
  };
  let bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  try {
    bytes = Uint8Array.from(readFileSync(initData));
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    refuse(
      `--platform coco: the init-data that the pod was started with is not at ${initData} (${code}); mount it into the container, or name it with --init-data`,
    );
  }
  try {
    parseInitData(bytes);
  } catch (cause) {
    if (!(cause instanceof VitrineError)) throw cause;
    refuse(`${initData}: ${cause.message}`);
  }
}

/** @throws UsageError `platform.loopback`, `platform.configuration`. */
export function requireHostable(platform: PlatformName, settings: Settings, read: ReadConfiguration | undefined): void {
  if (platform === 'simulator') requireLoopback(settings.listen.host);
  else requireDecided(platform, settings, read);
}

function requireLoopback(hostName: string): void {
  const loopback =
    hostName === 'localhost' || hostName === '::1' || (isIP(hostName) === 4 && hostName.startsWith('127.'));
  if (loopback) return;
  throw new UsageError(
    'platform.loopback',
    `the simulator listens on loopback only, since it protects nothing: expected 127.0.0.1, ::1 or localhost, found ${JSON.stringify(hostName)}`,
  );
}

function requireDecided(platform: PlatformName, settings: Settings, read: ReadConfiguration | undefined): void {
  requireConfiguration(platform, read);
  if (read === undefined) return;
  if (settings.server.command !== undefined) {
    throw refusal(
      platform,
      'the code of a bare command is not measured; name the server by npm:, path:, oci: or module:',
    );
  }
  if (read.configuration.logs === undefined) {
    throw refusal(
      platform,
      `${read.file} has to say who sees what the server writes to stderr: add "logs: { child: drop }" for nobody, or "logs: { child: operator }" for you`,
    );
  }
  const lock = join(dirname(resolve(read.file)), 'vitrine.lock');
  if (settings.server.source?.startsWith('npm:') === true && !existsSync(lock)) {
    throw refusal(platform, `${lock} is missing, so nothing says which code it is; make it with "vitrine config show"`);
  }
}

function refusal(platform: PlatformName, why: string): UsageError {
  return new UsageError('platform.configuration', `--platform ${platform}: ${why}`);
}
