/**
 * Counters, gauges and histograms in the text format of Prometheus. Every series is known in advance:
 * labels have closed lists of values, so that neither names nor the number of series can come from
 * callers.
 *
 * Specification: Prometheus text exposition format 0.0.4.
 *
 * @module
 */
import { LATENCY_STEPS } from './log.ts';
import {
  AUTH_REFUSALS,
  type AuthWord,
  ERAS,
  type EraWord,
  METHOD_CLASSES,
  type MethodClass,
  RATE_KEYS,
  type RateKey,
  SERVER_ENDS,
  type ServerEnd,
} from './words.ts';

type StatusClass = '2xx' | '3xx' | '4xx' | '5xx';

export interface Metrics {
  request(era: EraWord, method: MethodClass, status: number, ms: number): void;
  attestation(status: number): void;
  authRefusal(reason: AuthWord): void;
  rateRefusal(by: RateKey): void;
  serverEnd(how: ServerEnd): void;
  /** Sets where a number comes from that somebody else keeps. */
  read(name: ReadName, value: () => number): void;
  /** All of them, as text. */
  text(): string;
}

const READ = {
  vitrine_server_processes: ['gauge', 'Processes of the hosted server that run now.'],
  vitrine_restart_delays: ['gauge', 'Principals whose server may not be started again yet.'],
  vitrine_requests_running: ['gauge', 'Requests that are being answered now.'],
  vitrine_egress_refusals_total: ['counter', 'Connections that the hosted server was refused.'],
} as const;
type ReadName = keyof typeof READ;

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

export function createMetrics(): Metrics {
  const requests = new Map<string, number>();
  const latencies = new Map<EraWord, Histogram>(
    ERAS.map((era) => [era, { counts: LATENCY_STEPS.map(() => 0), sum: 0, count: 0 }]),
  );
  const attestations = new Map<StatusClass, number>();
  const authRefusals = new Map<AuthWord, number>(AUTH_REFUSALS.map((one) => [one, 0]));
  const rateRefusals = new Map<RateKey, number>(RATE_KEYS.map((one) => [one, 0]));
  const serverEnds = new Map<ServerEnd, number>(SERVER_ENDS.map((one) => [one, 0]));
  const reads = new Map<ReadName, () => number>();

  return {
    request(era, method, status, ms) {
      // Both are checked again here, where what is made of them is kept.
      if (!ERAS.includes(era) || !METHOD_CLASSES.includes(method)) return;
      bump(requests, `era="${era}",method="${method}",status="${statusClass(status)}"`);
      const histogram = latencies.get(era);
      if (histogram === undefined) return;
      const at = LATENCY_STEPS.findIndex((step) => ms <= step);
      if (at !== -1) histogram.counts[at] = (histogram.counts[at] ?? 0) + 1;
      histogram.sum += ms / 1000;
      histogram.count += 1;
    },
    attestation: (status) => bump(attestations, statusClass(status)),
    authRefusal: (reason) => bumpKnown(authRefusals, reason),
    rateRefusal: (by) => bumpKnown(rateRefusals, by),
    serverEnd: (how) => bumpKnown(serverEnds, how),
    read(name, value) {
      reads.set(name, value);
    },
    text() {
      const lines = [
        ...family('vitrine_requests_total', 'counter', 'Requests to the MCP endpoint.', requests, (labels) => labels),
        ...histogramLines(latencies),
        ...family(
          'vitrine_attestations_total',
          'counter',
          'Requests for evidence.',
          attestations,
          (one) => `status="${one}"`,
        ),
        ...family(
          'vitrine_auth_refusals_total',
          'counter',
          'Callers not let in.',
          authRefusals,
          (one) => `reason="${one}"`,
        ),
        ...family(
          'vitrine_rate_refusals_total',
          'counter',
          'Requests beyond a rate.',
          rateRefusals,
          (one) => `by="${one}"`,
        ),
        ...family(
          'vitrine_server_ends_total',
          'counter',
          'Server processes that ended by themselves.',
          serverEnds,
          (one) => `how="${one}"`,
        ),
      ];
      for (const [name, value] of reads) {
        const [type, help] = READ[name];
        lines.push(...family(name, type, help, new Map([['', value()]]), () => ''));
      }
      return `${lines.join('\n')}\n`;
    },
  };
}

function statusClass(status: number): StatusClass {
  if (status >= 500) return '5xx';
  if (status >= 400) return '4xx';
  return status >= 300 ? '3xx' : '2xx';
}

function bump<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function bumpKnown<Key>(counts: Map<Key, number>, key: Key): void {
  if (counts.has(key)) bump(counts, key);
}

function family<Key>(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  values: ReadonlyMap<Key, number>,
  labelsOf: (key: Key) => string,
): readonly string[] {
  const samples = [...values].map(([key, value]) => {
    const labels = labelsOf(key);
    return `${name}${labels === '' ? '' : `{${labels}}`} ${value}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}

function histogramLines(latencies: ReadonlyMap<EraWord, Histogram>): readonly string[] {
  const name = 'vitrine_request_seconds';
  const lines = [`# HELP ${name} Time to answer requests.`, `# TYPE ${name} histogram`];
  for (const [era, { counts, sum, count }] of latencies) {
    let below = 0;
    for (const [index, step] of LATENCY_STEPS.entries()) {
      below += counts[index] ?? 0;
      lines.push(`${name}_bucket{era="${era}",le="${step / 1000}"} ${below}`);
    }
    lines.push(`${name}_bucket{era="${era}",le="+Inf"} ${count}`);
    lines.push(`${name}_sum{era="${era}"} ${sum.toFixed(3)}`, `${name}_count{era="${era}"} ${count}`);
  }
  return lines;
}
