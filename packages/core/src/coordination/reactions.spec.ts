import { describe, expect, it } from 'vitest';
import type { AssignmentPlan } from './assignment-plan.js';
import type { JobView, Member } from './job-view.js';
import {
  FAILOVER_OFF,
  failoverSigns,
  needsResharding,
  type Reaction,
  react,
  type Self,
  type ShardingGoal,
} from './reactions.js';

const self: Self = {
  instanceId: '10.0.0.1@-@1',
  serverIp: '10.0.0.1',
  session: 1n,
  draining: false,
  searched: FAILOVER_OFF,
  assigned: null,
};
const goal: ShardingGoal = {
  itemCount: 2,
  strategy: 'AVG_ALLOCATION',
  failover: false,
  staticSharding: false,
  hasFired: false,
};

const member = (instanceId: string, session: bigint, withdrawn = false): [string, Member] => [
  instanceId,
  { instanceId, serverIp: instanceId.split('@')[0] ?? '', labels: {}, withdrawn, session },
];

const plan: AssignmentPlan = {
  changes: 2,
  strategy: 'AVG_ALLOCATION',
  members: ['10.0.0.2@-@2', '10.0.0.1@-@1'],
  labels: [null, null],
  spans: [{ after: 0, owners: ['10.0.0.2@-@2', '10.0.0.1@-@1'] }],
};

/** Two enabled instances, this one leading, everything assigned. */
const calm: JobView = {
  config: '',
  configVersion: 0,
  members: new Map([member('10.0.0.1@-@1', 1n), member('10.0.0.2@-@2', 2n)]),
  servers: new Map([
    ['10.0.0.1', 'ENABLED'],
    ['10.0.0.2', 'ENABLED'],
  ]),
  leader: { instanceId: '10.0.0.1@-@1', session: 1n },
  resharding: { generation: 9n, necessary: false, processing: false },
  plan,
  planHolds: true,
  disabledItems: new Set(),
  pause: null,
  triggered: false,
  openTriggers: [],
  crashes: { departures: 0, announced: 0n },
};

const seen = (change: Partial<JobView>, who: Self = self): Reaction[] => react({ ...calm, ...change }, who, goal);

describe('what an instance does about what it sees', () => {
  it('does nothing while all is well', () => expect(seen({})).toEqual([]));

  it('seeks leadership when nobody leads', () => expect(seen({ leader: null })).toEqual(['campaign']));

  it('does not seek leadership while it is leaving', () =>
    expect(seen({ leader: null }, { ...self, draining: true })).toEqual([]));

  describe('when it leaves and nobody stays', () => {
    const leaving = { ...self, draining: true };
    const members = new Map([member('10.0.0.1@-@1', 1n, true)]);
    const deserted: AssignmentPlan = { ...plan, members: [], labels: [], spans: [{ after: 5, owners: [null, null] }] };

    it('gives the items to nobody, once', () => {
      expect(seen({ members }, leaving)).toEqual(['reshard']);
      expect(seen({ members, plan: deserted }, leaving)).toEqual([]);
    });

    it('seeks leadership for that, if nobody leads', () => {
      expect(seen({ members, leader: null }, leaving)).toEqual(['campaign']);
      expect(seen({ members, leader: null, plan: deserted }, leaving)).toEqual([]);
    });

    it('leaves them alone as long as somebody is there or it was never told whose they are', () => {
      const other = { instanceId: '10.0.0.2@-@2', session: 2n };
      expect(seen({ members, leader: other }, leaving)).toEqual([]);
      expect(seen({ members, plan: null, planHolds: false }, leaving)).toEqual([]);
      expect(seen({ members, servers: new Map([['10.0.0.1', 'DISABLED']]) }, leaving)).toEqual(['abdicate']);
      expect(react({ ...calm, members }, leaving, { ...goal, staticSharding: true })).toEqual([]);
    });

    it('has them given to whoever comes next', () => {
      const next = new Map([member('10.0.0.1@-@1', 1n)]);
      expect(seen({ members: next, plan: deserted })).toEqual(['reshard']);
    });
  });

  it('does not seek leadership while its server is disabled', () =>
    expect(seen({ leader: null, servers: new Map([['10.0.0.1', 'DISABLED']]) })).toEqual([]));

  it('steps down when its server is disabled', () =>
    expect(seen({ servers: new Map([['10.0.0.1', 'DISABLED']]) })).toEqual(['abdicate']));

  it('does not take the node of its former session for its own leadership', () =>
    expect(seen({ leader: { instanceId: self.instanceId, session: 7n }, plan: null })).toEqual([]));

  it('announces its server again when somebody removed its node, and steps down until it is enabled', () => {
    expect(seen({ servers: new Map() })).toEqual(['announce', 'abdicate']);
    expect(seen({ servers: new Map() }, { ...self, draining: true })).toEqual(['abdicate']);
  });

  it('reshards as the leader when somebody asked for it', () =>
    expect(seen({ resharding: { generation: 10n, necessary: true, processing: false }, planHolds: false })).toEqual([
      'reshard',
    ]));

  it('leaves resharding to the leader', () =>
    expect(seen({ leader: { instanceId: '10.0.0.2@-@2', session: 2n }, plan: null, planHolds: false })).toEqual([]));

  describe('under a Java leader', () => {
    const other = '10.0.0.2@-@2';
    const led: Partial<JobView> = { leader: { instanceId: other, session: 2n }, planHolds: false };
    const under = (assigned: Self['assigned'], change: Partial<JobView> = {}, who: Partial<Self> = {}): Reaction[] =>
      seen({ ...led, ...change }, { ...self, assigned, ...who });

    it('asks for a new assignment when it was overlooked', () => expect(under([other, other])).toEqual(['ask']));

    it('does not ask when it has an item, or there are no more items than owners', () => {
      expect(under([other, self.instanceId, other])).toEqual([]);
      expect(under([other])).toEqual([]);
      expect(under([other, '10.0.0.3@-@3'])).toEqual([]);
    });

    it('does not ask while items are assigned, while it may have none, or when it does not know', () => {
      const flag = { generation: 10n, necessary: true, processing: false };
      expect(under([other, other], { resharding: flag })).toEqual([]);
      expect(under([other, other], { servers: new Map([['10.0.0.1', 'DISABLED']]) })).toEqual([]);
      expect(under([other, other], {}, { draining: true })).toEqual([]);
      expect(under(null)).toEqual([]);
    });

    it('leaves it to a leader that plans', () => expect(under([other, other], { planHolds: true })).toEqual([]));
  });

  it.each<[string, Partial<JobView>]>([
    ['an instance has come', { members: new Map([...calm.members, member('10.0.0.2@-@3', 3n)]) }],
    ['an instance has gone', { members: new Map([member('10.0.0.1@-@1', 1n)]) }],
    ['an instance is leaving', { members: new Map([...calm.members, member('10.0.0.2@-@2', 2n, true)]) }],
    ['a server was disabled', { servers: new Map([['10.0.0.1', 'ENABLED']]) }],
    ['an instance came back with another weight', { plan: { ...plan, labels: ['weight=2', null] } }],
    ['another strategy was used', { plan: { ...plan, strategy: 'ODEVITY' } }],
    ['the number of items changed', { plan: { ...plan, spans: [{ after: 0, owners: ['10.0.0.1@-@1'] }] } }],
    ['a Java leader made the assignment', { planHolds: false }],
  ])('reshards as the leader when %s', (_, change) => expect(seen(change)).toEqual(['reshard']));

  describe('with items that stay where they are', () => {
    const stays = { ...goal, staticSharding: true, hasFired: true };
    const reshards = (change: Partial<JobView>, assigned: Self['assigned'] = null, to = stays): boolean =>
      needsResharding({ ...calm, ...change }, to, assigned);
    const [a, b] = ['10.0.0.1@-@1', '10.0.0.2@-@2'];

    it('does not reshard when an instance comes, goes, or says something else', () => {
      expect(reshards({ members: new Map([...calm.members, member('10.0.0.2@-@3', 3n)]) })).toBe(false);
      expect(reshards({ members: new Map([member(a, 1n)]) })).toBe(false);
      expect(reshards({ plan: { ...plan, labels: ['weight=2', null] } })).toBe(false);
    });

    it('reshards when somebody asked for it, and when the number of items changed', () => {
      const flag = { generation: 10n, necessary: true, processing: false };
      expect(reshards({ resharding: flag, planHolds: false })).toBe(true);
      expect(reshards({}, null, { ...stays, itemCount: 3 })).toBe(true);
    });

    it('assigns them for the first time when the job has come to a fire', () => {
      const nothing = { plan: null, planHolds: false };
      expect(reshards(nothing, [])).toBe(true);
      expect(reshards(nothing, [], { ...stays, hasFired: false })).toBe(false);
      expect(reshards(nothing, [null, null])).toBe(true);
    });

    it('leaves what a Java leader has assigned', () => {
      expect(reshards({ planHolds: false }, [b, b])).toBe(false);
      expect(reshards({ planHolds: false }, null)).toBe(false);
    });
  });

  it('cannot assign anything while no instance may have it', () =>
    expect(needsResharding({ ...calm, servers: new Map(), plan: null, planHolds: false }, goal)).toBe(false));

  describe('with failover', () => {
    const withFailover = { ...goal, failover: true };
    const searched = failoverSigns(calm, withFailover);
    const reactions = (change: Partial<JobView>, who: Partial<Self> = {}): Reaction[] =>
      react({ ...calm, ...change }, { ...self, searched, ...who }, withFailover);

    it('looks for crashed runs once, and again when somebody has gone or a run is announced', () => {
      expect(reactions({}, { searched: FAILOVER_OFF })).toEqual(['fail-over']);
      expect(reactions({})).toEqual([]);
      expect(reactions({ crashes: { departures: 1, announced: 0n } })).toEqual(['fail-over']);
      expect(reactions({ crashes: { departures: 0, announced: 5n } })).toEqual(['fail-over']);
    });

    it('looks for them also while items are being assigned', () =>
      expect(
        reactions({
          crashes: { departures: 1, announced: 0n },
          leader: { instanceId: '10.0.0.2@-@2', session: 2n },
          resharding: { generation: 10n, necessary: true, processing: false },
        }),
      ).toEqual(['fail-over']));

    it('takes nothing over while it is leaving or its server is disabled', () => {
      const crashes = { departures: 1, announced: 0n };
      expect(reactions({ crashes }, { draining: true })).toEqual([]);
      expect(reactions({ crashes, servers: new Map([['10.0.0.1', 'DISABLED']]) })).toEqual(['abdicate']);
    });
  });

  it('looks at an item that is in doubt also without failover', () =>
    expect(seen({}, { ...self, searched: null })).toEqual(['fail-over']));

  it('runs when asked to', () => expect(seen({ triggered: true })).toEqual(['trigger']));

  it('stops, and does nothing else, when an operator removed its node', () =>
    expect(seen({ members: new Map([member('10.0.0.2@-@2', 2n)]), triggered: true })).toEqual(['shut-down']));

  it('does not take its own leaving for an order to stop', () =>
    expect(seen({ members: new Map([member('10.0.0.2@-@2', 2n)]) }, { ...self, draining: true })).toEqual(['reshard']));
});
