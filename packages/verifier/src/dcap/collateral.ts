/**
 * DCAP collateral as it is handed over: choosing the one that is for a platform, and making one
 * from the separate answers of Intel's provisioning certification service (PCS).
 *
 * Nothing here is trusted yet: the choice looks at unauthenticated text, so it can only pick which
 * text is checked next. `endorsements.ts` checks it.
 *
 * @module
 */
import {
  type DcapCollateral,
  JsonSyntaxError,
  MalformedEvidenceError,
  parseStrictJson,
  toHex,
} from '@vitrine/documents/evidence';

/** Hexadecimal, lower case. */
export interface PlatformIds {
  readonly fmspc: string;
  readonly pceId: string;
}

export type CollateralChoice =
  | { readonly collateral: DcapCollateral }
  | { readonly collateral: undefined; readonly reason: string };

/**
 * The collateral for a platform and technology: of several the one in force at `now` with the highest evaluation
 * number, then the most recent one. A text whose platform cannot be told is taken only where no
 * other fits, so that what is wrong with it is reported.
 */
export function chooseCollateral(
  given: readonly DcapCollateral[],
  ids: PlatformIds,
  technology: 'tdx' | 'sgx',
  now: Date,
): CollateralChoice {
  const hints = given.map((collateral) => ({ collateral, hint: hintOf(collateral.tcb_info) }));
  const fitting = hints.filter(({ hint }) => hint.fmspc === ids.fmspc && hint.pceId === ids.pceId);
  const inForce = ({ hint }: (typeof hints)[number]): number =>
    Number(hint.issueDate <= now.toISOString() && now.toISOString() <= hint.nextUpdate);
  const isOfTechnology = ({ hint }: (typeof hints)[number]): number => Number(hint.id === technology.toUpperCase());
  const [best] = fitting.sort(
    (left, right) =>
      isOfTechnology(right) - isOfTechnology(left) ||
      inForce(right) - inForce(left) ||
      right.hint.evaluation - left.hint.evaluation ||
      compareText(right.hint.issueDate, left.hint.issueDate),
  );
  if (best !== undefined) return best;
  const unreadable = hints.find(({ hint }) => hint.fmspc === '' || hint.pceId === '');
  if (unreadable !== undefined) return unreadable;
  const names = hints.map(({ hint }) => `FMSPC ${hint.fmspc} PCE ${hint.pceId}`);
  const found = names.length === 0 ? 'none were given' : `given were those of ${names.join('; ')}`;
  return {
    collateral: undefined,
    reason: `there are no endorsements for FMSPC ${ids.fmspc} PCE ${ids.pceId}: ${found}`,
  };
}

/** Answers of the PCS, each body as it was served. PEM chains come percent-decoded from the answer's header. */
export interface PcsAnswers {
  /** Body of `/tdx/certification/v4/tcb`: `{"tcbInfo":{…},"signature":"…"}`. */
  readonly tcbInfo: string;
  readonly tcbInfoIssuerChain: string;
  /** Body of `/tdx/certification/v4/qe/identity`: `{"enclaveIdentity":{…},"signature":"…"}`. */
  readonly qeIdentity: string;
  readonly qeIdentityIssuerChain: string;
  /** DER. */
  readonly pckCrl: Uint8Array;
  readonly pckCrlIssuerChain: string;
  /** DER. */
  readonly rootCaCrl: Uint8Array;
}

/**
 * Collateral from the PCS's answers. The inner objects are cut out of the text as they stand,
 * because the signatures cover those very bytes.
 *
 * @throws MalformedEvidenceError when an answer has another shape.
 */
export function collateralFromPcs(answers: PcsAnswers): DcapCollateral {
  const tcbInfo = cutSigned(answers.tcbInfo, 'tcbInfo', 'tdx.tcb-info');
  const qeIdentity = cutSigned(answers.qeIdentity, 'enclaveIdentity', 'tdx.qe-identity');
  return {
    pck_crl_issuer_chain: answers.pckCrlIssuerChain,
    root_ca_crl: toHex(answers.rootCaCrl),
    pck_crl: toHex(answers.pckCrl),
    tcb_info_issuer_chain: answers.tcbInfoIssuerChain,
    tcb_info: tcbInfo.text,
    tcb_info_signature: tcbInfo.signature,
    qe_identity_issuer_chain: answers.qeIdentityIssuerChain,
    qe_identity: qeIdentity.text,
    qe_identity_signature: qeIdentity.signature,
  };
}

interface Hint extends PlatformIds {
  readonly id: string;
  readonly issueDate: string;
  readonly nextUpdate: string;
  readonly evaluation: number;
}

/** What a text seems to be for. A regular expression, because the text must not be parsed before it is verified. */
function hintOf(tcbInfo: string): Hint {
  const find = (pattern: RegExp): string => pattern.exec(tcbInfo)?.[1] ?? '';
  return {
    id: find(/"id"\s*:\s*"(SGX|TDX)"/),
    fmspc: find(/"fmspc"\s*:\s*"([0-9a-fA-F]{12})"/).toLowerCase(),
    pceId: find(/"pceId"\s*:\s*"([0-9a-fA-F]{4})"/).toLowerCase(),
    issueDate: find(/"issueDate"\s*:\s*"([0-9TZ:.-]{1,30})"/),
    nextUpdate: find(/"nextUpdate"\s*:\s*"([0-9TZ:.-]{1,30})"/),
    evaluation: Number(find(/"tcbEvaluationDataNumber"\s*:\s*([0-9]{1,9})/)),
  };
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}

function cutSigned(body: string, name: string, check: string): { readonly text: string; readonly signature: string } {
  const wrong = (): never => {
    throw new MalformedEvidenceError(
      check,
      `the answer is not {"${name}": {…}, "signature": "<128 hexadecimal digits>"}`,
    );
  };
  let value: unknown;
  try {
    value = parseStrictJson(body);
  } catch (error) {
    if (error instanceof JsonSyntaxError) return wrong();
    throw error;
  }
  const members = new Map(typeof value === 'object' && value !== null ? Object.entries(value) : []);
  const signature: unknown = members.get('signature');
  const inner = members.get(name);
  if (members.size !== 2 || typeof signature !== 'string' || !/^[0-9a-fA-F]{128}$/.test(signature)) return wrong();
  if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return wrong();
  return { text: body.slice(...spanOfObject(body)), signature: signature.toLowerCase() };
}

/** Where the only object inside the top object of a valid JSON text begins and ends. */
function spanOfObject(body: string): [number, number] {
  const start = body.indexOf('{', body.indexOf('{') + 1);
  let depth = 0;
  let quoted = false;
  for (let index = start; index < body.length; index++) {
    const character = body[index];
    if (quoted) {
      if (character === '\\') index++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{') depth++;
    else if (character === '}' && --depth === 0) return [start, index + 1];
  }
  return [start, body.length];
}
