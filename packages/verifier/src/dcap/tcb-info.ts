/**
 * TCB info, structure version 3: which versions of a platform's firmware Intel considers good
 * (Intel PCS API v4, "Get TCB Info"). Read only after the signature over its text was verified.
 *
 * @module
 */
import type { JsonValue } from '@vitrine/documents/evidence';
import { refuse } from '../refusal.ts';
import {
  type Fields,
  hexField,
  integerField,
  listField,
  objectField,
  parseFields,
  textField,
  timeField,
} from './fields.ts';
import {
  type IdentityLevel,
  type LevelStatus,
  readAdvisoryIds,
  readIdentityLevels,
  refuseRepeated,
} from './tcb-status.ts';

export interface TcbInfo {
  readonly id: 'SGX' | 'TDX';
  readonly issueDate: Date;
  readonly nextUpdate: Date;
  /** Lower-case hexadecimal. */
  readonly fmspc: string;
  readonly pceId: string;
  readonly tcbEvaluationDataNumber: number;
  /** For modules without an identity of their own; only in TDX's TCB info. */
  readonly tdxModule: SeamIdentity | undefined;
  readonly tdxModuleIdentities: readonly TdxModuleIdentity[];
  /** As they stand in the text; `levels.ts` orders them. */
  readonly levels: readonly TcbLevel[];
}

/** Lower-case hexadecimal. */
interface SeamIdentity {
  readonly mrsigner: string;
  readonly attributes: string;
  readonly attributesMask: string;
}

interface TdxModuleIdentity extends SeamIdentity {
  /** `TDX_` and the module's major version as two upper-case hexadecimal digits. */
  readonly id: string;
  readonly levels: readonly IdentityLevel[];
}

export interface TcbComponent {
  readonly svn: number;
  /** For people, such as `SEAMLDR ACM`; empty where Intel gives none. */
  readonly type: string;
}

export interface TcbLevel {
  readonly sgx: readonly TcbComponent[];
  readonly pceSvn: number;
  /** Empty in SGX's TCB info. */
  readonly tdx: readonly TcbComponent[];
  readonly status: LevelStatus;
  readonly date: Date;
  readonly advisoryIds: readonly string[];
}

const COMPONENTS = 16;
const COMPONENT_TYPE = /^[\x20-\x7e]{0,100}$/;
const STATUS =
  /^(?:UpToDate|SWHardeningNeeded|ConfigurationNeeded|ConfigurationAndSWHardeningNeeded|OutOfDate|OutOfDateConfigurationNeeded|Revoked)$/;

/**
 * Reads the text that Intel signed.
 *
 * @throws RefusalError
 */
export function parseTcbInfo(text: string): TcbInfo {
  const fields = parseFields(text, 'TCB info');
  const id = textField(fields, 'id', /^(?:SGX|TDX)$/, 'SGX or TDX') as TcbInfo['id'];
  const version = integerField(fields, 'version', 255);
  if (version !== 3) refuse('TCB info: its version is not supported', { expected: '3', actual: String(version) });
  const type = integerField(fields, 'tcbType', 255);
  if (type !== 0) refuse('TCB info: its TCB type is not supported', { expected: '0', actual: String(type) });
  const levels = listField(fields, 'tcbLevels', 1).map((level) => readLevel(level, id));
  refuseRepeated(levels.map(keyOf), 'TCB info.tcbLevels');
  const identities = id === 'TDX' && fields.value['tdxModuleIdentities'] !== undefined;
  const tdxModuleIdentities = identities ? listField(fields, 'tdxModuleIdentities', 0).map(readModuleIdentity) : [];
  refuseRepeated(
    tdxModuleIdentities.map((identity) => identity.id),
    'TCB info.tdxModuleIdentities',
  );
  return {
    id,
    issueDate: timeField(fields, 'issueDate'),
    nextUpdate: timeField(fields, 'nextUpdate'),
    fmspc: hexField(fields, 'fmspc', 6),
    pceId: hexField(fields, 'pceId', 2),
    tcbEvaluationDataNumber: integerField(fields, 'tcbEvaluationDataNumber', 0xffffffff),
    tdxModule: id === 'TDX' ? readSeamIdentity(objectField(fields, 'tdxModule')) : undefined,
    tdxModuleIdentities,
    levels,
  };
}

function readLevel(level: Fields, id: TcbInfo['id']): TcbLevel {
  const tcb = objectField(level, 'tcb');
  return {
    sgx: readComponents(tcb, 'sgxtcbcomponents'),
    pceSvn: integerField(tcb, 'pcesvn', 0xffff),
    tdx: id === 'TDX' ? readComponents(tcb, 'tdxtcbcomponents') : [],
    status: textField(level, 'tcbStatus', STATUS, 'a TCB status') as LevelStatus,
    date: timeField(level, 'tcbDate'),
    advisoryIds: readAdvisoryIds(level),
  };
}

function readComponents(tcb: Fields, name: string): readonly TcbComponent[] {
  return (
    plainComponents(tcb.value[name]) ??
    listField(tcb, name, COMPONENTS, COMPONENTS).map((component) => ({
      svn: integerField(component, 'svn', 255),
      type: component.value['type'] === undefined ? '' : textField(component, 'type', COMPONENT_TYPE, 'a short text'),
    }))
  );
}

/** The same for a list in which nothing is wrong: half of TCB info are these, and saying where costs more than reading. */
function plainComponents(list: JsonValue | undefined): readonly TcbComponent[] | undefined {
  if (!Array.isArray(list) || list.length !== COMPONENTS) return undefined;
  const components: TcbComponent[] = [];
  for (const entry of list as readonly JsonValue[]) {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return undefined;
    const { svn, type = '' } = entry as { readonly [key: string]: JsonValue };
    if (typeof svn !== 'number' || !Number.isInteger(svn) || svn < 0 || svn > 255 || Object.is(svn, -0))
      return undefined;
    if (typeof type !== 'string' || (type !== '' && !COMPONENT_TYPE.test(type))) return undefined;
    components.push({ svn, type });
  }
  return components;
}

function readModuleIdentity(fields: Fields): TdxModuleIdentity {
  return {
    id: textField(fields, 'id', /^TDX_[0-9A-F]{2}$/, 'TDX_ and two upper-case hexadecimal digits'),
    ...readSeamIdentity(fields),
    levels: readIdentityLevels(fields),
  };
}

function readSeamIdentity(fields: Fields): SeamIdentity {
  return {
    mrsigner: hexField(fields, 'mrsigner', 48),
    attributes: hexField(fields, 'attributes', 8),
    attributesMask: hexField(fields, 'attributesMask', 8),
  };
}

function keyOf(level: TcbLevel): string {
  let key = '';
  for (const { svn } of level.sgx) key += `${svn}.`;
  key += `${level.pceSvn}`;
  for (const { svn } of level.tdx) key += `.${svn}`;
  return key;
}
