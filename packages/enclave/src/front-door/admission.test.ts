import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Admit, budgetKey, createAdmission, DEFAULT_ADMISSION } from './admission.ts';

const done = async (): Promise<string> => 'done';

async function admitted(admit: Admit, address: string): Promise<boolean> {
  return (await admit(address, done)).admitted;
}

test('a budget is per address and refills with time, up to the burst', async () => {
  let now = 0;
  const admit = createAdmission({ ...DEFAULT_ADMISSION, burst: 2, perSecond: 1 }, () => now);
  expect([await admitted(admit, 'a'), await admitted(admit, 'a'), await admitted(admit, 'a')]).toEqual([
    true,
    true,
    false,
  ]);
  expect(await admitted(admit, 'b')).toBe(true);
  now += 999;
  expect(await admit('a', done)).toEqual({ admitted: false, retryAfterSeconds: 1 });
  now += 1;
  expect(await admit('a', done)).toEqual({ admitted: true, value: 'done' });
  now += 1_000_000;
  expect([await admitted(admit, 'a'), await admitted(admit, 'a'), await admitted(admit, 'a')]).toEqual([
    true,
    true,
    false,
  ]);
});

test('what waits runs in order, and no more than allowed at the same time', async () => {
  const admit = createAdmission({ ...DEFAULT_ADMISSION, running: 2, waiting: 2 }, () => 0);
  const order: number[] = [];
  const gates = [1, 2, 3, 4].map(() => Promise.withResolvers<void>());
  const begun = gates.map(() => Promise.withResolvers<void>());
  const runs = gates.map((gate, index) =>
    admit('a', async () => {
      order.push(index);
      begun[index]?.resolve();
      await gate.promise;
    }),
  );
  expect(await admit('a', done)).toEqual({ admitted: false, retryAfterSeconds: 1 });
  expect(order).toEqual([0, 1]);
  gates[1]?.resolve();
  await begun[2]?.promise;
  expect(order).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.all(runs);
  expect(order).toEqual([0, 1, 2, 3]);
  expect(await admitted(admit, 'a')).toBe(true);
});

test('work that fails gives its place back', async () => {
  const admit = createAdmission({ ...DEFAULT_ADMISSION, running: 1, waiting: 0 }, () => 0);
  const failing = (): Promise<never> => Promise.reject(new Error('x'));
  await expect(admit('a', failing)).rejects.toThrow('x');
  expect(await admitted(admit, 'a')).toBe(true);
});

test('the memory for addresses is bounded; full budgets are forgotten first', async () => {
  let now = 0;
  const admit = createAdmission({ ...DEFAULT_ADMISSION, burst: 1, perSecond: 1, addresses: 2 }, () => now);
  expect([await admitted(admit, 'a'), await admitted(admit, 'b'), await admitted(admit, 'c')]).toEqual([
    true,
    true,
    false,
  ]);
  now += 1000;
  expect(await admitted(admit, 'c')).toBe(true);
  expect(await admitted(admit, 'd')).toBe(true);
  expect(await admitted(admit, 'e')).toBe(false);
});

test('one IPv6 network is one client; mapped IPv4 is IPv4', () => {
  const same = [
    ['2001:db8:0:1::1', '2001:db8::1:2:3:4:5'],
    ['2001:0DB8:0000:0001:0:0:0:1', '2001:db8:0:1::ffff'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['fe80::1%eth0', 'fe80::2'],
  ];
  for (const [left = '', right = ''] of same) expect(budgetKey(left)).toBe(budgetKey(right));
  expect(budgetKey('2001:db8:0:1::1')).not.toBe(budgetKey('2001:db8:0:2::1'));
  expect(budgetKey('192.0.2.1')).not.toBe(budgetKey('192.0.2.2'));
});

test('any address has a key', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), fc.ipV4(), fc.string()), (address) => {
      expect(budgetKey(address)).toBeTypeOf('string');
    }),
  );
});
