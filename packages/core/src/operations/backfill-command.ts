import type { TriggerFire, TriggerRecord } from '../coordination/trigger-record.js';
import { requestTrigger } from '../coordination/trigger-request.js';
import { messageOf } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import type { Registry } from '../registry/registry.js';
import { type CronSchedule, parseCron } from '../schedule/cron.js';
import type { Catalogue } from './catalogue.js';
import { invalidArgument } from './invalid-argument.js';
import {
  checkTexts,
  newTriggerId,
  readableDefinition,
  type TriggerMoment,
  type TriggerOptions,
  type TriggerReceipt,
  targets,
} from './trigger-command.js';

/** Which fires are to be run, and how. */
export interface BackfillOptions extends Omit<TriggerOptions, 'instances'> {
  /** The first planned time that is run, a Date or epoch milliseconds. */
  readonly from: Date | number;
  /** The planned times before this are run; not later than now. Default: now. */
  readonly to?: Date | number | undefined;
  /**
   * How many runs, of whatever items and fires, may go on at the same time, on all instances together. An item never runs
   * for two fires at a time. Default 1; `null` = as many as there are items, as far as the pools take them.
   */
  readonly concurrency?: number | null | undefined;
}

/** What a backfill came to. */
export interface BackfillReceipt extends Omit<TriggerReceipt, 'javaInstances'> {
  /** The planned times that are run, ascending, epoch milliseconds. */
  readonly fires: readonly number[];
}

/** The most fires of one backfill. */
const MOST_FIRES = 1000;

/** Asks for the runs of past fires, see `JobCommands.backfill`. */
export async function backfillJob(
  registry: Registry,
  catalogue: Catalogue,
  { now, number }: TriggerMoment,
  jobName: string,
  options: BackfillOptions,
): Promise<BackfillReceipt> {
  checkTexts(options);
  const concurrency = options.concurrency === undefined ? 1 : options.concurrency;
  if (concurrency !== null && !(Number.isSafeInteger(concurrency) && concurrency >= 1))
    throw invalidArgument('concurrency', concurrency, 'expected a whole number from 1, or null for no limit');
  const definition = await readableDefinition(catalogue, jobName);
  const fires = firesOf(definition, options, now);
  const { items } = await targets(catalogue, definition, options, fires.length);
  const record: TriggerRecord = {
    kind: 'backfill',
    at: now,
    by: options.by ?? '',
    key: options.key ?? null,
    jobParameter: options.jobParameter ?? null,
    items,
    fires,
    concurrency,
    javaInstances: [],
  };
  const requested = await requestTrigger(registry, jobName, newTriggerId(now, number), record);
  return { ...requested, items, fires: fires.map(({ at }) => at) };
}

function firesOf(definition: JobDefinition, { from, to }: BackfillOptions, now: number): TriggerFire[] {
  const begin = moment('from', from);
  const end = to === undefined ? now : moment('to', to);
  if (end > now) throw invalidArgument('to', to, 'expected a moment that is not still to come');
  if (begin >= end) throw invalidArgument('from', from, `expected a moment before ${new Date(end).toISOString()}`);
  const schedule = scheduleOf(definition);
  const times = schedule.between(begin, end, MOST_FIRES + 1);
  const range = `${new Date(begin).toISOString()} to ${new Date(end).toISOString()}`;
  if (times.length === 0)
    throw invalidArgument('from', from, `expected a range in which '${definition.cron}' fires; ${range} has no fire`);
  if (times.length > MOST_FIRES)
    throw invalidArgument(
      'from',
      from,
      `expected a range of at most ${MOST_FIRES} fires; ${range} has more: ask in parts`,
    );
  return times.map((at) => ({ at, window: { from: schedule.previous(at) ?? 0, to: at } }));
}

function scheduleOf({ jobName, cron, timeZone, dst }: JobDefinition): CronSchedule {
  if (cron === null) throw invalidArgument('job', jobName, 'expected one with a cron: this one has no fires');
  try {
    return parseCron(cron, { timeZone, dst });
  } catch (error) {
    throw invalidArgument('job', jobName, `expected one whose cron can be read: ${messageOf(error)}`);
  }
}

function moment(argument: string, given: Date | number): number {
  const at = given instanceof Date ? given.getTime() : given;
  if (Number.isSafeInteger(at)) return at;
  throw invalidArgument(argument, given, 'expected a Date, or epoch milliseconds');
}
