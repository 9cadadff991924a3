/**
 * Digests of what was judged, for results. They are of canonical documents (RFC 8785); what comes
 * again and again, a policy or the endorsements of one platform, is not written out and hashed
 * each time. Whether it is the same is decided by its text or bytes, never by which object it is.
 *
 * @module
 */
import { type DcapCollateral, documentDigest, type Endorsements, sameBytes } from '@vitrine/documents/evidence';
import { sha384OfText } from '#crypto';
import { remember } from './dcap/remembered.ts';
import { type Endorsement, endorsementsDocument, givenEndorsements } from './endorsement-file.ts';
import type { AppraisalPolicy } from './policy.ts';

const MAX_REMEMBERED = 32;

/** Digests by the JSON text of what they are of. */
const known = new Map<string, string>();

/** Digests of policies that nobody can change, such as the presets. */
const ofFrozen = new WeakMap<AppraisalPolicy, string>();

/** SHA-384 of the canonical policy, lower-case hexadecimal. */
export async function policyDigest(policy: AppraisalPolicy): Promise<string> {
  const before = ofFrozen.get(policy);
  if (before !== undefined) return before;
  const value = await byText(JSON.stringify(policy), () => documentDigest(policy));
  if (isFrozenData(policy)) ofFrozen.set(policy, value);
  return value;
}

/** Whether nothing in `value` can change any more: frozen all the way down, and no getter in it. */
function isFrozenData(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  const plain = prototype === Object.prototype || prototype === Array.prototype || prototype === null;
  const members = Object.values(Object.getOwnPropertyDescriptors(value));
  return plain && Object.isFrozen(value) && members.every((member) => 'value' in member && isFrozenData(member.value));
}

/** SHA-384 of the canonical document, by kind, in the order given; `null` for no endorsements. */
export async function endorsementsDigest(endorsements: readonly Endorsement[]): Promise<string | null> {
  if (endorsements.length === 0) return null;
  const document = (): Promise<string> => documentDigest(endorsementsDocument(endorsements) ?? {});
  const { dcap, certificates, revocationLists } = givenEndorsements(endorsements);
  if (dcap.length === 0) return byBytes([certificates, revocationLists], document);
  if (certificates.length + revocationLists.length > 0) return document();
  const name = dcap[0]?.tcb_info_signature ?? '';
  const before = ofCollateral.get(name);
  // Strings that are the same are compared by reference first, so this costs less than writing them out.
  if (before !== undefined && isSameCollateral(before.dcap, dcap)) return before.digest;
  // Texts alone, and members in order: this is the canonical form already.
  const copies = dcap.map(inOrder);
  const value = await sha384OfText(JSON.stringify({ dcap: copies, type: TYPE }));
  remember(ofCollateral, name, { dcap: copies, digest: value }, MAX_REMEMBERED);
  return value;
}

const TYPE: Endorsements['type'] = 'vitrine/endorsements/v1';

/** In the order of the canonical form. */
const MEMBERS = [
  'pck_crl',
  'pck_crl_issuer_chain',
  'qe_identity',
  'qe_identity_issuer_chain',
  'qe_identity_signature',
  'root_ca_crl',
  'tcb_info',
  'tcb_info_issuer_chain',
  'tcb_info_signature',
] as const satisfies readonly (keyof DcapCollateral)[];

type Collateral = Pick<DcapCollateral, (typeof MEMBERS)[number]>;

/** By the first signature of TCB info, which decides nothing: all texts are compared. */
const ofCollateral = new Map<string, { readonly dcap: readonly Collateral[]; readonly digest: string }>();

type Group = readonly Uint8Array[];

/** Digests by the bytes that they are of, of which these are copies. */
const ofBytes: { readonly groups: readonly Group[]; readonly digest: string }[] = [];

async function byBytes(groups: readonly Group[], compute: () => Promise<string>): Promise<string> {
  const before = ofBytes.find((one) => one.groups.every((group, index) => isSameGroup(group, groups[index] ?? [])));
  if (before !== undefined) return before.digest;
  const copies = groups.map((group) => group.map((bytes) => bytes.slice()));
  const value = await compute();
  if (ofBytes.length >= MAX_REMEMBERED) ofBytes.shift();
  ofBytes.push({ groups: copies, digest: value });
  return value;
}

function isSameGroup(left: Group, right: Group): boolean {
  return left.length === right.length && left.every((bytes, index) => sameBytes(bytes, right[index] ?? bytes));
}

function isSameCollateral(left: readonly Collateral[], right: readonly DcapCollateral[]): boolean {
  return (
    left.length === right.length &&
    left.every((one, index) => MEMBERS.every((name) => one[name] === right[index]?.[name]))
  );
}

/** Written out, since an object that is made from a list is turned into text at half the speed. */
function inOrder(collateral: DcapCollateral): Collateral {
  return {
    pck_crl: collateral.pck_crl,
    pck_crl_issuer_chain: collateral.pck_crl_issuer_chain,
    qe_identity: collateral.qe_identity,
    qe_identity_issuer_chain: collateral.qe_identity_issuer_chain,
    qe_identity_signature: collateral.qe_identity_signature,
    root_ca_crl: collateral.root_ca_crl,
    tcb_info: collateral.tcb_info,
    tcb_info_issuer_chain: collateral.tcb_info_issuer_chain,
    tcb_info_signature: collateral.tcb_info_signature,
  };
}

async function byText(text: string, compute: () => Promise<string>): Promise<string> {
  const before = known.get(text);
  if (before !== undefined) return before;
  const value = await compute();
  remember(known, text, value, MAX_REMEMBERED);
  return value;
}
