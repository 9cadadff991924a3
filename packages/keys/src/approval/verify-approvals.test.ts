import { createHash, sign } from 'node:crypto';
import { concatBytes, fromBase64Url, toBase64Url, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Approval } from '../wire.ts';
import { type ApprovalSubject, approvalBytes, approvalDocument } from './approval-document.ts';
import {
  type AssertionChange,
  assertion,
  ed25519Approver,
  GOOD_FLAGS,
  p256Approver,
  p256Key,
  webauthnApprover,
} from './testing/approvers.ts';
import { type ApprovalInputs, verifyApprovals } from './verify-approvals.ts';

const NOW = 1_800_000_000;
const SUBJECT: ApprovalSubject = {
  key: 'treasury',
  keyVersion: 2,
  publicKey: 'ab'.repeat(64),
  action: 'evm.transaction',
  bytes: Uint8Array.of(2, 0xc0),
  manifest: 'cd'.repeat(48),
};
const NONCE = toBase64Url(new Uint8Array(32).fill(7));
const DOCUMENT = approvalDocument({ ...SUBJECT, nonce: NONCE, expires: NOW + 600 });

const authenticator = p256Key();
const people = {
  ada: ed25519Approver(),
  ben: p256Approver(),
  cleo: webauthnApprover(authenticator),
  dan: ed25519Approver(),
};
type Person = keyof typeof people;
const approvers = Object.fromEntries(Object.entries(people).map(([name, { approver }]) => [name, approver]));
const by = (name: Person, document = DOCUMENT): Approval => people[name].approve(name, document);

const judge = (approvals: readonly Approval[], change: Partial<ApprovalInputs> = {}) =>
  verifyApprovals({
    approvers,
    demand: { threshold: 1, of: ['ada', 'ben', 'cleo'] },
    approvals,
    expected: DOCUMENT,
    now: NOW,
    ...change,
  });
const refused = (why: RegExp) => ({ ok: false, why: expect.stringMatching(why) as unknown });
const cleo = (change: AssertionChange): Approval => assertion(authenticator, 'cleo', DOCUMENT, change);

promise('P4', 'the document has one spelling, and names the bytes by their digest', () => {
  const digest = createHash('sha256').update(SUBJECT.bytes).digest('hex');
  expect(DOCUMENT).toBe(
    `{"action":"evm.transaction","bytes":"${digest}","expires":${NOW + 600},"key":"treasury","keyVersion":2,` +
      `"manifest":"${SUBJECT.manifest}","nonce":"${NONCE}","publicKey":"${SUBJECT.publicKey}","type":"vitrine/approval/v1"}`,
  );
  const { publicKey: _, ...symmetric } = SUBJECT;
  expect(approvalDocument({ ...symmetric, nonce: NONCE, expires: NOW })).not.toContain('publicKey');
});

for (const name of ['ada', 'ben', 'cleo'] as const) {
  promise('P4', `an approval by ${people[name].approver.kind} holds`, () => {
    expect(judge([by(name)])).toEqual({ ok: true, approvers: [name] });
  });

  promise('P4', `an approval by ${people[name].approver.kind} with one changed bit does not hold`, () => {
    const approval = by(name);
    for (const member of ['signature', 'authenticatorData', 'clientData'] as const) {
      const bytes = fromBase64Url(approval[member] ?? '') ?? new Uint8Array(0);
      // Where an authenticator's own counter stands, a changed bit is noticed by the signature alone.
      for (let bit = 0; bit < bytes.length * 8; bit += 5) {
        const changed = Uint8Array.from(bytes, (byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        expect(judge([{ ...approval, [member]: toBase64Url(changed) }]).ok, `${member} ${bit}`).toBe(false);
      }
    }
  });

  promise('P4', `an approval by ${people[name].approver.kind} holds for no other document`, () => {
    for (const change of [
      { key: 'other' },
      { keyVersion: 3 },
      { publicKey: 'ac'.repeat(64) },
      { action: 'evm.message' as const },
      { bytes: Uint8Array.of(2, 0xc1) },
      { manifest: 'ce'.repeat(48) },
      { nonce: toBase64Url(new Uint8Array(32).fill(8)) },
      { expires: NOW + 601 },
    ]) {
      const other = approvalDocument({ ...SUBJECT, nonce: NONCE, expires: NOW + 600, ...change });
      // As it is, and with the document swapped for the one that is expected.
      expect(judge([by(name, other)])).toEqual(refused(/another document/));
      expect(judge([{ ...by(name, other), document: DOCUMENT }])).toEqual(refused(/does not hold/));
      expect(judge([by(name)], { expected: other })).toEqual(refused(/another document/));
    }
    expect(judge([{ ...by(name), document: ` ${DOCUMENT}` }])).toEqual(refused(/another document/));
  });
}

promise('P4', 'as many different approvers are needed as the demand says', () => {
  const demand = { threshold: 2, of: ['ada', 'ben', 'cleo'] };
  expect(judge([by('ada'), by('cleo')], { demand })).toEqual({ ok: true, approvers: ['ada', 'cleo'] });
  expect(judge([by('ada')], { demand })).toEqual(refused(/1 of 2/));
  expect(judge([], { demand })).toEqual(refused(/0 of 2/));
  expect(judge([by('ada'), by('ada')], { demand })).toEqual(refused(/1 of 2/));
  expect(judge([by('ben'), by('ben'), by('ben')], { demand })).toEqual(refused(/1 of 2/));
});

promise('P4', 'one who is not demanded is judged and not counted', () => {
  expect(judge([by('dan')])).toEqual(refused(/0 of 1/));
  expect(judge([by('ada'), by('dan')])).toEqual({ ok: true, approvers: ['ada'] });
  expect(judge([by('ada'), { ...by('dan'), signature: by('ada').signature }])).toEqual(refused(/dan does not hold/));
});

promise('P4', 'one unknown or bad approval refuses all', () => {
  expect(judge([by('ada'), { ...by('ben'), approver: 'eve' }])).toEqual(refused(/no approver .*"eve"/));
  for (const approver of ['__proto__', 'constructor', 'toString', '', 'ADA']) {
    expect(judge([{ ...by('ada'), approver }])).toEqual(refused(/no approver/));
  }
  expect(judge([by('ada'), { ...by('ben'), signature: by('ada').signature }])).toEqual(refused(/ben does not hold/));
  expect(judge([{ ...by('ada'), approver: 'dan' }, by('ben')])).toEqual(refused(/dan does not hold/));
});

promise('P4', 'whoever has two names is one approver', () => {
  const shared = p256Key();
  const both = {
    ...approvers,
    fay: p256Approver(shared).approver,
    gus: webauthnApprover(shared).approver,
    ada2: people.ada.approver,
  };
  const demand = { threshold: 2, of: ['ada', 'ada2', 'fay', 'gus'] };
  const twice = [by('ada'), { ...by('ada'), approver: 'ada2' }];
  expect(judge(twice, { approvers: both, demand })).toEqual(refused(/1 of 2/));
  const kinds = [p256Approver(shared).approve('fay', DOCUMENT), webauthnApprover(shared).approve('gus', DOCUMENT)];
  expect(judge(kinds, { approvers: both, demand })).toEqual(refused(/1 of 2/));
});

promise('P4', 'a demand for nobody is met by nobody', () => {
  for (const threshold of [0, -1, 0.5, Number.NaN]) {
    expect(judge([by('ada')], { demand: { threshold, of: ['ada'] } })).toEqual(refused(/demands no approver/));
  }
});

promise('P4', 'an approval ends', () => {
  expect(judge([by('ada')], { now: NOW + 599 }).ok).toBe(true);
  expect(judge([by('ada')], { now: NOW + 600 })).toEqual(refused(/expired/));
});

promise('P4', 'only so many approvals are looked at', () => {
  expect(judge(Array.from({ length: 33 }, () => by('ada')))).toEqual(refused(/more than 32/));
});

promise('P4', 'a plain signature is over the tagged document and nothing else', () => {
  expect(new TextDecoder().decode(approvalBytes(DOCUMENT))).toBe(`vitrine/approval/v1\u0000${DOCUMENT}`);
  const key = p256Key();
  const untagged = toBase64Url(
    sign('sha256', new TextEncoder().encode(DOCUMENT), { key: key.privateKey, dsaEncoding: 'ieee-p1363' }),
  );
  const named = { approvers: { ben: { kind: 'p256', publicKey: key.raw } as const } };
  expect(judge([{ approver: 'ben', document: DOCUMENT, signature: untagged }], named)).toEqual(
    refused(/does not verify/),
  );
  const der = toBase64Url(sign('sha256', approvalBytes(DOCUMENT), key.privateKey));
  expect(judge([{ approver: 'ben', document: DOCUMENT, signature: der }], named)).toEqual(refused(/64 bytes/));
});

promise('P4', 'a P-256 signature with a high s holds too, since the document is good once', () => {
  const signature = fromBase64Url(by('ben').signature) ?? new Uint8Array(0);
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const s = order - BigInt(`0x${toHex(signature.slice(32))}`);
  const other = concatBytes(signature.slice(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex'));
  expect(judge([{ ...by('ben'), signature: toBase64Url(other) }]).ok).toBe(true);
  for (const part of [new Uint8Array(32), Buffer.from(order.toString(16), 'hex')]) {
    for (const bad of [concatBytes(part, signature.slice(32)), concatBytes(signature.slice(0, 32), part)]) {
      expect(judge([{ ...by('ben'), signature: toBase64Url(bad) }])).toEqual(refused(/does not hold/));
    }
  }
});

promise('P4', 'a key of small order signs nothing', () => {
  // The neutral point: with S = 0 and R the same point, the bare equation holds for every message.
  const neutral = `01${'00'.repeat(31)}`;
  const signature = toBase64Url(concatBytes(Uint8Array.of(1), new Uint8Array(63)));
  const named = { approvers: { ada: { kind: 'ed25519', publicKey: neutral } as const } };
  expect(judge([{ approver: 'ada', document: DOCUMENT, signature }], named)).toEqual(refused(/does not verify/));
});

promise('P4', 'a P-256 key that is no point signs nothing', () => {
  for (const publicKey of ['00'.repeat(64), 'ff'.repeat(64)]) {
    const named = { approvers: { ben: { kind: 'p256', publicKey } as const } };
    expect(judge([by('ben')], named)).toEqual(refused(/does not hold/));
  }
});

promise('P4', 'a plain signature comes without data of an authenticator', () => {
  for (const name of ['ada', 'ben'] as const) {
    expect(judge([{ ...by(name), clientData: 'AA' }])).toEqual(refused(/authenticator/));
    expect(judge([{ ...by(name), authenticatorData: 'AA' }])).toEqual(refused(/authenticator/));
  }
});

const badAssertions: Readonly<Record<string, readonly [AssertionChange, RegExp]>> = {
  'a registration': [{ clientData: { type: 'webauthn.create' } }, /webauthn\.get/],
  'another challenge': [{ clientData: { challenge: NONCE } }, /challenge/],
  'a padded challenge': [{ clientData: { challenge: `${NONCE}=` } }, /challenge/],
  'another origin': [{ clientData: { origin: 'https://approve.example.evil' } }, /origin/],
  'another scheme': [{ clientData: { origin: 'http://approve.example' } }, /origin/],
  'another port': [{ clientData: { origin: 'https://approve.example:444' } }, /origin/],
  'a frame of another page': [{ clientData: { crossOrigin: true } }, /another page/],
  'a frame that says so otherwise': [{ clientData: { crossOrigin: 'true' } }, /another page/],
  'a top origin': [{ clientData: { topOrigin: 'https://evil.example' } }, /another page/],
  'client data that is a list': [{ clientText: new TextEncoder().encode('[]') }, /no JSON object/],
  'client data with a BOM': [{ clientText: new TextEncoder().encode('\ufeff{}') }, /no JSON object/],
  'client data that is no UTF-8': [{ clientText: Uint8Array.of(0x7b, 0xff, 0x7d) }, /no JSON object/],
  'client data with a name twice': [
    { clientText: new TextEncoder().encode('{"type":"webauthn.get","type":"webauthn.get"}') },
    /no JSON object/,
  ],
  'very long client data': [{ clientData: { pad: 'a'.repeat(5_000) } }, /no JSON object/],
  'another relying party': [{ rpId: 'evil.example' }, /not for approve\.example/],
  'an absent user': [{ flags: GOOD_FLAGS & ~0x01 }, /did not see/],
  'an unverified user': [{ flags: GOOD_FLAGS & ~0x04 }, /did not verify/],
  'a reserved flag': [{ flags: GOOD_FLAGS | 0x02 }, /flag/],
  'another reserved flag': [{ flags: GOOD_FLAGS | 0x20 }, /flag/],
  'attested data announced': [{ flags: GOOD_FLAGS | 0x40 }, /flag/],
  'extensions announced': [{ flags: GOOD_FLAGS | 0x80 }, /flag/],
  'a backup of what cannot be backed up': [{ flags: GOOD_FLAGS | 0x10 }, /contradict/],
  extensions: [{ flags: GOOD_FLAGS | 0x80, extra: Uint8Array.of(0xa0) }, /38 bytes/],
  'trailing bytes': [{ extra: Uint8Array.of(0) }, /38 bytes/],
};
for (const [what, [change, why]] of Object.entries(badAssertions)) {
  promise('P4', `an assertion with ${what} is refused`, () => {
    expect(judge([cleo(change)])).toEqual(refused(why));
  });
}

promise('P4', 'an assertion may be of a backed-up key, and say what this version does not know', () => {
  expect(judge([cleo({ flags: GOOD_FLAGS | 0x18 })]).ok).toBe(true);
  expect(judge([cleo({ clientData: { other_keys_can_be_added_here: 'x' } })]).ok).toBe(true);
});

promise('P4', 'the parts of an assertion are all there, and the signature is strict DER', () => {
  const good = by('cleo');
  for (const member of ['signature', 'authenticatorData', 'clientData'] as const) {
    for (const bad of ['', '!', 'A', `${good[member] ?? ''}=`]) {
      expect(judge([{ ...good, [member]: bad }]).ok, `${member} ${bad.slice(0, 3)}`).toBe(false);
    }
  }
  const { clientData: _, ...without } = good;
  expect(judge([without])).toEqual(refused(/missing/));
  const der = fromBase64Url(good.signature) ?? new Uint8Array(0);
  const longForm = concatBytes(Uint8Array.of(0x30, 0x81), der.slice(1));
  for (const bad of [concatBytes(der, Uint8Array.of(0)), der.slice(0, -1), longForm]) {
    expect(judge([{ ...good, signature: toBase64Url(bad) }])).toEqual(refused(/signature/));
  }
});

promise('P4', 'an authenticator cannot approve as a plain key, nor the other way', () => {
  const plain = { kind: 'p256', publicKey: authenticator.raw } as const;
  expect(judge([by('cleo')], { approvers: { cleo: plain } })).toEqual(refused(/authenticator/));
  const asPlain = p256Approver(authenticator).approve('cleo', DOCUMENT);
  expect(judge([asPlain])).toEqual(refused(/missing/));
});

promise('P4', 'whatever is sent as approvals gives a verdict', () => {
  const anything = fc.record(
    {
      approver: fc.constantFrom('ada', 'ben', 'cleo', 'eve'),
      document: fc.constantFrom(DOCUMENT, '{}'),
      signature: fc.oneof(fc.string(), fc.uint8Array({ minLength: 60, maxLength: 72 }).map(toBase64Url)),
      authenticatorData: fc.oneof(fc.string(), fc.uint8Array({ maxLength: 40 }).map(toBase64Url)),
      clientData: fc.oneof(
        fc.string(),
        fc.json().map((text) => toBase64Url(new TextEncoder().encode(text))),
      ),
    },
    { requiredKeys: ['approver', 'document', 'signature'] },
  );
  fc.assert(
    fc.property(fc.array(anything, { minLength: 1, maxLength: 3 }), (approvals) => {
      expect(judge(approvals as readonly Approval[]).ok).toBe(false);
    }),
    { numRuns: 300 },
  );
});
