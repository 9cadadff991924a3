import type { EvmEffectPattern, KeyPolicy, KeyRule } from '@vitrine/documents';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Asker, Effect, Intent } from '../intent.ts';
import { address, keySpec, transaction } from '../testing/policies.ts';
import { type Decision, evaluate } from './evaluate.ts';
import { loadPolicy } from './load.ts';
import type { LoadedPolicy } from './loaded-policy.ts';

const PEOPLE = ['a', 'b', 'c'].map(address);
/** Which standard a rule may name them by, so that generated policies load. */
const COINS = ['1', '2'].map(address);
const NFTS = ['3'].map(address);
const CHAINS = ['eip155:1', 'eip155:2'];
const TOOLS = ['send', 'pay', 'read'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

const some = <T>(values: readonly T[]): fc.Arbitrary<readonly T[]> => fc.subarray([...values], { minLength: 1 });
const anyOr = <T>(values: readonly T[]): fc.Arbitrary<'any' | readonly T[]> =>
  fc.oneof(fc.constant('any' as const), some(values));
const cap = fc.oneof(fc.constant('any'), fc.integer({ min: 0, max: 12 }).map(String));

/** `above` leaves amounts between itself and `max`, or the policy would not load. */
const amounts: fc.Arbitrary<object> = fc
  .tuple(cap, fc.option(fc.integer({ min: 0, max: 11 }), { nil: undefined }))
  .map(([max, above]) =>
    above === undefined || (max !== 'any' && above >= Number(max)) ? { max } : { max, above: String(above) },
  );
const UNBOUNDED: fc.Arbitrary<object> = fc.constant({ max: 'any' });

const pattern = (bounds: fc.Arbitrary<object>): fc.Arbitrary<EvmEffectPattern> => {
  const bounded = (members: fc.Arbitrary<object>): fc.Arbitrary<object> =>
    fc.tuple(members, bounds).map(([one, two]) => ({ ...one, ...two }));
  return fc.oneof(
    bounded(fc.record({ kind: fc.constant('native-transfer'), to: anyOr(PEOPLE) })),
    bounded(fc.record({ kind: fc.constant('erc20-transfer'), token: anyOr(COINS), to: anyOr(PEOPLE) })),
    bounded(fc.record({ kind: fc.constant('erc20-approval'), token: anyOr(COINS), spender: anyOr(PEOPLE) })),
    fc.record({
      kind: fc.constant('nft-transfer'),
      token: anyOr(NFTS),
      to: anyOr(PEOPLE),
      max: bounds.map((one) => ('max' in one ? one.max : 'any')),
    }),
    fc.record({ kind: fc.constant('nft-approval'), token: anyOr(NFTS), spender: anyOr(PEOPLE) }),
  ) as fc.Arbitrary<EvmEffectPattern>;
};

const optional = <T>(member: string, value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.option(value, { freq: 2, nil: undefined }).map((one) => (one === undefined ? {} : { [member]: one }));
const merged = (...parts: readonly fc.Arbitrary<object>[]): fc.Arbitrary<KeyRule> =>
  fc.tuple(...parts).map((all) => Object.assign({}, ...all) as KeyRule);

const rarely = (one: fc.Arbitrary<object>): fc.Arbitrary<object> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: one });
const callers = [optional('tools', some(TOOLS)), optional('principals', some(['ada', 'eve']))].map(rarely);
const rule = fc.oneof(
  {
    weight: 6,
    arbitrary: merged(
      fc.record({
        effect: fc.constant('allow'),
        action: fc.constant('evm.transaction'),
        chains: some(CHAINS),
        effects: fc.array(pattern(amounts), { minLength: 1, maxLength: 4 }),
        fee: cap.map((max) => ({ max })),
      }),
      ...callers,
      optional(
        'hours',
        some(DAYS).map((days) => ({ days, from: '06:00', to: '18:00' })),
      ),
      optional('confirm', fc.constant('elicitation')),
    ),
  },
  {
    weight: 1,
    arbitrary: merged(
      fc.record({ effect: fc.constant('deny'), action: fc.constant('evm.transaction') }),
      ...callers,
      optional('chains', some(CHAINS)),
      optional('effects', fc.array(pattern(UNBOUNDED), { minLength: 1, maxLength: 2 })),
    ),
  },
);
const policies: fc.Arbitrary<KeyPolicy> = fc
  .array(rule, { minLength: 1, maxLength: 6 })
  .map((all) => ({ rules: all.map((one, index) => ({ ...one, id: `r${index}` })) }));

const amount = fc.bigInt(0n, 8n);
const standard = fc.constantFrom('erc20', 'erc721', 'erc1155', 'erc20-or-erc721');
const effect = fc.oneof(
  fc.record({ kind: fc.constant('native-transfer'), to: fc.constantFrom(...PEOPLE), amount }),
  fc.record({
    kind: fc.constant('token-transfer'),
    token: fc.constantFrom(...COINS, ...NFTS),
    to: fc.constantFrom(...PEOPLE),
    standard,
    amount,
  }),
  fc.record({
    kind: fc.constant('token-approval'),
    token: fc.constantFrom(...COINS, ...NFTS),
    spender: fc.constantFrom(...PEOPLE),
    standard,
    amount,
  }),
) as fc.Arbitrary<Effect>;
const intents: fc.Arbitrary<Intent> = fc
  .tuple(fc.array(effect, { maxLength: 2 }), fc.constantFrom(...CHAINS), amount)
  .map(([effects, chain, fee]) => transaction(effects, { chain, fee }));
const askers: fc.Arbitrary<Asker> = fc.record({
  instance: fc.constant('i'),
  principal: fc.constantFrom('ada', 'eve', 'bob'),
  tools: fc.subarray(TOOLS),
  isolated: fc.constantFrom(true, true, true, true, false),
});
const times = fc.date({
  min: new Date('2026-01-01T00:00:00Z'),
  max: new Date('2026-01-15T00:00:00Z'),
  noInvalidDate: true,
});

const loaded = (policy: KeyPolicy): LoadedPolicy => loadPolicy('hot', keySpec(policy), { isolated: true });

/** The semantics once more, from the policy as it is written, without any thought of speed. */
function naive(policy: KeyPolicy, intent: Intent, asker: Asker, now: Date): Pick<Decision, 'outcome' | 'rules'> {
  if (intent.action !== 'evm.transaction') throw new Error('only transactions are generated');
  const { effects, chain, fee } = intent;
  const readings = (one: Effect, strict: boolean, pattern: EvmEffectPattern): readonly { amount: bigint }[] => {
    const place = (places: 'any' | readonly string[], found: string): boolean =>
      places === 'any' || places.includes(found);
    if (one.kind === 'native-transfer') {
      return pattern.kind === 'native-transfer' && place(pattern.to, one.to) ? [one] : [];
    }
    if (one.kind !== 'token-transfer' && one.kind !== 'token-approval') return [];
    const isTransfer = one.kind === 'token-transfer';
    const counterpart = one.kind === 'token-transfer' ? one.to : one.spender;
    const fits = (wanted: 'erc20' | 'nft'): boolean => {
      if (pattern.kind !== `${wanted}-${isTransfer ? 'transfer' : 'approval'}`) return false;
      if (!('token' in pattern) || !place(pattern.token, one.token)) return false;
      if (!place('to' in pattern ? pattern.to : pattern.spender, counterpart)) return false;
      return one.standard !== 'erc20-or-erc721' || !strict || pattern.token !== 'any';
    };
    const asCoin = one.standard === 'erc20' || one.standard === 'erc20-or-erc721';
    const asNft = one.standard !== 'erc20';
    if (asCoin && fits('erc20')) return [one];
    if (asNft && fits('nft')) return [{ amount: one.standard === 'erc20-or-erc721' ? 1n : one.amount }];
    return [];
  };
  const assetOf = (one: Effect): string => ('token' in one ? one.token : 'native');
  const covers = (one: Effect, pattern: EvmEffectPattern): boolean => {
    if (readings(one, true, pattern).length === 0) return false;
    if (!('max' in pattern)) return true;
    const together = effects
      .filter((other) => assetOf(other) === assetOf(one))
      .flatMap((other) => readings(other, true, pattern))
      .reduce((sum, reading) => sum + reading.amount, 0n);
    if ('above' in pattern && pattern.above !== undefined && together <= BigInt(pattern.above)) return false;
    return pattern.max === 'any' || together <= BigInt(pattern.max);
  };
  const denying: string[] = [];
  const allowing: string[] = [];
  for (const written of policy.rules) {
    if (written.action !== 'evm.transaction') continue;
    const { tools, principals, id } = written;
    if (written.effect === 'deny') {
      const concerned =
        !asker.isolated ||
        ((tools === undefined || asker.tools.length === 0 || tools.some((tool) => asker.tools.includes(tool))) &&
          (principals === undefined || principals.includes(asker.principal)));
      const touched =
        written.effects === undefined ||
        effects.some((one) => written.effects?.some((pattern) => readings(one, false, pattern).length > 0));
      if (concerned && touched && (written.chains === undefined || written.chains.includes(chain))) denying.push(id);
      continue;
    }
    const { hours } = written;
    const day = DAYS[now.getUTCDay()];
    const inTime =
      hours === undefined ||
      (hours.days.some((one) => one === day) &&
        now.toISOString().slice(11, 16) >= hours.from &&
        now.toISOString().slice(11, 16) < hours.to);
    const isCaller =
      (tools === undefined ||
        (asker.isolated && asker.tools.length > 0 && asker.tools.every((tool) => tools.includes(tool)))) &&
      (principals === undefined || (asker.isolated && principals.includes(asker.principal)));
    const isCovered =
      effects.length > 0 && effects.every((one) => written.effects.some((pattern) => covers(one, pattern)));
    const isPaid = written.fee.max === 'any' || fee <= BigInt(written.fee.max);
    if (inTime && isCaller && isCovered && isPaid && written.chains.includes(chain)) allowing.push(id);
  }
  if (denying.length > 0) return { outcome: 'deny', rules: denying.sort() };
  return { outcome: allowing.length > 0 ? 'allow' : 'deny', rules: allowing.sort() };
}

promise('P4', 'decisions are those of a naive reading of the policy', () => {
  let allowed = 0;
  fc.assert(
    fc.property(policies, intents, askers, times, (policy, intent, asker, now) => {
      const { outcome, rules } = evaluate(loaded(policy), intent, asker, now);
      if (outcome === 'allow') allowed++;
      expect({ outcome, rules }).toEqual(naive(policy, intent, asker, now));
    }),
    { numRuns: 4000 },
  );
  expect(allowed).toBeGreaterThan(100);
});

promise('P4', 'the order of rules changes no decision, nor its reason', () => {
  const shuffled = policies.chain((policy) =>
    fc.tuple(fc.constant(policy), fc.shuffledSubarray([...policy.rules], { minLength: policy.rules.length })),
  );
  fc.assert(
    fc.property(shuffled, intents, askers, times, ([policy, rules], intent, asker, now) => {
      expect(evaluate(loaded({ rules }), intent, asker, now)).toEqual(evaluate(loaded(policy), intent, asker, now));
    }),
    { numRuns: 1000 },
  );
});

promise('P4', 'whatever arrives as a request, there is a decision, and it is a denial unless a rule covers it', () => {
  const policy = loaded({
    rules: [
      {
        id: 'all',
        effect: 'allow',
        action: 'evm.transaction',
        chains: ['eip155:1'],
        effects: [{ kind: 'native-transfer', to: 'any', max: 'any' }],
        fee: { max: 'any' },
      },
    ],
  });
  const odd = fc.oneof(fc.string(), fc.bigInt(), fc.double(), fc.constant(undefined), fc.constant(null), fc.boolean());
  const anything = fc.record({
    kind: fc.oneof(fc.constant('native-transfer'), odd),
    to: odd,
    amount: odd,
    token: odd,
    standard: odd,
  });
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 3 }), odd, odd, (effects, chain, fee) => {
      const intent = transaction(effects as unknown as readonly Effect[], { chain, fee });
      const asker: Asker = { instance: 'i', principal: 'ada', tools: [], isolated: true };
      expect(evaluate(policy, intent, asker, new Date(0)).outcome).toBe('deny');
    }),
    { numRuns: 500 },
  );
});
