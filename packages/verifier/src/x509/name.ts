/**
 * Distinguished names. Two names are equal when their DER is equal: no folding, no reordering, so
 * a look-alike name is another name.
 *
 * @module
 */
import { type DerElement, finish, openDer, Tag, take, takeAny, takeSequence } from '../asn1/der.ts';
import { keep, recall, type Seen } from '../asn1/seen.ts';
import { derObjectIdentifier, derText } from '../asn1/values.ts';
import { refuse } from '../refusal.ts';

export interface Name {
  readonly der: Uint8Array<ArrayBuffer>;
  /** Empty where the name has none. */
  readonly commonName: string;
  /** For people: `CN=Intel SGX Root CA, O=Intel Corporation, …`. */
  readonly text: string;
}

const COMMON_NAME = '2.5.4.3';

const LABELS: ReadonlyMap<string, string> = new Map([
  [COMMON_NAME, 'CN'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
]);

const names: Seen<Name> = new Map();

/** Reads an RDNSequence with one attribute per set and no attribute twice. */
export function readName(element: DerElement, what: string): Name {
  return recall(names, element) ?? keep(names, element, readAttributes(element, what));
}

function readAttributes(element: DerElement, what: string): Name {
  const attributes = new Map<string, string>();
  const sets = openDer(element, what);
  for (let set = takeAny(sets); set !== undefined; set = takeAny(sets)) {
    if (set.tag !== Tag.set) refuse(`${what}: a name is a sequence of sets`);
    const single = openDer(set, what);
    const attribute = takeSequence(single, what);
    finish(single);
    const type = derObjectIdentifier(take(attribute, Tag.objectIdentifier, what), what);
    const value = takeAny(attribute) ?? refuse(`${what}: attribute without a value`);
    finish(attribute);
    if (attributes.has(type)) refuse(`${what}: attribute ${type} twice in one name`);
    attributes.set(type, derText(value, what));
  }
  return {
    // A copy: what is remembered must not hold on to the whole certificate, nor follow a change in it.
    der: element.der.slice(),
    commonName: attributes.get(COMMON_NAME) ?? '',
    text: [...attributes].map(([type, value]) => `${LABELS.get(type) ?? type}=${value}`).join(', '),
  };
}
