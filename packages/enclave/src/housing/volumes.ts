/**
 * The encrypted volumes of principals: each is open as long as a server of its principal runs.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import { type EncryptedVolume, openEncryptedVolume } from '../volumes/encrypted-volume.ts';

export interface VolumesOptions {
  /** Absolute path of gocryptfs. */
  readonly gocryptfs: string;
  /** Where ciphertext is kept. */
  readonly directory: string;
  /** Where volumes are mounted, for this process alone. */
  readonly mounts: string;
  /** The 32 bytes for a volume, the same at every call. */
  readonly volumeKey: (volume: string) => Promise<Uint8Array>;
}

export interface Volumes {
  /** Opens the principal's volume, or shares it where it is open. */
  open(principal: string): Promise<SharedVolume>;
  /** Closes all, whoever still uses them. */
  close(): Promise<void>;
}

interface SharedVolume {
  readonly directory: string;
  /** The last one to release it closes it. */
  release(): Promise<void>;
}

interface Open {
  readonly volume: Promise<EncryptedVolume>;
  users: number;
}

export function createVolumes({ gocryptfs, directory, mounts, volumeKey }: VolumesOptions): Volumes {
  const open = new Map<string, Open>();
  /** Closing and opening the same volume must not overlap. */
  const closing = new Map<string, Promise<void>>();

  async function mount(name: string): Promise<EncryptedVolume> {
    await closing.get(name);
    return openEncryptedVolume({
      gocryptfs,
      ciphertext: path.join(directory, name),
      mountPoint: path.join(mounts, name),
      key: await volumeKey(name),
    });
  }

  async function release(name: string, one: Open): Promise<void> {
    one.users -= 1;
    if (one.users > 0 || open.get(name) !== one) return;
    open.delete(name);
    const closed = one.volume.then((volume) => volume.close());
    closing.set(name, closed);
    await closed;
    if (closing.get(name) === closed) closing.delete(name);
  }

  return {
    async open(principal) {
      const name = createHash('sha256').update(principal).digest('hex').slice(0, 32);
      const one = open.get(name) ?? { volume: mount(name), users: 0 };
      open.set(name, one);
      one.users += 1;
      try {
        const { directory: mounted } = await one.volume;
        let released: Promise<void> | undefined;
        return {
          directory: mounted,
          release() {
            released ??= release(name, one);
            return released;
          },
        };
      } catch (error) {
        if (open.get(name) === one) open.delete(name);
        throw error;
      }
    },
    async close() {
      const all = [...open.values()];
      open.clear();
      await Promise.all(
        all.map(({ volume }) =>
          volume.then(
            (one) => one.close(),
            () => undefined,
          ),
        ),
      );
      await Promise.all(closing.values());
    },
  };
}
