import { AccountRole, type Address, address, type Instruction } from '@solana/kit';
import { concatBytes } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedRequestError } from '../intent.ts';
import { decodeSolanaMessage } from './decode-message.ts';
import { SYSTEM_INSTRUCTIONS, TOKEN_2022_PROGRAM, TOKEN_INSTRUCTIONS } from './programs.ts';
import {
  littleEndian,
  MINT,
  memo,
  message,
  PAYEE,
  PAYER,
  person,
  SOURCE,
  systemTransfer,
  TARGET,
  tokenTransfer,
  unitLimit,
  unitPrice,
} from './testing/messages.ts';
import { encodeWireMessage, parseWireMessage, type WireMessage } from './wire-message.ts';

/** The code and message of the refusal. */
function refusal(bytes: Uint8Array): string {
  try {
    decodeSolanaMessage(bytes);
  } catch (error) {
    if (error instanceof RefusedRequestError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'accepted';
}

const utf8 = new TextEncoder();
const transfer = systemTransfer(PAYER, PAYEE, 7n);
/** A message with one part of its wire form changed. */
const rewired = (change: (wire: WireMessage) => Partial<WireMessage>, bytes = message([transfer])): Uint8Array => {
  const wire = parseWireMessage(bytes);
  return encodeWireMessage({ ...wire, ...change(wire) });
};
const withData = (instruction: Instruction, data: Uint8Array): Instruction => ({ ...instruction, data });
const withAccount = (instruction: Instruction, index: number, role: AccountRole, other?: Address): Instruction => ({
  ...instruction,
  accounts: (instruction.accounts ?? []).map((one, at) =>
    at === index ? { address: other ?? one.address, role } : one,
  ) as NonNullable<Instruction['accounts']>,
});

for (const version of ['legacy', 0] as const) {
  promise('P4', `a ${version} message of transfers is read completely`, () => {
    const bytes = message(
      [unitLimit(300_000n), unitPrice(1_001n), transfer, tokenTransfer(2n ** 64n - 1n), memo(utf8.encode('för dig'))],
      version,
    );
    expect(decodeSolanaMessage(bytes)).toEqual({
      intent: {
        action: 'solana.message',
        bytes,
        chain: 'solana',
        signers: [PAYER],
        memos: ['för dig'],
        effects: [
          { kind: 'sol-transfer', to: PAYEE, amount: 7n },
          { kind: 'spl-transfer', mint: MINT, from: SOURCE, to: TARGET, amount: 18446744073709551615n },
        ],
        // 300,000 units at 1,001 millionths are 300.3 lamports.
        fee: 5_301n,
      },
      feePayer: PAYER,
      memos: ['för dig'],
    });
  });
}

promise('P4', 'every signer is named, and the fee grows with their number', () => {
  const { intent, feePayer } = decodeSolanaMessage(message([tokenTransfer(1n, 6, person(8))]));
  expect(intent.signers).toEqual([PAYER, person(8)]);
  expect(intent.fee).toBe(10_000n);
  expect(feePayer).toBe(PAYER);
});

promise('P4', 'a price without a limit counts 200,000 units for each instruction', () => {
  expect(decodeSolanaMessage(message([unitPrice(1_000_000n), transfer])).intent.fee).toBe(5_000n + 400_000n);
  expect(decodeSolanaMessage(message([unitLimit(1_400_000n), transfer])).intent.fee).toBe(5_000n);
  const highest = message([unitLimit(2n ** 32n - 1n), unitPrice(2n ** 64n - 1n), transfer]);
  const product = (2n ** 32n - 1n) * (2n ** 64n - 1n);
  expect(decodeSolanaMessage(highest).intent.fee).toBe(5_000n + product / 1_000_000n + 1n);
});

promise('P4', 'what is signed is a copy, which nobody else can change', () => {
  const bytes = Buffer.from(message([transfer]));
  const { intent } = decodeSolanaMessage(bytes);
  const before = intent.bytes.slice();
  bytes.fill(0);
  expect(intent.bytes).toEqual(before);
});

for (const [number, name] of SYSTEM_INSTRUCTIONS.entries()) {
  if (name === 'Transfer') continue;
  promise('P4', `System ${name} is refused by name`, () => {
    const other = withData(transfer, concatBytes(littleEndian(BigInt(number), 4), littleEndian(7n, 8)));
    const expected =
      name === 'AdvanceNonceAccount' ? /^solana\.durable-nonce: / : new RegExp(`^solana.instruction: .*${name} `);
    expect(refusal(message([other, transfer]))).toMatch(expected);
  });
}

for (const [number, name] of TOKEN_INSTRUCTIONS.entries()) {
  if (name === 'TransferChecked') continue;
  promise('P4', `SPL Token ${name} is refused by name`, () => {
    const other = withData(
      tokenTransfer(1n),
      concatBytes(Uint8Array.of(number), littleEndian(1n, 8), Uint8Array.of(6)),
    );
    const expected = name === 'Transfer' ? /^solana\.mint-unknown: / : new RegExp(`^solana.instruction: .*${name} `);
    expect(refusal(message([transfer, other]))).toMatch(expected);
  });
}

promise('P4', 'instructions without a known number are refused', () => {
  expect(refusal(message([withData(transfer, littleEndian(99n, 4))]))).toMatch(/^solana\.instruction: .*number 99/);
  expect(refusal(message([withData(transfer, littleEndian(2n, 3))]))).toMatch(/^solana\.instruction: .*\(none\)/);
  expect(refusal(message([withData(tokenTransfer(1n), Uint8Array.of(255))]))).toMatch(
    /^solana\.instruction: .*number 255/,
  );
  expect(refusal(message([withData(tokenTransfer(1n), new Uint8Array(0))]))).toMatch(
    /^solana\.instruction: .*\(none\)/,
  );
});

promise('P4', 'other programs are refused by their address', () => {
  const foreign = (program: string): string =>
    refusal(message([transfer, { ...tokenTransfer(1n), programAddress: address(program) }]));
  expect(foreign(TOKEN_2022_PROGRAM)).toMatch(/^solana\.token-2022: /);
  expect(foreign(person(77))).toBe(
    `solana.unknown-program: an instruction is for program ${person(77)}, which is not known`,
  );
  expect(foreign('AddressLookupTab1e1111111111111111111111111')).toMatch(/^solana\.unknown-program: /);
  expect(foreign('Ed25519SigVerify111111111111111111111111111')).toMatch(/^solana\.unknown-program: /);
});

promise('P4', 'a transfer has exactly its data', () => {
  for (const instruction of [transfer, tokenTransfer(1n)]) {
    const data = new Uint8Array(instruction.data ?? []);
    expect(refusal(message([withData(instruction, data.slice(0, -1))]))).toMatch(/^solana\.instruction: /);
    expect(refusal(message([withData(instruction, concatBytes(data, Uint8Array.of(0)))]))).toMatch(
      /^solana\.instruction: /,
    );
  }
});

promise('P4', 'a transfer has exactly its accounts', () => {
  const extra = { address: person(40), role: AccountRole.READONLY_SIGNER };
  for (const instruction of [transfer, tokenTransfer(1n)]) {
    const accounts = instruction.accounts ?? [];
    expect(refusal(message([{ ...instruction, accounts: [...accounts, extra] }]))).toMatch(
      /^solana\.accounts: .*exactly/,
    );
    expect(refusal(message([{ ...instruction, accounts: accounts.slice(0, -1) }]))).toMatch(
      /^solana\.accounts: .*exactly/,
    );
  }
});

promise('P4', 'an account that pays signs and is written to; one that is paid is written to', () => {
  // Another payer than that of the fee, whose flags kit would raise.
  const other = systemTransfer(person(50), PAYEE, 1n);
  expect(refusal(message([other]))).toBe('accepted');
  expect(refusal(message([withAccount(other, 0, AccountRole.WRITABLE)]))).toMatch(/^solana\.accounts: .*does not sign/);
  expect(refusal(message([withAccount(other, 0, AccountRole.READONLY_SIGNER)]))).toMatch(
    /^solana\.accounts: .*read-only/,
  );
  expect(refusal(message([withAccount(other, 1, AccountRole.READONLY)]))).toMatch(/^solana\.accounts: .*read-only/);
  const token = tokenTransfer(1n, 6, person(50));
  expect(refusal(message([token]))).toBe('accepted');
  expect(refusal(message([withAccount(token, 0, AccountRole.READONLY)]))).toMatch(/^solana\.accounts: .*read-only/);
  expect(refusal(message([withAccount(token, 2, AccountRole.READONLY)]))).toMatch(/^solana\.accounts: .*read-only/);
  expect(refusal(message([withAccount(token, 3, AccountRole.READONLY)]))).toMatch(/^solana\.accounts: .*does not sign/);
});

promise('P4', 'a payment to oneself is refused', () => {
  expect(refusal(message([systemTransfer(PAYER, PAYER, 1n)]))).toMatch(/^solana\.accounts: .*itself/);
  expect(refusal(message([withAccount(tokenTransfer(1n), 2, AccountRole.WRITABLE, SOURCE)]))).toMatch(/itself/);
});

promise('P4', 'a program is no account that signs or is written to', () => {
  const writable = rewired(({ header }) => ({ header: { ...header, readOnlyOthers: 0 } }));
  expect(refusal(writable)).toMatch(/^solana\.accounts: program/);
  const signing = rewired(({ header }) => ({
    header: { ...header, signers: 3, readOnlySigners: 1, readOnlyOthers: 0 },
  }));
  expect(refusal(signing)).toMatch(/^solana\.accounts: program/);
});

promise('P4', 'the compute budget is set at most once, and nothing else of it', () => {
  expect(refusal(message([unitLimit(1n), unitLimit(1n), transfer]))).toMatch(/^solana\.compute-budget: /);
  expect(refusal(message([unitPrice(1n), unitPrice(1n), transfer]))).toMatch(/^solana\.compute-budget: /);
  for (const [number, name] of [
    [0, 'RequestUnits'],
    [1, 'RequestHeapFrame'],
    [4, 'SetLoadedAccountsDataSizeLimit'],
    [9, 'number 9'],
  ] as const) {
    const other = withData(unitLimit(1n), concatBytes(Uint8Array.of(number), littleEndian(1n, 4)));
    expect(refusal(message([other, transfer]))).toMatch(new RegExp(`^solana.instruction: .*${name}`));
  }
  expect(refusal(message([withData(unitLimit(1n), Uint8Array.of(2, 0, 0, 0)), transfer]))).toMatch(
    /^solana\.instruction/,
  );
  const withAccounts = { ...unitPrice(1n), accounts: [{ address: PAYEE, role: AccountRole.READONLY }] };
  expect(refusal(message([withAccounts, transfer]))).toMatch(/^solana\.accounts: /);
});

promise('P4', 'a memo is short UTF-8 of accounts that sign', () => {
  expect(refusal(message([transfer, memo(new Uint8Array(566).fill(65))]))).toBe('accepted');
  expect(refusal(message([transfer, memo(new Uint8Array(567).fill(65))]))).toMatch(/^solana\.memo: .*567/);
  expect(refusal(message([transfer, memo(Uint8Array.of(0xff))]))).toMatch(/^solana\.memo: .*UTF-8/);
  const unsigned = withAccount(memo(utf8.encode('x')), 0, AccountRole.READONLY, person(60));
  expect(refusal(message([transfer, unsigned]))).toMatch(/^solana\.accounts: .*does not sign/);
});

promise('P4', 'a message without a transfer is refused, so no rule over effects holds for nothing', () => {
  for (const instructions of [[], [memo(utf8.encode('pay him'))], [unitLimit(1n), unitPrice(1n)]]) {
    expect(refusal(message(instructions))).toMatch(/^solana\.no-transfer: /);
  }
});

promise('P4', 'accounts from a lookup table are refused', () => {
  const bytes = message([transfer]);
  expect(bytes.at(-1)).toBe(0);
  const table = concatBytes(bytes.slice(0, -1), Uint8Array.of(1), new Uint8Array(32).fill(70), Uint8Array.of(1, 0, 0));
  expect(refusal(table)).toMatch(/^solana\.lookup-table: /);
});

promise('P4', 'only legacy and version 0 are messages', () => {
  const bytes = message([transfer]);
  for (const version of [1, 2, 126, 127]) {
    expect(refusal(concatBytes(Uint8Array.of(0x80 | version), bytes.slice(1)))).toMatch(/^solana\.version: /);
  }
  // What wallets put before messages that are no transactions.
  expect(refusal(concatBytes(Uint8Array.of(0xff), utf8.encode('solana offchain'), bytes))).toMatch(
    /^solana\.version: /,
  );
});

promise('P4', 'the header is one that the network takes', () => {
  const header = (change: Partial<WireMessage['header']>): string =>
    refusal(rewired((wire) => ({ header: { ...wire.header, ...change } })));
  expect(header({ signers: 0 })).toMatch(/^solana\.malformed: .*pays the fee/);
  expect(header({ readOnlySigners: 1 })).toMatch(/^solana\.malformed: .*pays the fee/);
  expect(header({ readOnlyOthers: 3 })).toMatch(/^solana\.malformed: .*more accounts/);
  expect(header({ signers: 4 })).toMatch(/^solana\.malformed: .*more accounts/);
});

promise('P4', 'no account stands in a message twice', () => {
  const twice = rewired(({ accounts }) => ({
    accounts: accounts.map((one, at) => (at === 1 ? (accounts[0] ?? one) : one)),
  }));
  expect(refusal(twice)).toMatch(/^solana\.malformed: .* twice/);
});

promise('P4', 'an index that names no account, or the payer as a program, is refused', () => {
  const changed = (change: { program?: number; accounts?: Uint8Array }): string =>
    refusal(rewired(({ instructions }) => ({ instructions: instructions.map((one) => ({ ...one, ...change })) })));
  expect(changed({ program: 0 })).toMatch(/^solana\.malformed: .*no program/);
  expect(changed({ program: 3 })).toMatch(/^solana\.malformed: .*no program/);
  expect(changed({ accounts: Uint8Array.of(0, 3) })).toMatch(/^solana\.malformed: .*no account/);
});

promise('P4', 'lengths have one form', () => {
  const bytes = message([transfer], 'legacy');
  // The number of accounts stands at byte 3.
  const longer = (...form: readonly number[]): string =>
    refusal(concatBytes(bytes.slice(0, 3), Uint8Array.of(...form), bytes.slice(4)));
  expect(longer(3)).toBe('accepted');
  expect(longer(0x83, 0)).toMatch(/^solana\.malformed: .*shortest/);
  expect(longer(0x83, 0x80, 0)).toMatch(/^solana\.malformed: .*shortest/);
  expect(longer(0x83, 0x80, 0x80, 0)).toMatch(/^solana\.malformed: .*65535/);
  expect(longer(0xff, 0xff, 0x04)).toMatch(/^solana\.malformed: .*65535/);
});

promise('P4', 'nothing stands after a message, and nothing is missing', () => {
  for (const version of ['legacy', 0] as const) {
    const bytes = message([unitPrice(1n), transfer, tokenTransfer(1n)], version);
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(bytes.slice(0, length)), String(length)).toMatch(/^solana\.malformed: /);
    }
    expect(refusal(concatBytes(bytes, Uint8Array.of(0)))).toMatch(/^solana\.malformed: .*left/);
  }
});

promise('P4', 'a transaction that fits no packet is refused', () => {
  const padded = (size: number): Uint8Array =>
    message([transfer, memo(new Uint8Array(500).fill(65)), memo(new Uint8Array(size).fill(65))]);
  const room = 1232 - 65 - padded(400).length;
  expect(refusal(padded(400 + room))).toBe('accepted');
  // The message alone would fit, its signature would not.
  expect(padded(401 + room).length).toBeLessThan(1232);
  expect(refusal(padded(401 + room))).toMatch(/^solana\.size: .*1233/);
  expect(refusal(new Uint8Array(1233))).toMatch(/^solana\.size: .*1233/);
});
