/**
 * Values of typed data: read against their types, hashed, and written plainly.
 *
 * Each value has one meaning or is refused: numbers in the range of their type and, as JSON numbers, in
 * the range where JSON's are exact; addresses with a right checksum where their letters are of mixed case;
 * bytes of exactly the length of their type; no member more or less than the type has.
 *
 * Specification: EIP-712, `encodeData` and `hashStruct`.
 *
 * @module
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes } from '@vitrine/documents';
import { type Elementary, inRange } from './elementary.ts';
import { bytesToInteger, hexBytes, hexText, integerToWord, readAddress } from './hex.ts';
import { refuse } from './refuse.ts';
import { encodeType, expectMembers, type FieldType, type Structs } from './typed-data-types.ts';

/** A value in its one spelling: integers in decimal, addresses and bytes in lower-case hexadecimal. */
export type Plain = string | boolean | readonly Plain[] | { readonly [name: string]: Plain };

interface Read {
  /** 32 bytes. */
  readonly word: Uint8Array;
  readonly plain: Plain;
}

const MAX_VALUES = 4096;
const MAX_DEPTH = 16;
/** Texts and byte strings in all. */
const MAX_TEXT = 128 * 1024;
const DECIMAL = /^(?:0|-?[1-9][0-9]{0,77})$/;
const HEXADECIMAL = /^0x[0-9a-fA-F]{1,64}$/;

/** Hashes values of one request; keeps the hashes of its types, and counts. */
export class TypedValues {
  readonly #structs: Structs;
  readonly #typeHashes = new Map<string, Uint8Array>();
  #values = 0;
  #text = 0;

  constructor(structs: Structs) {
    this.#structs = structs;
  }

  /**
   * `hashStruct` of the value, and the value as an object of plain ones.
   *
   * @throws RefusedRequestError with a code `evm.…`.
   */
  struct(
    name: string,
    value: unknown,
    path: string,
  ): { readonly hash: Uint8Array; readonly plain: { readonly [name: string]: Plain } } {
    return this.#struct(name, value, path, 0);
  }

  #struct(
    name: string,
    value: unknown,
    path: string,
    depth: number,
  ): { hash: Uint8Array; plain: { [name: string]: Plain } } {
    const fields = this.#structs.get(name) ?? [];
    const given = expectMembers(
      value,
      path,
      fields.map((field) => field.name),
    );
    const words = [this.#typeHash(name)];
    // Without a prototype a member may have any name.
    const plain: { [name: string]: Plain } = Object.create(null);
    for (const field of fields) {
      const read = this.#value(field.type, given[field.name], `${path}.${field.name}`, depth + 1);
      words.push(read.word);
      plain[field.name] = read.plain;
    }
    return { hash: keccak_256(concatBytes(...words)), plain };
  }

  #typeHash(name: string): Uint8Array {
    const known = this.#typeHashes.get(name);
    if (known !== undefined) return known;
    const hash = keccak_256(new TextEncoder().encode(encodeType(this.#structs, name)));
    this.#typeHashes.set(name, hash);
    return hash;
  }

  #value(type: FieldType, value: unknown, path: string, depth: number): Read {
    this.#values += 1;
    if (this.#values > MAX_VALUES) refuse('evm.too-large', `${path}: more than ${MAX_VALUES} values`);
    if (depth > MAX_DEPTH) refuse('evm.too-large', `${path}: more than ${MAX_DEPTH} levels`);
    switch (type.kind) {
      case 'elementary':
        return readElementary(type.type, type.name, value, path);
      case 'text': {
        if (typeof value !== 'string' || !value.isWellFormed()) refuse('evm.value', `${path}: expected text`);
        this.#count(value.length, path);
        return { word: keccak_256(new TextEncoder().encode(value)), plain: value };
      }
      case 'blob': {
        const bytes = readBytes(value, path);
        this.#count(bytes.length, path);
        return { word: keccak_256(bytes), plain: hexText(bytes) };
      }
      case 'struct': {
        const { hash, plain } = this.#struct(type.name, value, path, depth);
        return { word: hash, plain };
      }
      case 'array':
        return this.#array(type, value, path, depth);
    }
  }

  #array(type: FieldType & { readonly kind: 'array' }, value: unknown, path: string, depth: number): Read {
    if (!Array.isArray(value)) refuse('evm.value', `${path}: expected a list`);
    if (type.length !== undefined && value.length !== type.length)
      refuse('evm.value', `${path}: expected ${type.length} elements, got ${value.length}`);
    if (value.length > MAX_VALUES) refuse('evm.too-large', `${path}: more than ${MAX_VALUES} values`);
    const read = Array.from(value as readonly unknown[], (element, index) =>
      this.#value(type.of, element, `${path}[${index}]`, depth + 1),
    );
    return { word: keccak_256(concatBytes(...read.map(({ word }) => word))), plain: read.map(({ plain }) => plain) };
  }

  #count(length: number, path: string): void {
    this.#text += length;
    if (this.#text > MAX_TEXT) refuse('evm.too-large', `${path}: more than ${MAX_TEXT} bytes of text in all`);
  }
}

function readElementary(type: Elementary, name: string, value: unknown, path: string): Read {
  switch (type.kind) {
    case 'uint':
    case 'int': {
      const number = readNumber(value, path);
      if (!inRange(type as Elementary & { readonly bits: number }, number))
        refuse('evm.range', `${path}: ${number} is out of the range of ${name}`);
      return { word: integerToWord(BigInt.asUintN(256, number)), plain: number.toString() };
    }
    case 'address': {
      const address = typeof value === 'string' ? readAddress(value) : undefined;
      if (address === undefined)
        refuse('evm.value', `${path}: expected an address, 0x and 40 digits, in lower case or with a right checksum`);
      return { word: integerToWord(BigInt(address)), plain: address };
    }
    case 'bool':
      if (typeof value !== 'boolean') refuse('evm.value', `${path}: expected true or false`);
      return { word: integerToWord(value ? 1n : 0n), plain: value };
    case 'bytes': {
      const bytes = readBytes(value, path);
      if (bytes.length !== type.size) refuse('evm.value', `${path}: expected ${type.size} bytes, got ${bytes.length}`);
      const word = new Uint8Array(32);
      word.set(bytes);
      return { word, plain: hexText(bytes) };
    }
  }
}

function readBytes(value: unknown, path: string): Uint8Array {
  const bytes = typeof value === 'string' && value.length <= 2 + 2 * MAX_TEXT ? hexBytes(value) : undefined;
  return bytes ?? refuse('evm.value', `${path}: expected bytes, 0x and hexadecimal digits`);
}

/** Decimal text, hexadecimal text of at most 32 bytes, or a number that JSON holds exactly. */
function readNumber(value: unknown, path: string): bigint {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  if (typeof value === 'string' && DECIMAL.test(value)) return BigInt(value);
  const bytes = typeof value === 'string' && HEXADECIMAL.test(value) ? hexBytes(evenDigits(value)) : undefined;
  if (bytes !== undefined) return bytesToInteger(bytes);
  return refuse('evm.value', `${path}: expected a whole number, in quotes where it is above 2^53`);
}

function evenDigits(text: string): string {
  return text.length % 2 === 0 ? text : `0x0${text.slice(2)}`;
}
