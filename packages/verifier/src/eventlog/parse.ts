/**
 * Parsing of event logs of every supported format: bytes to events, no trust.
 *
 * @module
 */
import { looksLikeCel, parseCel } from './cel.ts';
import { looksLikeJsonList, parseDstackLog } from './dstack.ts';
import { type EventLog, type EventLogFormat, MAX_LOG_BYTES, malformed } from './event-log.ts';
import { parseTcgLog } from './tcg.ts';

/**
 * Reads an event log.
 *
 * @param bytes - As the kernel, the firmware table or the guest agent gives it.
 * @param format - Forces a format; otherwise it is detected from the first bytes.
 * @throws MalformedEvidenceError (check `eventlog.format`) for anything but one whole log.
 */
export function parseEventLog(bytes: Uint8Array<ArrayBuffer>, format?: EventLogFormat): EventLog {
  if (bytes.length === 0) malformed('empty');
  if (bytes.length > MAX_LOG_BYTES) malformed(`longer than ${MAX_LOG_BYTES} bytes`);
  switch (format ?? detect(bytes)) {
    case 'dstack':
      return parseDstackLog(bytes);
    case 'cel':
      return parseCel(bytes);
    case 'tcg':
      return parseTcgLog(bytes, 'tcg');
    case 'ccel':
      return parseTcgLog(bytes, 'ccel');
    case 'either':
      return parseTcgLog(bytes);
  }
}

/** `either`: a TCG log, whose first event says for which registers. */
export function detect(bytes: Uint8Array): 'dstack' | 'cel' | 'either' {
  if (looksLikeJsonList(bytes)) return 'dstack';
  return looksLikeCel(bytes) ? 'cel' : 'either';
}
