/**
 * The files by which a kernel speaks with a TEE, such as configfs. They are no ordinary files: what was written
 * takes effect when the descriptor is closed, a read may be short, and a write may be refused by errno. A plain
 * folder cannot stand for them, so the emulator of a machine implements this interface, and the real one does it
 * with `node:fs`.
 *
 * A failed call rejects with an error that has the `code` of the errno, such as `EBUSY`.
 *
 * @module
 */

export interface DeviceFiles {
  exists(path: string): Promise<boolean>;
  list(path: string): Promise<readonly string[]>;
  makeDirectory(path: string): Promise<void>;
  removeDirectory(path: string): Promise<void>;
  /** Opens, writes all of it at offset 0 in one call, closes. A short write rejects. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** Opens, reads to the end in as many calls as it takes, closes. @param limit - More bytes than that reject. */
  read(path: string, limit: number): Promise<Uint8Array<ArrayBuffer>>;
}
