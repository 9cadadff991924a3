/**
 * What the key service has to be given to use its platform: devices and sockets, a way out, and whether it has to
 * stay root. Nobody else is given any of it.
 *
 * @module
 */
import type { AnchorTerms } from '@vitrine/documents';
import { COCO_GUEST, type PlatformChoice, SNP_DEVICE, TPM_DEVICE } from './choice.ts';
import { CONFIGFS_TSM, DSTACK_SOCKETS, RTMR_FOLDER } from './detect.ts';

export interface PlatformNeeds {
  /** Paths that are there: devices, sockets, folders of the kernel. */
  readonly devices: readonly string[];
  /** What it speaks with outside, over HTTP. */
  readonly urls: readonly string[];
  /** The TPM that it uses, for whatever. */
  readonly tpm?: string;
  /** Whether only root can use it: files of the kernel, and the socket of an agent, that are root's alone. */
  readonly root: boolean;
}

const CCEL_FOLDER = '/sys/firmware/acpi/tables';

/** @param anchor - As the manifest names it. */
export function platformNeeds(
  { name, device, initData, roots, formerRoots = [] }: PlatformChoice,
  anchor: AnchorTerms | undefined,
  exists: (path: string) => boolean,
): PlatformNeeds {
  const all = [...roots, ...formerRoots];
  const sealed = all.find(({ kind }) => kind === 'tpm');
  const ownTpm = name === 'tpm' ? (device ?? TPM_DEVICE) : undefined;
  const tpm =
    ownTpm ?? (sealed?.kind === 'tpm' ? sealed.device : undefined) ?? (anchor?.kind === 'tpm' ? TPM_DEVICE : undefined);
  const snp = all.find(({ kind }) => kind === 'snp');
  const agents = [
    ...(name === 'dstack' ? [device] : []),
    ...all.flatMap((one) => (one.kind === 'dstack' ? [one.agent] : [])),
  ].flatMap((agent) => agent ?? DSTACK_SOCKETS.find(exists) ?? []);
  const byConfigfs = name === 'tdx' || (name === 'sev-snp' && !exists(device ?? SNP_DEVICE));
  const wanted = [
    ...(byConfigfs ? [CONFIGFS_TSM, ...(name === 'tdx' ? [RTMR_FOLDER, CCEL_FOLDER] : [])] : []),
    ...(name === 'sev-snp' ? [device ?? SNP_DEVICE] : []),
    ...(snp?.kind === 'snp' ? [snp.device] : []),
    ...(tpm === undefined ? [] : [tpm]),
    ...agents,
    ...(initData === undefined ? [] : [initData]),
  ];
  return {
    devices: [...new Set(wanted)].filter(exists),
    urls: [
      ...(name === 'coco' ? [device ?? COCO_GUEST] : []),
      ...all.flatMap((one) => (one.kind === 'kbs' ? [one.url] : [])),
      ...(anchor?.kind === 'service' ? [anchor.url] : []),
    ].filter((url, at, every) => every.indexOf(url) === at),
    ...(tpm === undefined ? {} : { tpm }),
    root: byConfigfs || agents.length > 0,
  };
}
