/**
 * `vitrine add --uninstall`: takes the entry out of a client again. Needs no network, and leaves the pin.
 *
 * @module
 */
import { entryName, findPin, normaliseUrl, pinsFile, type Scope } from '@vitrine/client';
import { confirm } from '../ask.ts';
import { EXIT } from '../exit-code.ts';
import { userHome } from '../home.ts';
import { applyPlans, type Planned, showPlans } from './show.ts';
import { targetsOf } from './targets.ts';

export interface Removal {
  readonly url: string;
  readonly clients: readonly string[];
  readonly scope: Scope;
  readonly name: string | undefined;
  readonly yes: boolean;
  readonly dryRun: boolean;
}

/** Shows the edits, asks, and makes them. */
export async function removeEntries({ url, clients, scope, name, yes, dryRun }: Removal): Promise<number> {
  const server = normaliseUrl(url);
  const plans: Planned[] = [];
  for (const target of await targetsOf(clients, scope))
    plans.push({ target, plan: await target.planRemoval(name ?? entryName(server), server) });
  showPlans(plans);
  const something = plans.some(({ plan }) => plan.change !== 'none');
  if (something && !dryRun) {
    if (!yes && !(await confirm('Remove the entry?'))) {
      process.stderr.write('vitrine: nothing was changed\n');
      return EXIT.notVerified;
    }
    await applyPlans(plans, false);
  }
  if (dryRun) process.stderr.write('vitrine: --dry-run: nothing was written\n');
  if ((await findPin(pinsFile(userHome()), server)) !== undefined)
    process.stderr.write(`vitrine: the pin is kept; to forget the server, too: vitrine pins rm ${server}\n`);
  return EXIT.done;
}
