/** The whole way inside the guests of dstack and of Confidential Containers, whose services are emulated. */
import { afterEach } from 'vitest';
import { promise } from '../../promises.ts';
import { type Workplace, workplace } from '../../support/cli.ts';
import { journey } from './journey.ts';
import { cocoMachine, dstackMachine } from './machines.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function freshPlace(): Workplace {
  const user = workplace();
  ends.push(() => user.dispose());
  return user;
}

for (const version of ['0.6', '0.5'] as const) {
  promise('P4', `in dstack ${version}: verified as simulated, called, restarted, upgraded`, async () => {
    const user = freshPlace();
    const machine = dstackMachine(user, { version });
    ends.push(() => machine.end());
    await journey(user, machine);
  });
}

promise(
  'P4',
  'in CoCo, with a root from a key broker: verified as simulated, called, restarted, upgraded',
  async () => {
    const user = freshPlace();
    const machine = await cocoMachine(user);
    ends.push(() => machine.end());
    await journey(user, machine);
  },
);
