/**
 * `vitrine secrets`: hands a secret to a verified enclave, and makes the key that says from whom it is.
 *
 * @module
 */
import { onlineEndorsements } from '@vitrine/client/online-endorsements';
import { proxyFromEnvironment } from '@vitrine/client/proxy-environment';
import { nearest, UsageError } from '@vitrine/documents';
import { refuseFlags } from '../action-flags.ts';
import { type Arguments, parseArguments } from '../command.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { readEndorsements, readInput, readPolicy, readReferenceValues, readText } from '../inputs.ts';
import { furtherTrust } from '../live-look.ts';
import { makeOwnerKey, readOwnerKey } from '../owner-key.ts';
import { secretsSpec } from '../specs/secrets.ts';
import { clean } from '../terminal.ts';

const ACTIONS = ['seal', 'keygen'] as const;
const OF_SEAL: readonly string[] = Object.keys(secretsSpec.options).filter((flag) => flag !== 'json');
const ATTEST_TIMEOUT_MS = 15_000;
/** Above what an enclave takes, so that its own limit is the one that is told. */
const MAX_STDIN_BYTES = 64 << 10;

type Values = Arguments<typeof secretsSpec.options>['values'];

export async function runSecrets(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, secretsSpec.options);
  const [action, name, extra] = positionals;
  if (rest !== undefined || extra !== undefined) {
    throw new UsageError(
      'usage.extra',
      'unexpected argument: a secret is read from --file or standard input, never from the command line',
    );
  }
  if (action !== 'seal' && action !== 'keygen') throw unknownAction(action);
  if (name === undefined) {
    const missing = action === 'seal' ? 'the name of the secret, as the manifest has it' : 'the file to make';
    throw new UsageError('usage.missing', `expected ${missing}`);
  }
  if (action === 'keygen') refuseFlags(values, OF_SEAL, 'vitrine secrets seal');
  return action === 'seal' ? seal(name, values) : keygen(name, values);
}

function unknownAction(action: string | undefined): UsageError {
  const near = action === undefined ? undefined : nearest(action, ACTIONS);
  const found = action === undefined ? '' : `, found ${JSON.stringify(action)}`;
  return new UsageError(
    'usage.action',
    `expected seal or keygen${found}${near === undefined ? '' : `; did you mean "${near}"?`}`,
  );
}

function keygen(file: string, values: Values): number {
  const publicKey = makeOwnerKey(file);
  process.stdout.write(
    values.json === true ? `${JSON.stringify({ type: 'vitrine/owner-key/v1', file, publicKey })}\n` : `${publicKey}\n`,
  );
  process.stderr.write(`vitrine: the private key is in ${clean(file)}; the line above is "owner" in vitrine.yaml\n`);
  return EXIT.done;
}

async function seal(name: string, values: Values): Promise<number> {
  const { to } = values;
  const ownerFile = values['owner-key'];
  if (to === undefined) throw new UsageError('usage.missing', 'expected --to URL: the server that gets the secret');
  if (ownerFile === undefined) {
    throw new UsageError(
      'usage.missing',
      'expected --owner-key FILE: who hands the secret in; "vitrine secrets keygen FILE" makes one',
    );
  }
  const owner = readOwnerKey(ownerFile);
  const version = versionOf(values.number);
  const value = values.file === undefined ? await standardInput() : readInput(values.file);
  const { pinsFile, resolveTrust, submitSecret } = await import('@vitrine/client');
  const proxyFor = proxyFromEnvironment(process.env);
  const trust = await resolveTrust(to, {
    home: userHome(),
    purpose: 'connect',
    ...demands(values),
    ...(await furtherTrust(values)),
    ...(values.offline === true ? {} : { fetchEndorsements: onlineEndorsements(userHome(), proxyFor) }),
  });
  const submitted = await submitSecret({
    trust,
    pinsFile: pinsFile(userHome()),
    now: () => new Date(),
    timeLimitMs: ATTEST_TIMEOUT_MS,
    proxyFor,
    name,
    version,
    value,
    owner,
  });
  const { purpose, result } = submitted;
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ type: 'vitrine/secret-sealed/v1', url: trust.url, name, purpose, version, verdict: result.verdict })}\n`
      : `${name} version ${version} is with ${clean(trust.url)} (${result.verdict})\n`,
  );
  if (purpose === 'key') process.stderr.write('vitrine: the imported key can be used from now on\n');
  return EXIT.done;
}

/** What the flags demand of the server; an explicit preset or reference is enough without a pin. */
function demands(values: Values): object {
  const hasPolicy = values.policy !== undefined || values.preset !== undefined || values.reference !== undefined;
  return {
    endorsements: readEndorsements(values.endorsements ?? []),
    ...(hasPolicy ? { policy: readPolicy(values.policy, values.preset).policy } : {}),
    ...(values.reference === undefined ? {} : { referenceValues: readReferenceValues(values.reference) }),
    ...(values['allow-simulator'] === true ? { allowSimulator: true } : {}),
    ...(values['simulator-root'] === undefined ? {} : { simulatorRootPem: readText(values['simulator-root']) }),
  };
}

function versionOf(written: string | undefined): number {
  if (written === undefined) return Math.floor(Date.now() / 1000);
  const version = /^[1-9][0-9]{0,15}$/.test(written) ? Number(written) : 0;
  if (Number.isSafeInteger(version) && version > 0) return version;
  throw new UsageError('usage.number', `--number: expected a whole number from 1, found ${JSON.stringify(written)}`);
}

async function standardInput(): Promise<Uint8Array> {
  if (process.stdin.isTTY)
    process.stderr.write('vitrine: type the secret, then Enter and Ctrl-D; it is shown as you type\n');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_STDIN_BYTES) throw new UsageError('secret.size', `a secret has at most ${MAX_STDIN_BYTES} bytes`);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
