/**
 * What hosting asks for before anything is started: the simulator stays on this machine, since it protects nothing;
 * a real platform runs only what was decided beforehand, since its manifest is what others verify.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { UsageError } from '@vitrine/documents';
import type { ReadConfiguration, Settings } from '@vitrine/enclave';
import type { PlatformName } from './choice.ts';

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
  const refusal = (why: string): UsageError =>
    new UsageError('platform.configuration', `--platform ${platform}: ${why}`);
  if (process.platform !== 'linux') throw refusal(`it is for Linux, and this is ${process.platform}`);
  if (read === undefined) {
    throw refusal('what runs has to be written down, since others verify it: write it with "vitrine init"');
  }
  if (settings.server.command !== undefined) {
    throw refusal('the code of a bare command is not measured; name the server by npm:, path:, oci: or module:');
  }
  if (read.configuration.logs === undefined) {
    throw refusal(
      `${read.file} has to say who sees what the server writes: "logs: { child: drop }" for nobody, or operator`,
    );
  }
  const lock = join(dirname(resolve(read.file)), 'vitrine.lock');
  if (settings.server.source?.startsWith('npm:') === true && !existsSync(lock)) {
    throw refusal(`${lock} is missing, so nothing says which code it is; make it with "vitrine config show"`);
  }
}
