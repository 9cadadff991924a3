/**
 * What is at hand inside the key service when a platform is put together.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleepFor } from 'node:timers/promises';
import {
  type CocoGuest,
  cocoGuest,
  findDstackSocket,
  type SevGuest,
  type TpmTransport,
  type UrlEndpoint,
} from '@vitrine/attester';
import { type Manifest, VitrineError } from '@vitrine/documents';
import { COCO_GUEST } from './choice.ts';
import type { Devices } from './devices.ts';
import type { KeydArguments } from './keyd-arguments.ts';

export interface Opened {
  readonly tpm?: TpmTransport;
  readonly guest?: SevGuest;
}

export interface Inside {
  readonly given: KeydArguments;
  readonly devices: Devices;
  readonly opened: Opened;
  readonly manifestDigest: string;
  readonly manifest: Manifest;
}

/** Where dstack's agent listens. @throws VitrineError where it is nowhere. */
export function agentSocket(given: string | undefined): string {
  const found = given ?? findDstackSocket();
  if (found !== undefined) return found;
  throw new VitrineError('attester.unavailable', 'no socket of the dstack guest agent is here; name it with --device');
}

/** The way to a URL, through the relay where there is one. */
export function wayOut({ given: { waysOut } }: Inside, url: string): UrlEndpoint {
  const socketPath = waysOut[url];
  return { kind: 'url', url, ...(socketPath === undefined ? {} : { socketPath }) };
}

export function openCocoGuest(inside: Inside): CocoGuest {
  return cocoGuest(wayOut(inside, inside.given.platform.device ?? COCO_GUEST));
}

export const monotonic = (): number => performance.now();

export const clocks = {
  sleep: async (milliseconds: number): Promise<void> => sleepFor(milliseconds),
  monotonic,
  randomBytes: (length: number): Uint8Array => Uint8Array.from(randomBytes(length)),
};
