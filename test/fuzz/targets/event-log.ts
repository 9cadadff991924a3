/**
 * Event logs of every format: TCG, CCEL, CEL and dstack's.
 *
 * @module
 */
import { parseEventLog } from '../../../packages/verifier/src/eventlog/parse.ts';
import {
  ascii,
  dstackEvent,
  jsonBytes,
  makeCcel,
  makeCel,
  makeTpmLog,
  secureBootVariable,
} from '../../../packages/verifier/src/testing/event-logs.ts';
import type { Target } from '../target.ts';

/** EV_EFI_VARIABLE_DRIVER_CONFIG and EV_SEPARATOR. */
const VARIABLE = 0x80000001;
const SEPARATOR = 4;

export const target: Target = {
  run: (bytes) => parseEventLog(bytes),
  seeds: async () => {
    const events = [
      { index: 1, type: VARIABLE, data: secureBootVariable(Uint8Array.of(1)) },
      { index: 1, type: SEPARATOR, data: new Uint8Array(4) },
    ];
    return {
      ccel: makeCcel(events),
      tpm: makeTpmLog(events),
      tpmOneBank: makeTpmLog(events, ['sha256']),
      cel: makeCel([
        { type: 0, payload: ascii('image') },
        { type: 1, payload: ascii('digest') },
      ]),
      dstack: jsonBytes([dstackEvent('app-id', '00ff'), dstackEvent('system-ready')]),
      dstackV2: jsonBytes([dstackEvent('app-id', '00ff', 2)]),
    };
  },
  maxLength: 8192,
};
