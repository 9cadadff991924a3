/**
 * A root secret under a TPM 2.0. It is derived from two halves that the TPM gives out under the same policy: 32
 * random bytes of ours that are sealed, so that a poor generator in the TPM is not enough to guess it, and what a key
 * derives that the TPM made itself, so that whoever writes to the disk cannot put a secret there that they know.
 *
 * The policy is over registers of the SHA-256 bank: their values when it was made, or any values whose policy the
 * holder of a policy key signed. Both halves cross the bus encrypted.
 *
 * @module
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { concatBytes, type RootSource, toHex, UsageError } from '@vitrine/documents';
import type { RootSecretSource } from '../root-secret.ts';
import type { CreatedObject } from './answers.ts';
import { exclusively } from './exclusive.ts';
import { flushedAfter } from './flush.ts';
import {
  authorizedPolicy,
  type PolicyAuthority,
  pcrPolicy,
  policyAuthority,
  policyAuthorize,
  policyPcr,
} from './policy.ts';
import { type PrimaryKey, withStorageKey } from './primary-keys.ts';
import { readPcrs } from './registers.ts';
import { isResponse, TpmRc } from './response-code.ts';
import { createRoot, POLICIES_FILE, ROOT_FILE, type RootObjects, readPolicies, readRoot } from './root-files.ts';
import type { TpmHandle } from './run-command.ts';
import { createObject, derive, isObjectUnder, SECRET_BYTES, unseal, withObject } from './sealed-object.ts';
import { startSession, type TpmSession } from './session.ts';
import { TpmAlg } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import type { Bytes } from './wire.ts';

export interface TpmRootSecretOptions {
  readonly transport: TpmTransport;
  /** Where `tpm-root.json` is, and with an authority `tpm-policies.json`. */
  readonly directory: string;
  /** Registers of the SHA-256 bank, each from 0 to 15; those from 16 can be set back by software. */
  readonly pcrs: readonly number[];
  /** The policy key: P-256, DER SubjectPublicKeyInfo. Without it the secret is for the present values alone. */
  readonly authority?: Uint8Array;
  /** Whether a secret may be made where there is none: at genesis. */
  readonly create: boolean;
}

const LABEL = new TextEncoder().encode('vitrine/tpm-root/v1');
const OPERATOR = 'whoever runs the virtual TPM';
/** Boot loader, its settings and partitions, kernel, command line, images, manifest: what a release changes. */
const CHANGED_BY_UPGRADE: readonly number[] = [4, 5, 8, 9, 11, 12, 13, 14];

/**
 * A root secret source. Nothing is read before the secret is asked for.
 *
 * `secret()` rejects with UsageError `attester.root-missing` where there is no secret and none may be made, and
 * `attester.root-refused` where the registers are not those of the policy; with the TPM's own errors else.
 *
 * @throws UsageError for registers or a policy key that cannot be.
 */
export function tpmRootSecret(options: TpmRootSecretOptions): RootSecretSource {
  const pcrs = [...new Set(options.pcrs)].sort((left, right) => left - right);
  if (pcrs.length === 0 || pcrs.some((pcr) => !Number.isInteger(pcr) || pcr < 0 || pcr > 15)) {
    throw new UsageError('attester.pcrs', 'a secret is sealed to at least one of the registers 0 to 15');
  }
  const authority = options.authority === undefined ? undefined : policyAuthority(options.authority);
  const context: Context = {
    transport: options.transport,
    directory: options.directory,
    create: options.create,
    pcrs,
    authority,
  };
  return {
    description: describe(pcrs, authority),
    secret: () => exclusively(options.transport, () => secretOf(context)),
  };
}

interface Context extends Omit<TpmRootSecretOptions, 'authority'> {
  readonly authority: PolicyAuthority | undefined;
}

function describe(pcrs: readonly number[], authority: PolicyAuthority | undefined): RootSource {
  const registers = `PCR ${pcrs.join(', ')} (SHA-256)`;
  return authority === undefined
    ? {
        kind: 'tpm-pcr',
        boundTo: `this TPM and the values of ${registers}`,
        derivableBy: [OPERATOR],
        survivesUpgrade: !pcrs.some((pcr) => CHANGED_BY_UPGRADE.includes(pcr)),
        sharedByReplicas: false,
      }
    : {
        kind: 'tpm-authorized',
        boundTo: `this TPM and values of ${registers} that the policy key SHA-256 ${authority.fingerprint} admits`,
        derivableBy: [
          OPERATOR,
          `the holder of the policy key SHA-256 ${authority.fingerprint}, by admitting other code`,
        ],
        survivesUpgrade: true,
        sharedByReplicas: false,
      };
}

async function secretOf(context: Context): Promise<Uint8Array> {
  const { transport, directory } = context;
  const policy = await policyOf(context);
  const found = await readRoot(directory);
  if (found !== undefined) return withStorageKey(transport, (parent) => open(context, parent, policy, found));
  if (!context.create) {
    throw new UsageError(
      'attester.root-missing',
      `there is no ${ROOT_FILE} in ${directory}: restore it from a copy. A new secret is made only at genesis, and opens nothing that exists`,
    );
  }
  return withStorageKey(transport, async (parent) => {
    const made = await make(context, parent, policy);
    // Opened before it is kept: what could not be opened must not become the root.
    const secret = await open(context, parent, policy, made);
    if (await createRoot(directory, made)) return secret;
    const other = await readRoot(directory);
    if (other === undefined)
      throw new UsageError('attester.root-missing', `${ROOT_FILE} in ${directory} comes and goes`);
    return open(context, parent, policy, other);
  });
}

async function policyOf({ transport, authority, pcrs }: Context): Promise<Bytes> {
  return authority === undefined
    ? pcrPolicy(await readPcrs(transport, TpmAlg.sha256, pcrs))
    : authorizedPolicy(authority);
}

async function make({ transport, pcrs }: Context, parent: PrimaryKey, policy: Bytes): Promise<RootObjects> {
  const session = await startSession(transport, parent, 'hmac');
  const own = randomBytes(SECRET_BYTES);
  try {
    return await flushedAfter(transport, session.handle, async () => ({
      pcrs,
      sealed: await createObject(transport, parent, session, policy, own),
      deriving: await createObject(transport, parent, session, policy),
    }));
  } finally {
    own.fill(0);
  }
}

async function open(context: Context, parent: PrimaryKey, policy: Bytes, root: RootObjects): Promise<Uint8Array> {
  const { transport, directory, pcrs } = context;
  const path = `${ROOT_FILE} in ${directory}`;
  if (root.pcrs.join() !== pcrs.join()) {
    throw new UsageError(
      'attester.root-refused',
      `${path} is for PCR ${root.pcrs.join(', ')}, and PCR ${pcrs.join(', ')} were named; name those of the file`,
    );
  }
  if (
    !isObjectUnder(root.sealed.public, 'sealed', policy) ||
    !isObjectUnder(root.deriving.public, 'deriving', policy)
  ) {
    throw refused(
      context,
      context.authority === undefined
        ? 'the registers are not those that it was sealed to'
        : `it was sealed under another policy key than ${context.authority.fingerprint}`,
    );
  }
  const session = await startSession(transport, parent, 'policy');
  return flushedAfter(transport, session.handle, async () => {
    const parts: Uint8Array[] = [];
    const take = (object: CreatedObject, use: (handle: TpmHandle) => Promise<Bytes>): Promise<void> =>
      withObject(transport, parent, object, async (handle) => {
        await hold(context, session);
        parts.push(await use(handle));
      });
    try {
      await take(root.sealed, (handle) => unseal(transport, handle, session));
      await take(root.deriving, (handle) => derive(transport, handle, session, LABEL));
      return Uint8Array.from(new Uint8Array(hkdfSync('sha256', concatBytes(...parts), '', LABEL, SECRET_BYTES)));
    } catch (cause) {
      throw isResponse(cause, TpmRc.policyFail, TpmRc.pcrChanged, TpmRc.integrity, TpmRc.signature)
        ? refused(context, cause.message, cause)
        : cause;
    } finally {
      for (const part of parts) part.fill(0);
    }
  });
}

/** A policy session loses what it holds with each use. */
async function hold(context: Context, session: TpmSession): Promise<void> {
  const { transport, authority, pcrs, directory } = context;
  await policyPcr(transport, session, pcrs);
  if (authority === undefined) return;
  const signed = await readPolicies(directory);
  if (await policyAuthorize(transport, session, authority, signed)) return;
  const current = pcrPolicy(await readPcrs(transport, TpmAlg.sha256, pcrs));
  throw refused(
    context,
    `none of the ${signed.length} policies in ${POLICIES_FILE} is of the present registers; what the holder of the policy key has to sign is ${toHex(current)}`,
  );
}

function refused({ pcrs, directory }: Context, why: string, cause?: unknown): UsageError {
  return new UsageError(
    'attester.root-refused',
    `the TPM does not give out the secret of ${ROOT_FILE} in ${directory}: ${why}. Start the release and configuration that it was made for, on the same machine (PCR ${pcrs.join(', ')})`,
    { cause },
  );
}
