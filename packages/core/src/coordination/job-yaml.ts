import { isMap, isSeq, visit } from 'yaml';
import { messageOf } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import { parseDuration } from '../job/duration.js';
import { OWN_PROPS_PREFIX } from '../job/job-schema.js';
import { contradicts, parseMisfirePolicy } from '../job/misfire-policy.js';
import type { DstPolicy } from '../schedule/dst-policy.js';
import {
  isNull,
  nodeOf,
  readBean,
  readFlag,
  readInteger,
  readProps,
  readText,
  readTexts,
  seen,
  UnreadableYaml,
  type YamlBean,
} from './job-yaml-reader.js';
import { writeKey, writeLine } from './job-yaml-scalar.js';

/** What stands in `{job}/config`. */
export type StoredJobConfig =
  | {
      readonly readable: true;
      /** As stored, with the defaults of Java's bean for what is missing. Its `className` is `null`: it stands elsewhere. */
      readonly definition: JobDefinition;
      /** Java's `jobExtraConfigurations`, to be given to {@link encodeJobConfig} unread; `null` if there are none. */
      readonly extra: string | null;
    }
  | {
      readonly readable: false;
      /** What was seen, what was expected, as a sentence for an operator. */
      readonly problem: string;
    };

const EXTRA = 'jobExtraConfigurations';

/** ElasticJob's options in the order in which Java writes them, which is the alphabet's. */
const OPTIONS = [
  'cron',
  'description',
  'disabled',
  'failover',
  'jobErrorHandlerType',
  'jobExecutorThreadPoolSizeProviderType',
  EXTRA,
  'jobListenerTypes',
  'jobName',
  'jobParameter',
  'jobShardingStrategyType',
  'label',
  'maxTimeDiffSeconds',
  'misfire',
  'monitorExecution',
  'overwrite',
  'props',
  'reconcileIntervalMinutes',
  'shardingItemParameters',
  'shardingTotalCount',
  'staticSharding',
  'timeZone',
] as const;

const OWN = {
  gap: `${OWN_PROPS_PREFIX}dst.gap`,
  overlap: `${OWN_PROPS_PREFIX}dst.overlap`,
  timeout: `${OWN_PROPS_PREFIX}timeout`,
  pool: `${OWN_PROPS_PREFIX}pool`,
  misfirePolicy: `${OWN_PROPS_PREFIX}misfire.policy`,
  maxTimeDiffAction: `${OWN_PROPS_PREFIX}max-time-diff.action`,
} as const;

/**
 * The text of a definition as Java stores it, byte for byte except for the order within `props`. Options that Java lacks
 * go into `props` as `elasticjob.ts.*`.
 *
 * @param extra what {@link decodeJobConfig} found of Java's own, to be kept.
 */
export function encodeJobConfig(definition: JobDefinition, extra: string | null = null): string {
  const values = { ...definition, props: { ...definition.props, ...ownProps(definition) } };
  return OPTIONS.map((name) => (name === EXTRA ? (extra ?? '') : line(name, values[name]))).join('');
}

function ownProps({ dst, timeout, poolSize, misfirePolicy, maxTimeDiffAction }: JobDefinition): Record<string, string> {
  return {
    ...(dst !== null && { [OWN.gap]: dst.gap, [OWN.overlap]: dst.overlap }),
    ...(timeout !== null && { [OWN.timeout]: String(timeout) }),
    ...(poolSize !== null && { [OWN.pool]: String(poolSize) }),
    ...(misfirePolicy !== null && { [OWN.misfirePolicy]: misfirePolicy }),
    ...(maxTimeDiffAction !== null && { [OWN.maxTimeDiffAction]: maxTimeDiffAction }),
  };
}

type Value = string | number | boolean | null | readonly string[] | Readonly<Record<string, string>>;

/** Null, empty lists and empty maps are left out. */
function line(name: string, value: Value): string {
  if (value === null) return '';
  if (typeof value === 'string') return writeLine(`${name}: `, value, 2);
  if (typeof value !== 'object') return `${name}: ${value}\n`;
  const isList = (given: object): given is readonly string[] => Array.isArray(given);
  const lines = isList(value)
    ? value.map((item) => writeLine('- ', item, 2))
    : Object.entries(value).map(([key, text]) => writeLine(`  ${writeKey(key)}: `, text, 4));
  return lines.length === 0 ? '' : `${name}:\n${lines.join('')}`;
}

/**
 * Reads what stands in the registry, whoever wrote it: any YAML 1.1, with the leniency of SnakeYAML. What cannot be read
 * is no exception but an answer, since a job has to wait for a person then.
 */
export function decodeJobConfig(text: string): StoredJobConfig {
  try {
    const bean = readBean(text, OPTIONS);
    return { readable: true, definition: definitionOf(bean), extra: extraOf(bean) };
  } catch (error) {
    if (error instanceof UnreadableYaml) return { readable: false, problem: error.message };
    throw error;
  }
}

/**
 * Whether two stored texts mean the same job: only if they do not, the stored one is written again. What is Java's own
 * (`jobExtraConfigurations`) is not compared; a text that cannot be read means nothing.
 */
export function sameMeaning(one: string, other: string): boolean {
  const [first, second] = [canonical(one), canonical(other)];
  return first !== null && first === second;
}

function canonical(text: string): string | null {
  const stored = decodeJobConfig(text);
  if (!stored.readable) return null;
  const props = Object.entries(stored.definition.props).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return encodeJobConfig({ ...stored.definition, props: Object.fromEntries(props) });
}

function definitionOf(bean: YamlBean): JobDefinition {
  const { own, props } = splitProps(readProps(bean, 'props'));
  const jobName = readText(bean, 'jobName') ?? '';
  const shardingTotalCount = readInteger(bean, 'shardingTotalCount', 0);
  if (jobName === '') throw seen('jobName', '', 'expected the name of the job');
  if (shardingTotalCount < 1) throw seen('shardingTotalCount', String(shardingTotalCount), 'expected 1 or more');
  return Object.freeze({
    jobName,
    cron: type(bean, 'cron'),
    timeZone: type(bean, 'timeZone'),
    shardingTotalCount,
    shardingItemParameters: readText(bean, 'shardingItemParameters') ?? '',
    jobParameter: readText(bean, 'jobParameter') ?? '',
    monitorExecution: readFlag(bean, 'monitorExecution'),
    failover: readFlag(bean, 'failover'),
    ...misfireOf(readFlag(bean, 'misfire'), own),
    maxTimeDiffSeconds: readInteger(bean, 'maxTimeDiffSeconds', -1),
    reconcileIntervalMinutes: readInteger(bean, 'reconcileIntervalMinutes', 0),
    jobShardingStrategyType: type(bean, 'jobShardingStrategyType'),
    jobExecutorThreadPoolSizeProviderType: type(bean, 'jobExecutorThreadPoolSizeProviderType'),
    jobErrorHandlerType: type(bean, 'jobErrorHandlerType'),
    jobListenerTypes: Object.freeze(readTexts(bean, 'jobListenerTypes')),
    description: readText(bean, 'description') ?? '',
    props: Object.freeze(props),
    disabled: readFlag(bean, 'disabled'),
    overwrite: readFlag(bean, 'overwrite'),
    label: readText(bean, 'label'),
    staticSharding: readFlag(bean, 'staticSharding'),
    className: null,
    dst: dstOf(own),
    timeout: positiveOf(OWN.timeout, own[OWN.timeout]),
    poolSize: positiveOf(OWN.pool, own[OWN.pool]),
    maxTimeDiffAction: clockActionOf(own[OWN.maxTimeDiffAction]),
  });
}

/** An expression, a zone, the name of an extension: empty means none. */
function type(bean: YamlBean, name: string): string | null {
  const text = readText(bean, name);
  return text === '' ? null : text;
}

type OwnProps = Readonly<Record<string, string | undefined>>;

/** Props with our prefix that this version does not know are left where they are, so that they survive. */
function splitProps(stored: Readonly<Record<string, string>>): { own: OwnProps; props: Record<string, string> } {
  const known: readonly string[] = Object.values(OWN);
  const part = (wanted: boolean) => Object.entries(stored).filter(([name]) => known.includes(name) === wanted);
  return { own: Object.fromEntries(part(true)), props: Object.fromEntries(part(false)) };
}

function dstOf(own: OwnProps): DstPolicy | null {
  const [gap, overlap] = [own[OWN.gap], own[OWN.overlap]];
  if (gap === undefined && overlap === undefined) return null;
  if (gap !== 'run-after' && gap !== 'skip') throw seen(`props.${OWN.gap}`, gap ?? '', 'expected run-after or skip');
  if (overlap !== 'first' && overlap !== 'second' && overlap !== 'both')
    throw seen(`props.${OWN.overlap}`, overlap ?? '', 'expected first, second or both');
  return Object.freeze({ gap, overlap });
}

function misfireOf(misfire: boolean, own: OwnProps): Pick<JobDefinition, 'misfire' | 'misfirePolicy'> {
  const text = own[OWN.misfirePolicy];
  const misfirePolicy = text === undefined ? null : parseMisfirePolicy(text);
  if (text !== undefined && misfirePolicy === null)
    throw seen(`props.${OWN.misfirePolicy}`, text, 'expected skip, fire-once or fire-all:n');
  if (contradicts(misfire, misfirePolicy))
    throw seen('misfire', 'true', `expected false with props.${OWN.misfirePolicy} skip: change one of the two`);
  return { misfire, misfirePolicy };
}

function clockActionOf(text: string | undefined): JobDefinition['maxTimeDiffAction'] {
  if (text === undefined || text === 'skip' || text === 'report') return text ?? null;
  throw seen(`props.${OWN.maxTimeDiffAction}`, text, 'expected skip or report');
}

function positiveOf(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = /^\d+$/.test(text) ? Number(text) : name === OWN.timeout ? (parseDuration(text) ?? 0) : 0;
  if (value >= 1 && value < 2 ** 31) return value;
  throw seen(`props.${name}`, text, 'expected a whole number from 1 to 2147483647');
}

/** The lines of Java's own part: as they stand if Java's layout allows it, else laid out anew. */
function extraOf(bean: YamlBean): string | null {
  const node = nodeOf(bean, EXTRA);
  if (node === undefined || isNull(node) || (isSeq(node) && node.items.length === 0)) return null;
  if (!isSeq(node)) throw seen(EXTRA, String(node), 'expected a list');
  const anew = laidOut(bean);
  const pair = bean.pairs.get(EXTRA);
  const [start] = pair?.key.range ?? [];
  const [, end] = pair?.value?.range ?? [];
  const root = bean.document.contents;
  const isLine = start !== undefined && (start === 0 || bean.text[start - 1] === '\n') && !bean.text.includes('\r');
  if (!isLine || !isMap(root) || root.flow === true) return anew;
  const lines = bean.text.slice(start, end);
  return lines.endsWith('\n') ? lines : `${lines}\n`;
}

function laidOut(bean: YamlBean): string {
  const copy = bean.document.clone();
  if (isMap(copy.contents))
    copy.contents.items = copy.contents.items.filter(({ key }) => String(key) === EXTRA).slice(-1);
  visit(copy, {
    Collection(_, collection) {
      collection.flow = false;
    },
  });
  try {
    return copy.toString({ lineWidth: 0, indentSeq: false, directives: false });
  } catch (error) {
    throw new UnreadableYaml(`${EXTRA}: cannot be kept, ${messageOf(error)}: write aliases out in full`);
  }
}
