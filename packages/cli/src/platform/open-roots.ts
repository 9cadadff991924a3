/**
 * The secrets that wrap the application root, as `--root` names them.
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import {
  dstackAgent,
  dstackEndpoint,
  dstackRootSecret,
  kbsRootSecret,
  type RootSecretSource,
  snpDerivedKeySource,
  tpmRootSecret,
} from '@vitrine/attester';
import { UsageError } from '@vitrine/documents';
import { parseInitData } from '@vitrine/documents/launch';
import { openSimulator } from '@vitrine/simulator';
import { VERSION } from '../version.ts';
import type { RootChoice } from './choice.ts';
import { ephemeralRootSecret } from './ephemeral-root.ts';
import { agentSocket, clocks, type Inside, openCocoGuest, wayOut } from './inside.ts';

/**
 * @param newSecrets - Whether a source may make its secret where there is none.
 * @throws VitrineError for a source that is not here.
 */
export function openRoots(
  inside: Inside,
  roots: readonly RootChoice[],
  newSecrets: boolean,
): Promise<RootSecretSource[]> {
  return Promise.all(roots.map((root) => openRoot(inside, root, newSecrets)));
}

async function openRoot(inside: Inside, root: RootChoice, newSecrets: boolean): Promise<RootSecretSource> {
  const { given, opened, manifest } = inside;
  switch (root.kind) {
    case 'simulator': {
      const simulator = await openSimulator({ directory: given.simulator, now: () => new Date(), release: VERSION });
      return simulator.rootSecret();
    }
    case 'ephemeral':
      return ephemeralRootSecret(clocks.randomBytes);
    case 'snp': {
      if (opened.guest === undefined) throw new TypeError('the device of SNP was not opened');
      return snpDerivedKeySource(opened.guest);
    }
    case 'tpm': {
      if (opened.tpm === undefined) throw new TypeError('the TPM was not opened');
      return tpmRootSecret({
        transport: opened.tpm,
        directory: given.directory,
        pcrs: SEALED_TO,
        create: newSecrets,
      });
    }
    case 'dstack':
      return dstackRootSecret(dstackAgent(dstackEndpoint(agentSocket(root.agent))), manifest.name);
    case 'kbs': {
      if (given.platform.name !== 'coco') {
        throw new UsageError(
          'platform.root',
          '--root kbs: the key broker asks for evidence of a CoCo guest; use --platform coco',
        );
      }
      const guest = openCocoGuest(inside);
      const { tee } = await guest.info();
      const initData = await readFile(given.platform.initData ?? '', 'utf8');
      return kbsRootSecret({
        kbs: { ...wayOut(inside, root.url), ...authorityOf(initData, root.url) },
        initData,
        guest,
        tee: tee ?? '',
        resource: root.resource,
        ...clocks,
      });
    }
  }
}

/** The broker's own certificate authority, where the document that the pod was started with names one. */
function authorityOf(initData: string, url: string): { readonly authorities?: readonly string[] } {
  const { kbs } = parseInitData(new TextEncoder().encode(initData));
  return kbs?.certificate !== undefined && kbs.url === url ? { authorities: [kbs.certificate] } : {};
}

/**
 * Firmware, boot loader, kernel and its arguments, as far as a machine measures them. Not the register that the
 * manifest is in: which manifest may follow is for the release to say.
 */
const SEALED_TO: readonly number[] = [0, 2, 4, 7, 8, 9, 11, 12];
