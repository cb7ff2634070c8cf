import { isPausedAt } from '../coordination/pause.js';
import { instanceOf, isEnabledServer, isStandingBy } from './job-health.js';
import type { ItemReading, JobReading } from './job-reading.js';
import { plannedFires } from './planned-fires.js';

/** What there is to say about why an item runs, or does not. */
export type ReasonCode =
  | 'definition-unreadable'
  | 'definition-not-followed'
  | 'no-instance'
  | 'job-paused'
  | 'item-disabled'
  | 'resharding'
  | 'no-leader'
  | 'no-owner'
  | 'owner-offline'
  | 'owner-draining'
  | 'owner-waiting'
  | 'server-disabled'
  | 'running'
  | 'mark-left-behind'
  | 'awaits-failover'
  | 'taken-over'
  | 'misfired'
  | 'no-cron'
  | 'next-fire';

/** One reason, for people and for programs. */
export interface Reason {
  readonly code: ReasonCode;
  /** A sentence. Times are in UTC. */
  readonly text: string;
  /** Whether the item is not started as long as this holds. */
  readonly blocks: boolean;
  /** The moment that the text names, epoch milliseconds. */
  readonly at?: number;
  /** The instance that the text names. */
  readonly instanceId?: string;
}

/**
 * Why an item runs, or does not:
 * - `running`: it runs now.
 * - `blocked`: at least one reason keeps it from being started.
 * - `waiting`: nothing is in its way; it starts with the next fire.
 * - `on-demand`: nothing is in its way, and the job fires no more: it runs when it is triggered.
 */
export interface ItemExplanation {
  readonly jobName: string;
  readonly item: number;
  readonly verdict: 'running' | 'blocked' | 'waiting' | 'on-demand';
  /** Everything that is to be said, most general first. */
  readonly reasons: readonly Reason[];
}

type Cause = (reading: JobReading, item: ItemReading, now: number) => Reason | null;

/**
 * Explains an item from what was read of its job. All that is in its way is listed, not only the first thing: who removes
 * one finds the next.
 */
export function explainItem(reading: JobReading, item: ItemReading, now: number): ItemExplanation {
  const reasons = CAUSES.map((cause) => cause(reading, item, now)).filter((reason) => reason !== null);
  return { jobName: reading.jobName, item: item.item, verdict: verdictOf(reasons), reasons };
}

function verdictOf(reasons: readonly Reason[]): ItemExplanation['verdict'] {
  if (reasons.some(({ code }) => code === 'running')) return 'running';
  if (reasons.some(({ blocks }) => blocks)) return 'blocked';
  return reasons.some(({ code }) => code === 'next-fire') ? 'waiting' : 'on-demand';
}

const definition: Cause = ({ stored }) =>
  stored.readable ? null : blocks('definition-unreadable', `the stored definition cannot be read: ${stored.problem}`);

const following: Cause = ({ instances }) =>
  instances.length > 0 && instances.every(({ withdrawal }) => withdrawal === 'waiting')
    ? blocks(
        'definition-not-followed',
        'every instance says that it cannot follow the stored definition; see their logs',
      )
    : null;

const presence: Cause = ({ instances }) =>
  instances.length > 0 ? null : blocks('no-instance', 'no instance of the job is registered');

const pause: Cause = ({ pause: current }, _item, now) => {
  if (current === null || !isPausedAt(current, now)) return null;
  const until = current.until === null ? 'until somebody resumes it' : `until ${when(current.until)}`;
  const by = current.by === '' ? '' : ` by ${current.by}`;
  const text = `the job is paused${by} ${until}: ${current.reason}`;
  return current.until === null ? blocks('job-paused', text) : blocks('job-paused', text, { at: current.until });
};

const switchedOff: Cause = (_reading, { disabled }) =>
  disabled ? blocks('item-disabled', 'an operator disabled the item') : null;

const resharding: Cause = ({ resharding: { since, processing } }) => {
  if (since !== null) return blocks('resharding', `items are to be assigned anew since ${when(since)}`, { at: since });
  return processing ? blocks('resharding', 'a leader is assigning the items') : null;
};

/** Without a leader nothing is assigned; who has its items already goes on with them. */
const leadership: Cause = ({ leader, instances }) =>
  leader === null && instances.length > 0
    ? { code: 'no-leader', text: 'no instance leads the job: nobody assigns items', blocks: false }
    : null;

const ownership: Cause = (reading, { owner }) => {
  if (owner === null) return noOwner(reading);
  const instanceId = owner;
  const instance = instanceOf(reading, owner);
  if (instance === undefined) return blocks('owner-offline', `its owner ${owner} is not registered`, { instanceId });
  if (instance.withdrawal === 'waiting')
    return blocks('owner-waiting', `its owner ${owner} cannot follow the stored definition`, { instanceId });
  return instance.withdrawal === 'draining'
    ? { code: 'owner-draining', text: `its owner ${owner} is leaving`, blocks: false, instanceId }
    : null;
};

function noOwner({ desertedSince }: JobReading): Reason {
  if (desertedSince === null) return blocks('no-owner', 'the item is assigned to nobody');
  const text = `the last instances left at ${when(desertedSince)}: who comes next makes up for its fires since then, or records them`;
  return blocks('no-owner', text, { at: desertedSince });
}

const server: Cause = (reading, { owner }) => {
  const instance = instanceOf(reading, owner);
  if (instance === undefined || isEnabledServer(reading, instance.serverIp)) return null;
  const { instanceId, serverIp } = instance;
  return blocks('server-disabled', `the server ${serverIp} of its owner is disabled`, { instanceId });
};

const mark: Cause = (reading, { running }) => {
  if (running === null) return null;
  const who = running.instanceId ?? 'an instance that did not say which';
  const more = { at: running.since, ...(running.instanceId === null ? {} : { instanceId: running.instanceId }) };
  return isStandingBy(reading, running)
    ? { code: 'running', text: `it runs on ${who} since ${when(running.since)}`, blocks: false, ...more }
    : blocks('mark-left-behind', `${who}, which is gone, left its mark of ${when(running.since)} behind`, more);
};

const failoverDue: Cause = ({ awaitingFailover }, { item }) =>
  awaitingFailover.has(item)
    ? { code: 'awaits-failover', text: 'its run died with its instance and is to be taken over', blocks: false }
    : null;

const takenOver: Cause = (_reading, { failover }) =>
  failover === null
    ? null
    : { code: 'taken-over', text: `its run was taken over by ${failover}`, blocks: false, instanceId: failover };

const misfire: Cause = (_reading, { misfire: flagged }) =>
  flagged ? { code: 'misfired', text: 'a fire fell into a run and is to be made up for', blocks: false } : null;

const schedule: Cause = ({ stored, pause: current }, _item, now) => {
  if (!stored.readable) return null;
  const { fires, problem } = plannedFires(stored, current, now, 1);
  const [next] = fires;
  if (next === undefined) return { code: 'no-cron', text: problem ?? 'it fires no more', blocks: false };
  const skipped = next.paused ? ', which falls into the pause' : '';
  return { code: 'next-fire', text: `the next fire is at ${when(next.at)}${skipped}`, blocks: false, at: next.at };
};

/** From the job to the item, then what its marks say, then when. */
const CAUSES: readonly Cause[] = [
  definition,
  presence,
  following,
  pause,
  leadership,
  resharding,
  switchedOff,
  ownership,
  server,
  mark,
  failoverDue,
  takenOver,
  misfire,
  schedule,
];

function blocks(code: ReasonCode, text: string, more: Pick<Reason, 'at' | 'instanceId'> = {}): Reason {
  return { code, text, blocks: true, ...more };
}

function when(at: number): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? `${at} ms` : date.toISOString();
}
