/**
 * The store of unpacked images: `<store>/<short digest>/`, each with `root/` (read-only) and
 * `image.json` (which image, and the tree digest of its root). Every use measures the root again.
 *
 * The root gets the places that the sandbox mounts over, since nothing can be made in it later; they are
 * part of what is measured.
 *
 * @module
 */
import { mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { hex, object, oneOf, parseDocument, text } from '@vitrine/documents';
import { LockMismatchError } from '../../errors.ts';
import { stagingDirectory } from '../staging.ts';
import { removalCommand, removeTree, sealTree } from '../tree-copy.ts';
import { treeDigest } from '../tree-digest.ts';
import { applyLayer, directoryAt, type ImageBudget } from './apply-layer.ts';
import { type Image, type ImageConfig, layerContent, readImage } from './image-layout.ts';
import { readTar } from './tar-reader.ts';

export interface UnpackOptions {
  /** The image layout. */
  readonly directory: string;
  /** How to call it in errors. */
  readonly what: string;
  readonly store: string;
  /** In Node's name for it. */
  readonly architecture: string;
  readonly onProgress: (text: string) => void;
}

export interface UnpackedImage {
  readonly root: string;
  /** Of the image manifest for this platform. */
  readonly digest: string;
  readonly tree: string;
  readonly config: ImageConfig;
}

/** Tool servers with a language runtime come to some hundred megabytes. */
const MAX_BYTES = 8 * 2 ** 30;
const MAX_ENTRIES = 500_000;
/** What the sandbox mounts over; a file for the last. */
const MOUNT_POINTS: readonly string[] = ['proc', 'dev', 'tmp', 'data', 'run/vitrine', 'opt/vitrine'];
const PASSWD = ['etc', 'passwd'] as const;

const recordShape = object({ type: oneOf('vitrine/image/v1'), image: text(), tree: hex(48) });

/** @throws UsageError (`source.image`); LockMismatchError (`store.changed`). */
export async function unpackedImage(options: UnpackOptions): Promise<UnpackedImage> {
  const { directory, what, store, onProgress } = options;
  const image = await readImage(directory, options.architecture, what);
  const place = path.join(store, image.digest.slice('sha256:'.length).slice(0, 32));
  const present = await measuredRoot(place, image);
  const tree = present ?? (await unpack(options, image, place));
  if (present !== undefined) onProgress(`${what} is unpacked already, and measured again`);
  return { root: path.join(place, 'root'), digest: image.digest, tree, config: image.config };
}

async function unpack(
  { directory, what, store, onProgress }: UnpackOptions,
  image: Image,
  place: string,
): Promise<string> {
  onProgress(`unpacking and measuring ${what}, ${image.layers.length} layers`);
  const temporary = await stagingDirectory(store);
  try {
    const root = path.join(temporary, 'root');
    await mkdir(root, { mode: 0o755 });
    const budget: ImageBudget = { entries: MAX_ENTRIES, bytes: MAX_BYTES };
    for (const layer of image.layers) {
      const called = `${what}: layer ${layer.descriptor.digest}`;
      const content = layerContent(directory, layer, MAX_BYTES, what);
      await applyLayer(root, readTar(content, called), budget, called);
    }
    for (const point of MOUNT_POINTS) await directoryAt(root, point.split('/'), what);
    await makePasswd(root, what);
    await sealTree(root, 'any');
    const tree = await treeDigest(root, undefined, 'any');
    const record = { type: 'vitrine/image/v1', image: image.digest, tree };
    await writeFile(path.join(temporary, 'image.json'), `${JSON.stringify(record, null, 2)}\n`);
    try {
      await rename(temporary, place);
    } catch (cause) {
      // Another run was faster; what it unpacked is measured like anything else in the store.
      const other = await measuredRoot(place, image);
      if (other === undefined) throw cause;
      return other;
    }
    return tree;
  } finally {
    await removeTree(temporary);
  }
}

async function makePasswd(root: string, what: string): Promise<void> {
  const etc = await directoryAt(root, PASSWD.slice(0, 1), what);
  const place = path.join(etc, PASSWD[1]);
  await removeTree(place);
  await (await open(place, 'wx', 0o644)).close();
}

/** The tree digest of what is there, `undefined` where nothing is. */
async function measuredRoot(place: string, image: Image): Promise<string | undefined> {
  const file = path.join(place, 'image.json');
  const content = await readFile(file, 'utf8').catch(() => undefined);
  if (content === undefined) return undefined;
  const record = parseDocument(content, recordShape, file);
  const tree = await treeDigest(path.join(place, 'root'), undefined, 'any');
  if (record.image === image.digest && record.tree === tree) return tree;
  throw new LockMismatchError(
    'store.changed',
    `the unpacked image ${place} was changed after it was made: expected tree digest ${record.tree}, found ${tree}. ` +
      `To unpack it again, first remove it: ${removalCommand(place)}`,
  );
}
