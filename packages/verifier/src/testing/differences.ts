/**
 * What the checks of an outcome show, in a form that tests compare at a glance.
 *
 * @module
 */
import type { Check } from '../result.ts';

/** Digits after which a hexadecimal value is cut: enough to tell the values of a test apart. */
const SHOWN_DIGITS = 8;

/** The same as {@link showCheck} of every check, by id. */
export function showChecks({ checks }: { readonly checks: readonly Check[] }): Readonly<Record<string, string>> {
  return Object.fromEntries(checks.map((check) => [check.id, showCheck(check)]));
}

/** Status, what was expected, what was found and what it rests on, as far as the check says so. */
export function showCheck({ status, expected, actual, anchor }: Check): string {
  const parts = [
    expected === undefined ? [] : [`expected ${expected}`],
    actual === undefined ? [] : [`found ${actual}`],
    anchor === undefined ? [] : [`by ${anchor}`],
  ].flat();
  return [status, ...parts]
    .join(' | ')
    .replace(/SHA-256 [0-9a-f]{64}/gu, 'SHA-256 …')
    .replace(/[0-9a-f]{32,}/gu, cut);
}

function cut(hex: string): string {
  return `${hex.slice(0, SHOWN_DIGITS)}… (${hex.length / 2} bytes)`;
}
