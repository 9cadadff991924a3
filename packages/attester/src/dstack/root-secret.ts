/**
 * The root secret that dstack derives for an application.
 *
 * It is HKDF output of the application's key, which its key provider gave to the machine at boot. One path gives the
 * same 32 bytes for every purpose and every algorithm, so they are never a key here: the slot that wraps the root
 * puts them through HKDF with a label and a salt of its own before anything is encrypted under them.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { fromHex, type RootSource, UsageError, VitrineError } from '@vitrine/documents';
import { shownText, unexpected } from '../http-json.ts';
import type { RootSecretSource } from '../root-secret.ts';
import type { DstackAgent, DstackInfo } from './agent.ts';

const PURPOSE = 'vitrine root secret';
const SOCKET_USERS = 'any process in this machine with the guest agent socket';

/**
 * Asks the agent who its key provider is, since everything about the secret follows from that.
 *
 * @param appName - Part of the path that is derived, so that two applications of one dstack app do not share a root.
 * @throws UsageError `attester.app-name`; VitrineError `attester.unavailable` where the machine has no key provider.
 */
export async function dstackRootSecret(agent: DstackAgent, appName: string): Promise<RootSecretSource> {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(appName)) {
    throw new UsageError(
      'attester.app-name',
      `the name of an application is 1 to 64 letters, digits, ".", "_" or "-", found ${JSON.stringify(appName)}`,
    );
  }
  const description = describe(await agent.info());
  return { description, secret: () => agent.key(['vitrine', 'root', 'v1', appName].join('/'), PURPOSE) };
}

function describe(info: DstackInfo): RootSource {
  const { name, id } = info.keyProvider;
  const app = `the dstack application ${info.appId}`;
  switch (name) {
    case 'kms':
      return {
        kind: 'dstack-kms',
        boundTo: `${app} at the key server whose root key has SHA-256 ${fingerprint(id)}`,
        derivableBy: [
          'whoever holds the root of the dstack key server',
          'any app-compose that the owner of the dstack application allows',
          SOCKET_USERS,
        ],
        survivesUpgrade: true,
        sharedByReplicas: true,
      };
    case 'local-sgx':
      return {
        kind: 'dstack-local',
        boundTo: `${app}, its launch measurements, and the SGX key provider ${shownText(id)} of this machine`,
        derivableBy: ['the SGX key provider of this machine', SOCKET_USERS],
        survivesUpgrade: false,
        sharedByReplicas: false,
      };
    case 'tpm':
      return {
        kind: 'dstack-tpm',
        boundTo: `${app}, and the boot measurements in the TPM of this machine`,
        derivableBy: ['whoever runs the TPM of this machine, where it is a virtual one', SOCKET_USERS],
        survivesUpgrade: false,
        sharedByReplicas: false,
      };
    case 'none':
      throw new VitrineError(
        'attester.unavailable',
        'this dstack machine has no key provider, so its application keys are new at every boot and cannot keep a root; deploy with key_provider "kms"',
      );
    default:
      throw new VitrineError(
        'attester.unavailable',
        `the key provider ${JSON.stringify(shownText(name))} of this dstack machine is not known; known: kms, local-sgx, tpm`,
      );
  }
}

/** The whole key is in the event log; people compare this. */
function fingerprint(id: string): string {
  const key = fromHex(id);
  if (key === undefined || key.length === 0) throw unexpected('the identity of the key server is not hexadecimal');
  return createHash('sha256').update(key).digest('hex');
}
