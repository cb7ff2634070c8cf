import type { JobDefinition } from '../job/definition.js';
import { show } from '../job/option-problems.js';
import { maskProp, maskSecrets } from './sensitive-values.js';

/** An option in which two definitions differ. Values are texts for people, with secrets hidden. */
export interface ConfigurationDifference {
  /** `cron`, or `props.region`. */
  readonly option: string;
  /** `null` where a definition does not have it. */
  readonly one: string | null;
  readonly other: string | null;
}

/** The options in which two definitions differ, in the order of their names. */
export function configurationDifferences(one: JobDefinition, other: JobDefinition): ConfigurationDifference[] {
  const [first, second] = [flat(one), flat(other)];
  const options = [...new Set([...first.keys(), ...second.keys()])].sort();
  return options
    .filter((option) => first.get(option)?.raw !== second.get(option)?.raw)
    .map((option) => ({
      option,
      one: first.get(option)?.shown ?? null,
      other: second.get(option)?.shown ?? null,
    }));
}

/** Differences as lines for a message. */
export function describeDifferences(
  differences: readonly ConfigurationDifference[],
  names: readonly [string, string],
): string {
  const side = (value: string | null): string => value ?? 'nothing';
  return differences
    .map(({ option, one, other }) => `- ${option}: ${names[0]} ${side(one)}, ${names[1]} ${side(other)}`)
    .join('\n');
}

interface Value {
  readonly raw: string;
  readonly shown: string;
}

/** The class is no part of the stored text; a number of items at once is written into the option of the pool. */
function flat({ className: _, poolSize, props, ...fields }: JobDefinition): ReadonlyMap<string, Value> {
  const pool = poolSize === null ? {} : { jobExecutorThreadPoolSizeProviderType: poolSize };
  const values = Object.entries({ ...fields, ...pool }).filter(([, value]) => value !== null);
  const secrets = Object.entries(props).map(([name, value]): [string, Value] => [
    `props.${name}`,
    { raw: JSON.stringify(value), shown: show(maskProp(name, value)) },
  ]);
  return new Map([...values.map(([name, value]): [string, Value] => [name, toValue(value)]), ...secrets]);
}

function toValue(value: unknown): Value {
  return { raw: JSON.stringify(value), shown: show(typeof value === 'string' ? maskSecrets(value) : value) };
}
