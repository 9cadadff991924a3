/**
 * `vitrine doctor`: what this machine has and lacks.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { parseArguments } from '../command.ts';
import { examineClients } from '../doctor/clients.ts';
import { type Examined, thisMachine } from '../doctor/examined.ts';
import { type Finding, isReady } from '../doctor/finding.ts';
import { examineHardware } from '../doctor/hardware.ts';
import { examineHost } from '../doctor/host-servers.ts';
import { examineNetwork } from '../doctor/network.ts';
import { doctorReport } from '../doctor/report.ts';
import { examineSandbox } from '../doctor/sandbox.ts';
import { examineUse } from '../doctor/use-servers.ts';
import { EXIT } from '../exit-code.ts';
import { doctorSpec } from '../specs/doctor.ts';
import { terminalOf } from '../terminal.ts';

export async function runDoctor(args: readonly string[]): Promise<number> {
  const { values, positionals, rest } = parseArguments(args, doctorSpec.options);
  const extra = positionals[0] ?? rest?.[0];
  if (extra !== undefined)
    throw new UsageError('usage.extra', `unexpected argument ${JSON.stringify(extra)}: expected none`);
  const findings = await examine(thisMachine());
  const ready = isReady(findings);
  process.stdout.write(
    values.json === true
      ? `${JSON.stringify({ type: 'vitrine/doctor/v1', ready, findings })}\n`
      : doctorReport(findings, terminalOf(process.stdout)),
  );
  return ready ? EXIT.done : EXIT.usage;
}

async function examine(machine: Examined): Promise<readonly Finding[]> {
  return [
    ...(await examineUse(machine)),
    ...(await examineClients(machine)),
    ...examineHost(machine),
    ...examineNetwork(machine),
    ...examineHardware(machine),
    ...examineSandbox(machine),
  ];
}
