/**
 * Is this quote from genuine, current, unrevoked hardware? Everything is given, nothing is fetched.
 *
 * Run: node verify-a-quote.ts quote.bin collateral.json 2026-02-18T14:04:40Z
 *
 * @module
 */
import { readFile } from 'node:fs/promises';
import { type AttestationResult, parseEndorsements, presets, verify } from '@vitrine/verifier';

async function bytesOf(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(file));
}

/** Judges a quote by the preset `hardware-only`: it says nothing about the code that runs there. */
export async function verifyQuote(quoteFile: string, collateralFile: string, now: Date): Promise<AttestationResult> {
  return verify(
    { kind: 'raw', bytes: await bytesOf(quoteFile) },
    {
      policy: presets['hardware-only'],
      now,
      endorsements: parseEndorsements(await bytesOf(collateralFile), collateralFile),
      simulatorAnchors: [],
    },
  );
}

const [quote, collateral, time] = process.argv.slice(2);
if (import.meta.main && quote !== undefined && collateral !== undefined) {
  const { verdict, decidedBy, checks } = await verifyQuote(quote, collateral, new Date(time ?? Date.now()));
  for (const { id, status, message } of checks)
    process.stdout.write(`${status.padEnd(12)} ${id.padEnd(22)} ${message}\n`);
  process.stdout.write(`${verdict}${decidedBy === null ? '' : ` because of ${decidedBy}`}\n`);
  process.exitCode = verdict === 'verified' ? 0 : 1;
}
