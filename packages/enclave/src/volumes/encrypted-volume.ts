/**
 * A directory whose content reaches the disk encrypted, by gocryptfs.
 *
 * The master key goes in through standard input, and the parameters are fixed here: nothing that decides
 * how to decrypt is read from the volume, whose owner is the host. Names are encrypted in the same way in
 * every directory, so that no per-directory value has to be trusted either.
 *
 * What it leaks: how many files and directories there are, how they are nested, their sizes and times,
 * which equal names occur in several directories, and when they are used. What it cannot notice: a file
 * or a directory that was put back to an older state, removed, or exchanged with another of this volume.
 *
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { UsageError, VitrineError } from '@vitrine/documents';

export interface EncryptedVolumeOptions {
  /** Absolute path of gocryptfs. */
  readonly gocryptfs: string;
  /** Where the ciphertext is kept; made if need be. */
  readonly ciphertext: string;
  /** An empty directory to mount on; made if need be. */
  readonly mountPoint: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

export interface EncryptedVolume {
  /** Where the content can be read. */
  readonly directory: string;
  /** Resolves when it can no longer be read. Idempotent. */
  close(): Promise<void>;
}

/** AES-SIV authenticates each block with its place in its file; names without per-directory values. */
const PARAMETERS = ['-fg', '-nosyslog', '-aessiv', '-deterministic-names', '-masterkey=stdin'] as const;
const UNMOUNT = (mountPoint: string): [string, string[]] => ['fusermount3', ['-u', '-z', mountPoint]];
const STOP_MS = 4_000;
const READY = 'Filesystem mounted and ready';

/**
 * Mounts the volume.
 *
 * @throws UsageError for a mount point that is not empty; VitrineError with code `volume.failed`, with
 *   what gocryptfs said.
 */
export async function openEncryptedVolume(options: EncryptedVolumeOptions): Promise<EncryptedVolume> {
  const { gocryptfs, ciphertext, mountPoint, key } = options;
  if (key.length !== 32) throw new UsageError('volume.key', `a volume key has 32 bytes, not ${key.length}`);
  await mkdir(ciphertext, { recursive: true, mode: 0o700 });
  await mkdir(mountPoint, { recursive: true, mode: 0o700 });
  if ((await readdir(mountPoint)).length > 0) {
    throw new UsageError('volume.mount-point', `${mountPoint} is not empty, so nothing is mounted on it`);
  }
  const child = spawn(gocryptfs, [...PARAMETERS, ciphertext, mountPoint], {
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    // A Ctrl-C at the terminal must not take the volume away under a server that is still ending.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', (error) => {
      said += error.message;
      resolve();
    });
  });
  const mounted = new Promise<boolean>((resolve) => {
    const onText = (text: string): void => {
      if (said.length < 4096) said += text;
      if (said.includes(READY)) resolve(true);
    };
    child.stdout.setEncoding('utf8').on('data', onText);
    child.stderr.setEncoding('utf8').on('data', onText);
    void ended.then(() => resolve(false));
  });
  // Without this, a mount that nobody serves would outlive a process that ends without closing.
  const unmountNow = (): void => {
    spawnSync(...UNMOUNT(mountPoint), { stdio: 'ignore' });
  };
  process.once('exit', unmountNow);
  void ended.then(() => process.off('exit', unmountNow));
  child.stdin.on('error', () => undefined).end(`${Buffer.from(key).toString('hex')}\n`);
  if (!(await mounted))
    throw new VitrineError('volume.failed', `gocryptfs could not mount a volume: ${lastLine(said)}`);

  let closed: Promise<void> | undefined;
  async function close(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      // Lazily: something may still hold a file open, and gocryptfs ends when the last one lets go.
      await once(
        spawn(...UNMOUNT(mountPoint), { stdio: 'ignore' }).on('error', () => undefined),
        'close',
      );
      if (!(await endsWithin(ended, STOP_MS))) child.kill('SIGKILL');
      await ended;
    }
    await rmdir(mountPoint).catch(() => undefined);
  }
  return {
    directory: mountPoint,
    close() {
      closed ??= close();
      return closed;
    },
  };
}

async function endsWithin(ended: Promise<void>, ms: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<false>();
  const timer = setTimeout(resolve, ms, false);
  const result = await Promise.race([ended.then(() => true), promise]);
  clearTimeout(timer);
  return result;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? 'it said nothing';
}
