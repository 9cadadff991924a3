/**
 * Writes an OCI image layout without any container tool: layers as plain tar archives, the image's
 * configuration, its manifest, and the index that names it.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** One entry of a layer. `type` is the letter of the tar format: 0 file, 1 hard link, 2 symbolic link, 5 directory. */
export interface LayerEntry {
  readonly name: string;
  readonly type?: string;
  readonly content?: Uint8Array;
  readonly executable?: boolean;
  readonly target?: string;
}

export interface ImageSettings {
  readonly layers: readonly (readonly LayerEntry[])[];
  /** As in the image specification: Entrypoint, Cmd, Env, WorkingDir. */
  readonly config: Readonly<Record<string, unknown>>;
  /** In Node's name for it. */
  readonly architecture: string;
  /** Whether layers are compressed. */
  readonly gzip?: boolean;
}

/** Writes the layout into `directory`; the digest of the image. */
export function writeImageLayout(directory: string, settings: ImageSettings): string {
  const { layers, config, gzip = false } = settings;
  mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
  const put = (mediaType: string, bytes: Uint8Array): Readonly<Record<string, unknown>> => {
    const digest = sha256(bytes);
    writeFileSync(join(directory, 'blobs', 'sha256', digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const json = (mediaType: string, value: unknown): Readonly<Record<string, unknown>> =>
    put(mediaType, Buffer.from(JSON.stringify(value)));

  const archives = layers.map(tar);
  const architecture = settings.architecture === 'x64' ? 'amd64' : settings.architecture;
  const platform = { os: 'linux', architecture };
  const diffIds = archives.map((archive) => `sha256:${sha256(archive)}`);
  const manifest = json('application/vnd.oci.image.manifest.v1+json', {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: json('application/vnd.oci.image.config.v1+json', {
      ...platform,
      config,
      rootfs: { type: 'layers', diff_ids: diffIds },
    }),
    layers: archives.map((archive) =>
      gzip
        ? put('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(archive))
        : put('application/vnd.oci.image.layer.v1.tar', archive),
    ),
  });
  writeFileSync(join(directory, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    join(directory, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, platform }] }),
  );
  return String(manifest['digest']);
}

/** A tar archive (POSIX ustar). */
export function tar(entries: readonly LayerEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryBytes), Buffer.alloc(1024)]);
}

function entryBytes({
  name,
  type = '0',
  content = new Uint8Array(0),
  executable = false,
  target = '',
}: LayerEntry): Buffer[] {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write(octal(executable || type === '5' ? 0o755 : 0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(content.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write(' '.repeat(8), 148);
  header.write(type, 156);
  header.write(target, 157, 100);
  header.write('ustar\0', 257);
  header.write('00', 263);
  header.write(
    octal(
      header.reduce((sum, byte) => sum + byte, 0),
      8,
    ),
    148,
  );
  return [header, Buffer.from(content), Buffer.alloc((512 - (content.length % 512)) % 512)];
}

function octal(value: number, length: number): string {
  return `${value.toString(8).padStart(length - 1, '0')}\0`;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
