/**
 * Names of the 2026-07-28 envelope and of the revision itself, as far as the SDK does not export them.
 *
 * @module
 */
import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  LOG_LEVEL_META_KEY,
  type LoggingLevel,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';
import { isObject, type Params } from './message.ts';

/** The stateless revision that the gateway serves. */
export const modernRevision = '2026-07-28';

/** RFC 5424 severities in rising order, as `logging/setLevel` and the envelope use them. */
const severities: readonly LoggingLevel[] = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
];

export function isLoggingLevel(value: unknown): value is LoggingLevel {
  return severities.some((severity) => severity === value);
}

/** Whether a record of `level` is wanted by who asked for `threshold` and above. */
export function reaches(level: LoggingLevel, threshold: LoggingLevel): boolean {
  return severities.indexOf(level) >= severities.indexOf(threshold);
}

/** The keys by which a stateless request describes its sender; a 2025-11-25 server has no use for them. */
export const envelopeKeys: readonly string[] = [
  PROTOCOL_VERSION_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  LOG_LEVEL_META_KEY,
];

/** `params._meta`, or an empty object. */
export function metaOf(params: Params | undefined): Readonly<Record<string, unknown>> {
  return isObject(params?._meta) ? params._meta : {};
}

/** The log level that a stateless request asks for; without one it gets no log records. */
export function logLevelOf(params: Params | undefined): LoggingLevel | undefined {
  const level = metaOf(params)[LOG_LEVEL_META_KEY];
  return isLoggingLevel(level) ? level : undefined;
}
