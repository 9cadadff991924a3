/**
 * What the rest of the enclave tells about itself: one call for each thing that happens, which counts it
 * and, where somebody reads it, logs it.
 *
 * @module
 */
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import { type AuthWord, type EraWord, type MethodClass, type RateKey, type StateWord, serverEndOf } from './words.ts';

interface AnsweredRequest {
  readonly era: EraWord;
  readonly method: MethodClass;
  readonly status: number;
  readonly ms: number;
  readonly principal: string;
}

export interface Telemetry {
  state(state: StateWord): void;
  /** A request to the MCP endpoint was answered, or its client is gone. */
  request(request: AnsweredRequest): void;
  attestation(status: number): void;
  authRefusal(reason: AuthWord): void;
  rateRefusal(by: RateKey): void;
  /** @param reason - Of the exit, without the server's own words. */
  serverEnded(reason: string, principal: string): void;
  read: Metrics['read'];
}

/** @param log - Absent: nothing is logged. */
export function createTelemetry(metrics: Metrics, log: Log | undefined): Telemetry {
  return {
    state: (state) => log?.write('info', 'enclave.state', { state }),
    request({ era, method, status, ms, principal }) {
      metrics.request(era, method, status, ms);
      log?.write(status >= 500 ? 'warning' : 'info', 'request.done', { era, method, status, latencyMs: ms, principal });
    },
    attestation(status) {
      metrics.attestation(status);
      log?.write('info', 'evidence.asked', { status });
    },
    authRefusal(reason) {
      metrics.authRefusal(reason);
      log?.write('warning', 'auth.refused', { reason });
    },
    rateRefusal(by) {
      metrics.rateRefusal(by);
      log?.write('warning', 'rate.refused', { by });
    },
    serverEnded(reason, principal) {
      const how = serverEndOf(reason);
      metrics.serverEnd(how);
      log?.write('warning', 'server.ended', { how, principal });
    },
    read: metrics.read,
  };
}
