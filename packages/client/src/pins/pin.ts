/**
 * What a pin means: how it is made from a verdict, what it asks of later evidence, and how it
 * differs from another.
 *
 * @module
 */
import type { ReferenceValues } from '@vitrine/documents';
import type { AppraisalPolicy, AttestationResult, PresetName, TpmAttestationKey } from '@vitrine/verifier';
import { describeToolChanges, toolChanges } from '../catalogue/describe-change.ts';
import { compareFacts, rowChanges } from '../diff/compare.ts';
import { catalogueFacts, type Facts, manifestFacts, registerFacts, stated, withLaunch } from '../diff/facts.ts';
import { changeLine } from '../diff/lines.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import { isPinned, PINNED_TECHNOLOGIES, type PinnedTechnology, registersOf } from './pinned-registers.ts';
import { type ExactPin, exactReferenceValues, type Pin, samePinned } from './pins-document.ts';
import { stateDifference } from './sealed-state.ts';
import { tpmKeyPem } from './tpm-key.ts';

export interface NewPin {
  /** A preset's name, or a complete policy. */
  readonly policy: PresetName | AppraisalPolicy;
  readonly simulated: boolean;
  readonly now: Date;
  /** What it was held against: says what a launch digest covers. */
  readonly referenceValues?: ReferenceValues | undefined;
  /** The attestation key that the user vouches for; needed for a TPM. */
  readonly tpmAk?: TpmAttestationKey | undefined;
}

/**
 * Makes the pin that admits exactly what `result` found. Whether that is acceptable is decided
 * before, see `pinnable`.
 *
 * @throws RefusedError when the result has no authenticated claims about code and configuration.
 */
export function makePin(result: AttestationResult, made: NewPin): ExactPin {
  const { claims } = result;
  const { tpmAk } = made;
  if (claims?.manifest === undefined || claims.manifestDigest === undefined) {
    throw new RefusedError('pin.claims', 'the evidence does not authenticate a manifest, so there is nothing to pin');
  }
  const { technology } = claims;
  if (!isPinned(technology)) {
    throw new RefusedError(
      'pin.claims',
      `servers on ${technology} cannot be pinned in this version, only those on ${PINNED_TECHNOLOGIES.join(', ')}`,
    );
  }
  if (technology === 'tpm' && tpmAk === undefined) {
    throw new RefusedError('pin.claims', 'a TPM is pinned with its attestation key, and none was given');
  }
  const covers = technology === 'snp' ? coversOf(claims.registers, made.referenceValues) : undefined;
  return {
    mode: 'exact',
    technology,
    registers: registersToPin(technology, claims.registers, claims.launch?.kind),
    ...(claims.launch === undefined ? {} : { launch: claims.launch.digest }),
    ...(covers === undefined ? {} : { covers }),
    ...(technology === 'tpm' && tpmAk !== undefined ? { tpmKey: tpmKeyPem(tpmAk) } : {}),
    manifestDigest: claims.manifestDigest,
    manifestNumber: claims.manifest.number,
    manifest: claims.manifest,
    ...(claims.appRoot === undefined ? {} : { appRoot: claims.appRoot.id }),
    ...(claims.appRoot === undefined || claims.state === undefined ? {} : { state: claims.state }),
    policy: made.policy,
    simulated: made.simulated,
    firstSeen: made.now.toISOString(),
  };
}

function registersToPin(
  technology: PinnedTechnology,
  registers: Readonly<Record<string, string>>,
  launch: string | undefined,
): Readonly<Record<string, string>> {
  const { required, mayBeZero, mayBeAbsent } = registersOf(technology, launch);
  const register = (name: string): string => {
    const value = registers[name];
    if (value === undefined) throw new RefusedError('pin.claims', `the evidence has no register ${name}`);
    return value;
  };
  const names = [
    ...required,
    ...mayBeZero.filter((name) => !/^0*$/.test(register(name))),
    ...mayBeAbsent.filter((name) => registers[name] !== undefined),
  ];
  return Object.fromEntries(names.map((name) => [name, register(name)]));
}

/** The publisher's word, of exactly this measurement, that more than firmware is in it. */
function coversOf(
  registers: Readonly<Record<string, string>>,
  values: ReferenceValues | undefined,
): 'image' | undefined {
  return values?.entries
    .filter((entry) => entry.technology === 'snp')
    .find((entry) => entry.registers.measurement === registers['measurement'])?.covers;
}

/**
 * The pin as reference values: the verifier's check `workload.reference` then fails on any change.
 * A pin by source has none: which measurements its source gives is for provenance to say.
 */
export function pinReferenceValues(pin: ExactPin): ReferenceValues;
export function pinReferenceValues(pin: Pin): ReferenceValues | undefined;
export function pinReferenceValues(pin: Pin): ReferenceValues | undefined {
  return pin.mode === 'source' ? undefined : exactReferenceValues(pin);
}

/** The error for a pin by source: this version has no way to know what was built from where. */
export function sourceUnchecked(pin: Pin & { readonly mode: 'source' }): UnreachableError {
  return new UnreachableError(
    'pin.source',
    `your pin accepts what is built from ${pin.source.repository} at number ${pin.minNumber} or later, and this version ` +
      'cannot check where code comes from; nothing was sent. Pin the exact code instead: vitrine add <url>',
  );
}

/**
 * Holds a result against a pin, whatever the policy waives.
 *
 * @throws RefusedError naming what differs, with every difference in `details`; UnreachableError
 *   (code `pin.source`) for a pin by source, which nothing satisfies yet.
 */
export function requirePinned(pin: Pin, result: AttestationResult): void {
  if (pin.mode === 'source') throw sourceUnchecked(pin);
  const refuse = (check: string, message: string): RefusedError =>
    new RefusedError(check, message, { details: describePinMismatch(pin, result) });
  const { claims } = result;
  const number = claims?.manifest?.number;
  if (claims === undefined || number === undefined) {
    throw refuse('pin.claims', 'the evidence does not authenticate a manifest to hold against your pin');
  }
  if (number < pin.manifestNumber) {
    throw refuse(
      'pin.manifest-number',
      `the server went back to manifest number ${number}; you have seen number ${pin.manifestNumber}`,
    );
  }
  if (claims.technology !== pin.technology || claims.manifestDigest !== pin.manifestDigest) {
    throw refuse('pin.manifest', `expected manifest ${pin.manifestDigest}, found ${claims.manifestDigest}`);
  }
  if (pin.appRoot !== undefined && claims.appRoot?.id !== pin.appRoot) {
    throw refuse(
      'pin.app-root',
      `the server's lasting keys and data come from another root than the one that you pinned: expected ${pin.appRoot}, found ${claims.appRoot?.id ?? 'none'}`,
    );
  }
  const launch = claims.launch?.digest;
  if (launch !== pin.launch) {
    throw refuse('pin.launch', `expected the launch document ${pin.launch ?? 'none'}, found ${launch ?? 'none'}`);
  }
  const { required, mayBeZero, mayBeAbsent } = registersOf(pin.technology, claims.launch?.kind);
  for (const name of [...required, ...mayBeZero, ...mayBeAbsent.filter((one) => Object.hasOwn(pin.registers, one))]) {
    const actual = claims.registers[name];
    const expected = pin.registers[name] ?? '0'.repeat(actual?.length ?? 0);
    if (actual === undefined || actual !== expected) {
      throw refuse('pin.registers', `register ${name}: expected ${expected}, found ${actual ?? 'nothing'}`);
    }
  }
}

/** What a pin states, for comparing. */
export function pinFacts(pin: Pin): Facts {
  const tools = pin.catalogue === undefined ? {} : { tools: catalogueFacts(pin.catalogue) };
  if (pin.mode === 'source') {
    const { repository, builder } = pin.source;
    const source = { repository, ...(builder === undefined ? {} : { builder }), 'lowest number': `${pin.minNumber}` };
    return { source, ...tools };
  }
  return {
    ...(pin.manifest === undefined ? {} : withRoot(manifestFacts(pin.manifest), pin.appRoot)),
    ...stated('registers', withLaunch(registerFacts(pin.technology, pin.registers), pin.launch)),
    digest: { 'manifest digest': pin.manifestDigest },
    ...tools,
  };
}

/** What authenticated claims state of what a pin keeps, for comparing; nothing where there are none. */
function claimsFacts({ claims }: AttestationResult, { registers }: ExactPin): Facts {
  if (claims === undefined) return {};
  const mayBeZero = isPinned(claims.technology) ? registersOf(claims.technology, undefined).mayBeZero : [];
  const kept = Object.entries(claims.registers).filter(
    ([name]) => Object.hasOwn(registers, name) || mayBeZero.includes(name),
  );
  return {
    ...(claims.manifest === undefined ? {} : withRoot(manifestFacts(claims.manifest), claims.appRoot?.id)),
    ...stated(
      'registers',
      withLaunch(registerFacts(claims.technology, Object.fromEntries(kept)), claims.launch?.digest),
    ),
    ...(claims.manifestDigest === undefined ? {} : { digest: { 'manifest digest': claims.manifestDigest } }),
  };
}

/** The root that lasting keys come from is no part of the manifest, and belongs to what is said of keys. */
function withRoot(facts: Facts, root: string | undefined): Facts {
  return root === undefined ? facts : { ...facts, keys: { ...facts.keys, root } };
}

/**
 * How a server differs from its pin, one clean line each; empty when it does not, or when nothing is
 * authenticated that could be compared. The tools are compared when they are listed, not here.
 */
export function describePinMismatch(pin: Pin, result: AttestationResult): readonly string[] {
  if (pin.mode === 'source') return [];
  const { sections } = compareFacts(pinFacts(pin), claimsFacts(result, pin));
  const sameRoot = pin.appRoot !== undefined && result.claims?.appRoot?.id === pin.appRoot;
  const behind = sameRoot ? stateDifference(pin.state, result.claims?.state) : undefined;
  const lines = [
    ...sections.flatMap(({ group, changes }) => changes.map((row) => `${group}: ${changeLine(row)}`)),
    ...(behind === undefined ? [] : [behind]),
  ];
  if (lines.length === 0) return [];
  const old = pin.manifest === undefined ? ['what changed in the manifest is not known: the pin does not keep it'] : [];
  const again =
    result.claims?.manifest?.number === pin.manifestNumber && result.claims.manifestDigest !== pin.manifestDigest
      ? ['the manifest changed without a new number']
      : [];
  return [...lines, ...old, ...again];
}

/** What changes from one pin to another, one clean line each; empty when they admit the same. */
export function describePinChange(before: Pin, after: Pin): readonly string[] {
  const { sections } = compareFacts(pinFacts(before), pinFacts(after));
  const differing = sections.filter(({ section }) => section !== 'tools');
  return [
    ...rowChanges(pinRows(before), pinRows(after)).map(changeLine),
    ...differing.flatMap(({ group, changes }) => changes.map((row) => `${group}: ${changeLine(row)}`)),
    ...differing
      .filter(
        ({ status, section }) => status === 'not-comparable' && section !== 'digest' && before.mode === after.mode,
      )
      .map(
        ({ group, section, statedBy }) =>
          `${group}: ${section} is stated only by the ${statedBy === 'after' ? 'new' : 'old'} pin`,
      ),
    ...toolLines(before, after),
  ];
}

function pinRows(pin: Pin): Readonly<Record<string, string>> {
  return {
    mode: pin.mode,
    'highest manifest number': `${pin.manifestNumber}`,
    policy: typeof pin.policy === 'string' ? pin.policy : JSON.stringify(pin.policy),
    simulated: `${pin.simulated}`,
  };
}

function toolLines(before: Pin, after: Pin): readonly string[] {
  if (before.catalogue === undefined) return [];
  if (after.catalogue !== undefined) {
    return describeToolChanges(toolChanges(before.catalogue, after.catalogue)).map((line) => `tools: ${line}`);
  }
  // Storing the new pin keeps the catalogue in that case.
  return samePinned(before, after)
    ? []
    : ['tools: the pinned catalogue is forgotten; what the server lists next is pinned'];
}
