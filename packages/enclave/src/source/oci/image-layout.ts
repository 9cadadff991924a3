/**
 * Reads a container image from an OCI image layout: which image is for this platform, its configuration
 * and its layers. Nothing is used before its digest was found right, save the index, which says the first one.
 *
 * Specification: OCI image specification 1.1, "Image Layout", "Image Index", "Image Manifest" and
 * "Image Configuration"; also read are the media types of Docker's image manifest, version 2, schema 2.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readFile } from 'node:fs/promises';
import path from 'node:path';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { parseStrictJson, UsageError } from '@vitrine/documents';

/** What an image sets for its server. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

export interface Layer {
  readonly descriptor: Descriptor;
  /** Digest of the layer when it is unpacked. */
  readonly diffId: string;
}

export interface Image {
  /** Of the manifest for this platform. */
  readonly digest: string;
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const INDEX = /^application\/vnd\.(?:oci\.image\.index\.v1|docker\.distribution\.manifest\.list\.v2)\+json$/;
const MANIFEST = /^application\/vnd\.(?:oci\.image\.manifest\.v1|docker\.distribution\.manifest\.v2)\+json$/;
const LAYER =
  /^application\/vnd\.(?:oci\.image\.layer(?:\.nondistributable)?\.v1\.tar(?:\+(?<oci>gzip|zstd))?|docker\.image\.rootfs\.diff\.tar\.(?<docker>gzip))$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** Of an index, a manifest or a configuration. */
const MAX_JSON = 4 << 20;
const MAX_NESTING = 3;
const MAX_LAYERS = 256;

type Json = Readonly<Record<string, unknown>>;

/**
 * The image for Linux on `architecture`, in Node's name for it.
 *
 * @throws UsageError with code `source.image`.
 */
export async function readImage(directory: string, architecture: string, what: string): Promise<Image> {
  const index = await readFile(path.join(directory, 'index.json'), 'utf8').catch(() => {
    throw refused(what, `${directory} is not an OCI image layout: it has no readable index.json`);
  });
  const found = await manifestsOf(directory, parse(index, what, 'index.json'), architecture, what, 0);
  const [only, other] = [...new Map(found.map((one) => [one.digest, one])).values()];
  const platform = `linux/${ociArchitecture(architecture)}`;
  if (only === undefined) throw refused(what, `it holds no image for ${platform}`);
  if (other !== undefined) throw refused(what, `it holds several images for ${platform}; make a layout with one`);
  const manifest = await readJson(directory, only, what);
  const config = await readJson(directory, descriptor(manifest['config'], what), what);
  const isOurs = config['os'] === 'linux' && config['architecture'] === ociArchitecture(architecture);
  if (!isOurs)
    throw refused(what, `its image is for ${String(config['os'])}/${String(config['architecture'])}, not ${platform}`);
  const layers = list(manifest['layers'], what, 'layers').map((one) => descriptor(one, what));
  const rootfs = record(config['rootfs'], what, 'rootfs');
  const diffIds = list(rootfs['diff_ids'], what, 'diff_ids');
  if (layers.length === 0 || layers.length > MAX_LAYERS || layers.length !== diffIds.length) {
    throw refused(what, `it has ${layers.length} layers, and its configuration names ${diffIds.length}`);
  }
  return {
    digest: only.digest,
    config: configOf(
      config['config'] === undefined || config['config'] === null ? {} : record(config['config'], what, 'config'),
      what,
    ),
    layers: layers.map((one, at) => ({ descriptor: one, diffId: digestOf(diffIds[at], what) })),
  };
}

async function manifestsOf(
  directory: string,
  index: Json,
  architecture: string,
  what: string,
  depth: number,
): Promise<readonly Descriptor[]> {
  if (depth > MAX_NESTING) throw refused(what, 'its indexes are nested too deeply');
  const fitting: Descriptor[] = [];
  for (const entry of list(index['manifests'], what, 'manifests')) {
    const one = descriptor(entry, what);
    const platform = record(entry, what, 'a descriptor')['platform'];
    if (platform !== undefined) {
      const { os, architecture: found } = record(platform, what, 'platform');
      // Attestations are listed beside images, for a platform called unknown.
      if (os !== 'linux' || found !== ociArchitecture(architecture)) continue;
    }
    if (INDEX.test(one.mediaType)) {
      fitting.push(
        ...(await manifestsOf(directory, await readJson(directory, one, what), architecture, what, depth + 1)),
      );
    } else if (MANIFEST.test(one.mediaType)) fitting.push(one);
  }
  return fitting;
}

/** The layer's archive, unpacked; its end rejects where one of the two digests, or the size, is wrong. */
export async function* layerContent(
  directory: string,
  { descriptor: one, diffId }: Layer,
  maxBytes: number,
  what: string,
): AsyncGenerator<Uint8Array> {
  const type = LAYER.exec(one.mediaType);
  if (type === null) throw refused(what, `it has a layer of the unknown type ${JSON.stringify(one.mediaType)}`);
  const packed = createHash('sha256');
  const unpacked = createHash('sha256');
  const file = await blobFile(directory, one, what);
  const raw = createReadStream(file).on('data', (chunk) => packed.update(chunk));
  const kind = type.groups?.['oci'] ?? type.groups?.['docker'];
  const stream = kind === undefined ? raw : raw.pipe(kind === 'gzip' ? createGunzip() : createZstdDecompress());
  raw.on('error', (error) => stream.destroy(error));
  let left = maxBytes;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0) throw refused(what, 'holds more than an image may');
      unpacked.update(chunk);
      yield chunk;
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw refused(
      what,
      `its layer ${one.digest} cannot be unpacked: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  } finally {
    raw.destroy();
  }
  compare(one.digest, `sha256:${packed.digest('hex')}`, what);
  compare(diffId, `sha256:${unpacked.digest('hex')}`, what);
}

async function readJson(directory: string, one: Descriptor, what: string): Promise<Json> {
  if (one.size > MAX_JSON) throw refused(what, `${one.digest} is longer than ${MAX_JSON} bytes`);
  const bytes = await readFile(await blobFile(directory, one, what));
  compare(one.digest, `sha256:${createHash('sha256').update(bytes).digest('hex')}`, what);
  return parse(bytes.toString('utf8'), what, one.digest);
}

async function blobFile(directory: string, { digest, size }: Descriptor, what: string): Promise<string> {
  const file = path.join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined || !found.isFile()) throw refused(what, `the blob ${digest} is not in the layout`);
  if (found.size !== size) throw refused(what, `the blob ${digest} has ${found.size} bytes, expected ${size}`);
  return file;
}

function configOf(config: Json, what: string): ImageConfig {
  const texts = (name: string): readonly string[] => {
    const value = config[name] ?? [];
    if (!Array.isArray(value) || !value.every((one): one is string => typeof one === 'string')) {
      throw refused(what, `${name} of its configuration is not a list of texts`);
    }
    return value;
  };
  const environment = texts('Env').map((one): [string, string] => {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/s.exec(one) ?? [];
    if (name === undefined || value === undefined) throw refused(what, 'Env of its configuration is not NAME=value');
    return [name, value];
  });
  const workingDirectory =
    config['WorkingDir'] === undefined || config['WorkingDir'] === '' ? '/' : config['WorkingDir'];
  if (typeof workingDirectory !== 'string' || !path.posix.isAbsolute(workingDirectory)) {
    throw refused(what, 'WorkingDir of its configuration is not an absolute path');
  }
  return {
    entrypoint: texts('Entrypoint'),
    cmd: texts('Cmd'),
    environment: Object.fromEntries(environment),
    workingDirectory,
  };
}

function ociArchitecture(architecture: string): string {
  return architecture === 'x64' ? 'amd64' : architecture;
}

function descriptor(value: unknown, what: string): Descriptor {
  const { mediaType, digest, size } = record(value, what, 'a descriptor');
  if (typeof mediaType !== 'string') throw refused(what, 'a descriptor has no media type');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw refused(what, 'a descriptor has no size');
  return { mediaType, digest: digestOf(digest, what), size };
}

function digestOf(value: unknown, what: string): string {
  if (typeof value === 'string' && DIGEST.test(value)) return value;
  throw refused(what, `expected a digest sha256:<64 hexadecimal digits>, found ${JSON.stringify(value)}`);
}

function compare(expected: string, found: string, what: string): void {
  if (expected !== found)
    throw refused(what, `a blob is not what its digest says: expected ${expected}, found ${found}`);
}

function parse(text: string, what: string, name: string): Json {
  let value: unknown;
  try {
    value = parseStrictJson(text);
  } catch (cause) {
    throw refused(what, `${name} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  return record(value, what, name);
}

function record(value: unknown, what: string, name: string): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json;
  throw refused(what, `${name} is not an object`);
}

function list(value: unknown, what: string, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw refused(what, `${name} is not a list`);
}

function refused(what: string, why: string): UsageError {
  return new UsageError('source.image', `${what}: ${why}`);
}
