import { UsageError } from '@vitrine/documents';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { parsePolicy, presets } from './policy-file.ts';

const type = 'vitrine/appraisal-policy/v1';
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const file = (overrides: object): string => JSON.stringify({ type, extends: 'default', ...overrides });

promise('P7', 'a policy file without overrides is the preset it extends', () => {
  expect(plain(parsePolicy(file({}), 'p.json'))).toEqual(plain(presets.default));
});

promise('P7', 'an override replaces one field and keeps the others', () => {
  const policy = parsePolicy(file({ tdx: { tcbStatus: ['UpToDate', 'OutOfDate'] } }), 'p.json');
  expect(policy.tdx.tcbStatus).toEqual(['UpToDate', 'OutOfDate']);
  expect(policy.tdx.debug).toBe('refused');
});

promise('P7', 'a policy without extends must be complete', () => {
  expect(plain(parsePolicy(JSON.stringify(presets.strict), 'p.json'))).toEqual(plain(presets.strict));
  const { provenance, ...rest } = presets.strict;
  expect(provenance).toBe('required');
  expect(() => parsePolicy(JSON.stringify(rest), 'p.json')).toThrow(/missing field "provenance"/);
});

promise('P7', 'the presets differ where they say they do, and waive nothing else', () => {
  expect(presets['hardware-only'].workload).toMatchObject({ code: 'any', reference: 'any' });
  // A TPM quote says nothing but PCRs, so that without a workload neither they nor a nonce are demanded.
  const { workload, tpm } = presets.default;
  expect(plain({ ...presets['hardware-only'], workload, tpm })).toEqual(plain(presets.default));
  expect(presets.strict.tdx.platforms).toBe('listed');
  for (const preset of Object.values(presets)) {
    expect(preset.tdx).toMatchObject({
      tcbStatus: ['UpToDate'],
      advisories: 'none',
      revocation: 'required',
      debug: 'refused',
      septVeDisable: 'required',
    });
  }
});

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['an unknown field', file({ tdx: { debgu: 'any' } }), /tdx\.debgu: unknown field "debgu"; did you mean "debug"\?/],
  ['an unknown top-level field', file({ tdxx: {} }), /unknown field "tdxx"; did you mean "tdx"\?/],
  [
    'an empty allow-list of statuses',
    file({ tdx: { tcbStatus: [] } }),
    /tdx\.tcbStatus: expected a list of at least 1 entry, found an empty one/,
  ],
  [
    'an empty list of platforms',
    file({ tdx: { platforms: [] } }),
    /tdx\.platforms: .*expected a list of at least 1 entry, found an empty one/,
  ],
  ['an empty object', file({ tdx: {} }), /tdx: an empty object changes nothing/],
  ['an unknown status', file({ tdx: { tcbStatus: ['UpTodate'] } }), /did you mean "UpToDate"\?/],
  ['null instead of any', file({ tdx: { mrseam: null } }), /tdx\.mrseam/],
  ['true instead of required', file({ provenance: true }), /provenance: expected one of "required", "any", found true/],
  [
    'an unknown preset',
    JSON.stringify({ type, extends: 'lenient' }),
    /extends: expected one of strict, default, hardware-only, found "lenient"/,
  ],
  ['no type', JSON.stringify({ extends: 'default' }), /missing field "type"; expected "vitrine\/appraisal-policy\/v1"/],
  ['another type', file({ type: 'vitrine/appraisal-policy/v2' }), /type: expected "vitrine\/appraisal-policy\/v1"/],
  [
    'a run-time register pinned without the launch registers',
    file({ tdx: { registers: [{ mrtd: 'any', rtmr0: 'any', rtmr1: 'any', rtmr2: 'any', rtmr3: 'ab'.repeat(48) }] } }),
    /tdx\.registers\[0\]: pins rtmr3 and leaves mrtd, rtmr0, rtmr1, rtmr2 open/,
  ],
  ['a register that is too short', file({ tdx: { mrseam: ['ab'] } }), /48 bytes/],
  [
    'a duplicate field',
    `{"type":"${type}","extends":"default","extends":"strict"}`,
    /p\.json:1:\d+: .*duplicate key "extends"/,
  ],
  ['a list', '[]', /expected an object/],
];

for (const [what, text, message] of refused) {
  promise('P7', `a policy file with ${what} is refused`, () => {
    expect(() => parsePolicy(text, 'p.json')).toThrow(UsageError);
    expect(() => parsePolicy(text, 'p.json')).toThrow(message);
  });
}

promise('P7', 'any text gives a policy or a UsageError', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.jsonValue().map((value) => file({ tdx: value })),
      ),
      (text) => {
        try {
          parsePolicy(text, 'p.json');
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      },
    ),
  );
});
