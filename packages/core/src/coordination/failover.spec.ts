import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock, settle } from '../foundation/clock.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { decodeAnnouncement, encodeAnnouncement } from './crash-announcement.js';
import type { DropReason } from './crashed-run.js';
import { type CrashedRun, Failover, type FailoverSearch } from './failover.js';

const [ME, DEAD, OTHER, JAVA] = ['10.0.0.1@-@me', '10.0.0.2@-@dead', '10.0.0.3@-@other', '10.0.0.4@-@4711'];
const MARK = 'job/sharding/0/running';
const LATCH = 'job/leader/failover/latch';

let clock: ManualClock;
let server: MemoryServer;
let registry: Registry;
let other: Registry;
let failover: Failover;
let taken: CrashedRun[];
let dropped: [number, DropReason][];
let places: number;
let mayWait: boolean;
let own: number[];
let busy: number[];
let woken: number;

const start = async (atomicCommit: boolean): Promise<void> => {
  clock = new ManualClock(1000);
  server = new MemoryServer({ clock });
  registry = server.registry({ namespace: 'test', atomicCommit });
  other = server.registry({ namespace: 'test' });
  await Promise.all([registry.start(), other.start()]);
  [taken, dropped, places, mayWait, own, busy, woken] = [[], [], 9, true, [], [], 0];
  failover = new Failover(registry, 'job', ME, {
    room: () => ({ places, mayWait, own, busy }),
    onTaken: (runs) => void taken.push(...runs),
    onDropped: ({ item }, reason) => void dropped.push([item, reason]),
    wake: () => void woken++,
    background: (_, work) => void work().catch(() => undefined),
  });
  for (const id of [ME, OTHER]) {
    await registry.create(`job/instances/${id}`, '', 'ephemeral');
    await registry.create(`job/extension/sessions/${id}`, '', 'ephemeral');
  }
};

const search = (change: Partial<FailoverSearch> = {}): Promise<void> =>
  failover.search({
    signs: '0:0',
    failover: true,
    itemCount: 9,
    instances: 1,
    signal: new AbortController().signal,
    ...change,
  });

/** The search of another instance, which takes runs into the same list. */
const another = (): Failover =>
  new Failover(other, 'job', OTHER, {
    room: () => ({ places, mayWait, own, busy }),
    onTaken: (runs) => void taken.push(...runs),
    onDropped: () => undefined,
    wake: () => undefined,
    background: () => undefined,
  });

const nodes = async (item = 0): Promise<string[]> => [
  ...((await other.children(`job/sharding/${item}`))?.names ?? []),
  ...((await other.children('job/leader/failover/items'))?.names ?? []).map((name) => `announced ${name}`),
];

/** Somebody else has the latch and does something before giving it up, after this instance has looked. */
async function whileWaiting(work: () => Promise<unknown>): Promise<void> {
  const latch = await other.create(`${LATCH}/_c_other-latch-`, '', 'ephemeral-sequential');
  const searched = search();
  await settle();
  await work();
  await other.remove(latch.created ? latch.path : '');
  await searched;
}

afterEach(async () => {
  await Promise.all([registry.stop(), other.stop()]);
});

describe.each([true, false])('a search for crashed runs, with transactions: %s', (atomicCommit) => {
  beforeEach(() => start(atomicCommit));

  it('signs for a run whose owner is gone, and takes its mark away', async () => {
    await other.put(MARK, DEAD);
    await search();
    expect(taken).toEqual([{ item: 0, from: DEAD, markedAt: 1000 }]);
    expect(await nodes()).toEqual(['failover', 'failovering']);
    expect((await other.read('job/sharding/0/failover'))?.stat.ephemeralOwner).toBe(registry.session.id);
    expect(await other.read('job/sharding/0/failovering')).toMatchObject({ value: ME, stat: { ephemeralOwner: 0n } });
    expect((await other.children(LATCH))?.names).toEqual([]);
    await failover.conclude(0);
    expect(await nodes()).toEqual([]);
  });

  it('does not need the latch when there is nothing to do', async () => {
    await other.put(MARK, OTHER);
    const held = await other.create(`${LATCH}/_c_other-latch-`, '', 'ephemeral-sequential');
    await search();
    expect(held.created).toBe(true);
    expect(taken).toEqual([]);
    expect(failover.searched).toBe('0:0');
  });

  it.each<[string, () => Promise<unknown>, string[]]>([
    [
      'that another instance has taken meanwhile',
      async () => {
        await other.remove(MARK);
        await other.put('job/sharding/0/failovering', OTHER);
      },
      ['failovering'],
    ],
    ['whose mark is another one meanwhile', () => other.put(MARK, OTHER), ['running']],
    ['that was ended meanwhile', () => other.remove(MARK), []],
  ])('leaves a run %s', async (_, work, left) => {
    await other.put(MARK, DEAD);
    await whileWaiting(work);
    expect(taken).toEqual([]);
    expect(await nodes()).toEqual(left);
  });

  it('takes over what an instance ran that crashed and is back, although it says nothing of its session yet', async () => {
    await other.put(MARK, DEAD);
    await other.create(`job/instances/${DEAD}`, '', 'ephemeral');
    await search();
    expect(taken).toMatchObject([{ item: 0, from: DEAD }]);
  });

  it('leaves a run whose owner is a Java member that registered anew in its session', async () => {
    await other.put(MARK, JAVA);
    await whileWaiting(() => other.create(`job/instances/${JAVA}`, '', 'ephemeral'));
    expect(taken).toEqual([]);
    expect(await nodes()).toEqual(['running']);
  });

  it('starts over when somebody who does not wait for the latch has taken the mark away', async () => {
    await other.put(MARK, DEAD);
    const commit = registry.commit.bind(registry);
    registry.commit = async (stages) => {
      registry.commit = commit;
      await other.ensure('job/leader/failover/items/0');
      await other.remove(MARK);
      await other.create(MARK, OTHER, 'persistent');
      return commit(stages);
    };
    await expect(search()).rejects.toMatchObject({ code: 'REGISTRY_FAILURE', retryable: true });
    expect(failover.searched).toBe('off');
    // A mark that was made meanwhile has the same version as the one that was read.
    expect((await other.read(MARK))?.value).toBe(OTHER);
    await search();
    expect(taken).toEqual([]);
    await other.remove(MARK);
    await settle();
    expect([woken > 0, failover.searched]).toEqual([true, null]);
    await search();
    expect(taken).toMatchObject([{ item: 0 }]);
  });

  it('goes on with what it signed for when the answer was lost', async () => {
    await other.put(MARK, DEAD);
    const commit = registry.commit.bind(registry);
    registry.commit = async (stages) => {
      registry.commit = commit;
      await commit(stages);
      throw new Error('the answer was lost');
    };
    await expect(search()).rejects.toThrow('the answer was lost');
    expect(taken).toEqual([]);
    await search();
    expect(taken).toEqual([{ item: 0, from: DEAD, markedAt: 1000 }]);
    await search({ signs: '1:0' });
    expect(taken).toHaveLength(1);
  });

  it('replaces what a former session of its own has left of what it signed for', async () => {
    await other.put('job/sharding/0/failovering', ME);
    await other.create('job/sharding/0/failover', ME, 'ephemeral');
    // The note is younger than the witness, so it is of this session.
    await search();
    expect(taken).toMatchObject([{ item: 0, from: ME }]);
    expect((await other.read('job/sharding/0/failover'))?.stat.ephemeralOwner).toBe(registry.session.id);
  });

  it('finishes what a taker that died has left half done', async () => {
    await other.put(MARK, DEAD);
    await other.ensure('job/leader/failover/items/0');
    await other.put('job/sharding/1/failovering', DEAD);
    await other.ensure('job/leader/failover/items/1');
    await search();
    expect(taken.map(({ item }) => item)).toEqual([0, 1]);
    expect([await nodes(0), await nodes(1)]).toEqual([
      ['failover', 'failovering'],
      ['failover', 'failovering'],
    ]);
  });

  it('takes its share, and the rest when nobody else does', async () => {
    for (const item of [0, 1, 2, 3]) await other.put(`job/sharding/${item}/running`, DEAD);
    const passes: number[] = [];
    const create = registry.create.bind(registry);
    registry.create = async (path, ...rest) => {
      if (path.startsWith(LATCH)) passes.push(taken.length);
      return create(path, ...rest);
    };
    await search({ instances: 2 });
    expect(passes).toEqual([0, 2, 3]);
    expect(taken.map(({ item }) => item)).toEqual([0, 1, 2, 3]);
  });

  it('leaves what it has no room for, and comes back to it', async () => {
    for (const item of [0, 1, 2]) await other.put(`job/sharding/${item}/running`, DEAD);
    places = 1;
    busy = [0];
    const room = (): void => {
      places = 1 - taken.length;
    };
    const commit = registry.commit.bind(registry);
    registry.commit = async (stages) => {
      const result = await commit(stages);
      places = 0;
      return result;
    };
    await search();
    expect(taken.map(({ item }) => item)).toEqual([1]);
    room();
    expect(failover.searched).toBe('0:0');
    [places, busy] = [9, []];
    failover.reconsider();
    expect(failover.searched).toBe(null);
    await search();
    expect(taken.map(({ item }) => item)).toEqual([1, 0, 2]);
  });

  it('takes without room what stands in the way of its own run, and nothing else', async () => {
    await other.put(MARK, DEAD);
    await other.put('job/sharding/1/running', DEAD);
    places = 0;
    failover.obstructed(1);
    mayWait = false;
    await search();
    expect(taken).toEqual([]);
    mayWait = true;
    failover.reconsider();
    await search();
    expect(taken.map(({ item }) => item)).toEqual([1]);
    expect(await nodes(0)).toEqual(['running']);
  });

  it('lets the crashed run of its own item wait for its turn if there is no room twice', async () => {
    for (const item of [0, 1]) {
      await other.ensure(`job/sharding/${item}`);
      await other.put(`job/leader/failover/items/${item}`, '');
    }
    places = 0;
    own = [0];
    await search();
    expect(taken).toEqual([]);
    failover.reconsider();
    await search();
    expect(taken.map(({ item }) => item)).toEqual([0]);
  });

  it('remembers what stood in its way until it turns out to be crashed', async () => {
    const { id } = other.session;
    await other.create('job/instances/10.0.0.4@-@later', '', 'ephemeral');
    await other.put(MARK, '10.0.0.4@-@later');
    places = 0;
    failover.obstructed(0);
    await search();
    expect(taken).toEqual([]);
    server.expire(id);
    other = server.registry({ namespace: 'test' });
    await other.start();
    await search({ signs: '1:0' });
    expect(taken).toMatchObject([{ item: 0 }]);
  });

  it.each([true, false])(
    'has a run that crashed in the way of one that was taken over executed after that, in the same session: %s',
    async (isSameSession) => {
      await other.put(MARK, DEAD);
      await search();
      // Somebody was faster, and dies as well.
      await other.put(MARK, OTHER);
      failover.giveBack(0);
      await search({ signs: '0:0' });
      for (const node of ['instances', 'extension/sessions']) await other.remove(`job/${node}/${OTHER}`);
      await clock.advance(1000);
      if (!isSameSession) {
        await other.remove('job/sharding/0/failover');
        for (const node of ['instances', 'extension/sessions']) {
          await other.remove(`job/${node}/${ME}`);
          await other.create(`job/${node}/${ME}`, '', 'ephemeral');
        }
        failover.reset();
      }
      await search({ signs: '1:0' });
      expect(taken.slice(1)).toEqual([{ item: 0, from: isSameSession ? DEAD : ME, markedAt: 1000 }]);
      expect(await nodes()).toEqual(['failover', 'failovering', 'announced 0']);
      woken = 0;
      await failover.conclude(0);
      expect([woken, failover.searched]).toEqual([1, null]);
      await search({ signs: '1:0' });
      expect(taken.slice(2)).toEqual([{ item: 0, from: OTHER, markedAt: 1000 }]);
      await failover.conclude(0);
      expect(await nodes()).toEqual([]);
    },
  );

  it('has a run that was given back executed after one of its item that crashed since', async () => {
    await other.put(MARK, DEAD);
    await search();
    failover.giveBack(0);
    await failover.withdraw();
    await clock.advance(1000);
    await other.put(MARK, '10.0.0.4@-@later');
    const heir = another();
    for (let times = 0; times < 2; times++) {
      await heir.search({
        signs: `${times}:0`,
        failover: true,
        itemCount: 9,
        instances: 1,
        signal: new AbortController().signal,
      });
      await heir.conclude(0);
    }
    expect(taken.slice(1)).toEqual([
      { item: 0, from: '10.0.0.4@-@later', markedAt: 2000 },
      { item: 0, from: DEAD, markedAt: 1000 },
    ]);
    expect(await nodes()).toEqual([]);
  });

  it('has each of several runs executed that crashed one after the other, although their takers die', async () => {
    const LATER = '10.0.0.4@-@later';
    await other.put(MARK, DEAD);
    const heir = another();
    const heirs = (signs: string): Promise<void> =>
      heir.search({ signs, failover: true, itemCount: 9, instances: 1, signal: new AbortController().signal });
    await heirs('1:0');
    // Two were faster, one after the other, and die as well; so does who has taken the first run over.
    await other.put(MARK, LATER);
    for (const node of ['instances', 'extension/sessions']) await other.remove(`job/${node}/${OTHER}`);
    await other.remove('job/sharding/0/failover');
    await search();
    expect(taken.slice(1)).toEqual([{ item: 0, from: OTHER, markedAt: 1000 }]);
    expect(await nodes()).toEqual(['failover', 'failovering', 'announced 0']);
    await clock.advance(1000);
    await other.put(MARK, '10.0.0.5@-@last');
    failover.giveBack(0);
    await search({ signs: '2:0' });
    await failover.conclude(0);
    await search({ signs: '3:0' });
    await failover.conclude(0);
    await search({ signs: '4:0' });
    await failover.conclude(0);
    expect(taken.slice(2)).toEqual([
      { item: 0, from: OTHER, markedAt: 1000 },
      { item: 0, from: '10.0.0.5@-@last', markedAt: 2000 },
      { item: 0, from: LATER, markedAt: 1000 },
    ]);
    expect(await nodes()).toEqual([]);
  });

  it('leaves what waits behind a run whose taker dies while it executes it', async () => {
    await other.put(
      'job/leader/failover/items/0',
      encodeAnnouncement({ runs: [{ from: DEAD, markedAt: 7 }], behind: OTHER }),
    );
    await other.put(MARK, OTHER);
    await other.put('job/sharding/0/failovering', OTHER);
    for (const node of ['instances', 'extension/sessions']) await other.remove(`job/${node}/${OTHER}`);
    await search();
    expect(await nodes()).toEqual(['failover', 'failovering', 'announced 0']);
    await failover.conclude(0);
    await search({ signs: '2:0' });
    await failover.conclude(0);
    expect(taken).toEqual([
      { item: 0, from: OTHER, markedAt: 1000 },
      { item: 0, from: DEAD, markedAt: 7 },
    ]);
    expect(await nodes()).toEqual([]);
  });

  it('gives a run back before those that wait behind it', async () => {
    await other.put(MARK, OTHER);
    await other.put(
      'job/leader/failover/items/0',
      encodeAnnouncement({ runs: [{ from: DEAD, markedAt: 7 }], behind: null }),
    );
    for (const node of ['instances', 'extension/sessions']) await other.remove(`job/${node}/${OTHER}`);
    await search();
    failover.giveBack(0);
    await failover.withdraw();
    expect(await nodes()).toEqual(['announced 0']);
    const { value = '' } = (await other.read('job/leader/failover/items/0')) ?? {};
    expect(decodeAnnouncement(value, 0)).toEqual({
      runs: [
        { from: OTHER, markedAt: 1000 },
        { from: DEAD, markedAt: 7 },
      ],
      behind: null,
    });
  });

  it.each([
    ['gives a run back in this moment', 'job/sharding/0/failovering', DEAD],
    ['was told to leave, and dies with what it has taken', `job/extension/sessions/${OTHER}`, OTHER],
  ])('comes back when somebody %s', async (_, gone, from) => {
    await other.put('job/sharding/0/failovering', OTHER);
    if (from === DEAD) {
      const announcement = encodeAnnouncement({ runs: [{ from: DEAD, markedAt: 7 }], behind: null });
      await other.put('job/leader/failover/items/0', announcement);
    }
    await other.remove(`job/instances/${OTHER}`);
    await search();
    await settle();
    expect([taken, failover.searched]).toEqual([[], '0:0']);
    await other.remove(gone);
    await settle();
    expect([woken, failover.searched]).toEqual([1, null]);
    await search();
    expect(taken).toMatchObject([{ item: 0, from }]);
  });

  it('executes what it has taken over when it turns out that whose mark is in the way has crashed and come back', async () => {
    await other.put(MARK, DEAD);
    await search();
    // Somebody was faster, died, and registers anew; it makes its witness last of all.
    await other.put(MARK, OTHER);
    await other.remove(`job/extension/sessions/${OTHER}`);
    failover.giveBack(0);
    await search({ signs: '1:0' });
    await settle();
    woken = 0;
    expect(taken).toHaveLength(1);
    await other.create(`job/extension/sessions/${OTHER}`, '', 'ephemeral');
    await settle();
    expect([woken, failover.searched]).toEqual([1, null]);
    await search({ signs: '1:0' });
    expect(taken.slice(1)).toEqual([{ item: 0, from: DEAD, markedAt: 1000 }]);
  });

  it('announces nothing for a run that turns out to have been concluded by an instance that has gone since', async () => {
    await other.put(MARK, OTHER);
    const commit = registry.commit.bind(registry);
    registry.commit = async (stages) => {
      await other.remove(MARK);
      return commit(stages);
    };
    for (const node of ['instances', 'extension/sessions']) await other.remove(`job/${node}/${OTHER}`);
    await expect(search()).rejects.toMatchObject({ code: 'REGISTRY_FAILURE' });
    registry.commit = commit;
    await search();
    await failover.withdraw();
    expect(taken).toEqual([]);
    expect(await nodes()).toEqual([]);
  });

  it('takes nothing once its instance is about to leave', async () => {
    await other.put(MARK, DEAD);
    failover.close();
    await search();
    expect(taken).toEqual([]);
    expect(await nodes()).toEqual(['running']);
  });

  it('says of what it gives back whose run it was', async () => {
    await other.put(MARK, DEAD);
    await search();
    failover.giveBack(0);
    await failover.withdraw();
    await clock.advance(1000);
    const heir = another();
    await heir.search({
      signs: '1:0',
      failover: true,
      itemCount: 9,
      instances: 1,
      signal: new AbortController().signal,
    });
    expect(taken.slice(1)).toEqual([{ item: 0, from: DEAD, markedAt: 1000 }]);
  });

  it('gives back what it takes while it leaves, so that nobody executes it here', async () => {
    await other.put(MARK, DEAD);
    const commit = registry.commit.bind(registry);
    let withdrawn: Promise<void> | undefined;
    registry.commit = async (stages) => {
      withdrawn = failover.withdraw();
      await settle();
      return commit(stages);
    };
    await search();
    await withdrawn;
    expect(taken).toEqual([]);
    expect(await nodes()).toEqual(['announced 0']);
    await search({ signs: '1:0' });
    expect(await nodes()).toEqual(['announced 0']);
  });

  it.each<[string, () => Promise<unknown>, () => Promise<unknown>]>([
    ['a mark of somebody else', () => other.put(MARK, OTHER), () => other.remove(MARK)],
    [
      'a call of its own that goes on',
      async () => {
        busy = [0];
      },
      async () => {
        busy = [];
        failover.reconsider();
      },
    ],
  ])('comes back to what it could not take because of %s that came before the latch', async (_, come, go) => {
    await other.put('job/sharding/0/failovering', ME);
    await whileWaiting(come);
    expect(taken).toEqual([]);
    await go();
    await settle();
    expect([woken > 0, failover.searched]).toEqual([true, null]);
    await search();
    expect(taken).toMatchObject([{ item: 0 }]);
  });

  it('takes away what nobody is to execute, and says why', async () => {
    await other.put(MARK, DEAD);
    await other.put('job/sharding/1/running', DEAD);
    await other.ensure('job/sharding/1/disabled');
    await other.put('job/sharding/7/failovering', DEAD);
    await other.ensure('job/leader/failover/items/8');
    await search({ itemCount: 2 });
    expect(dropped.sort()).toEqual([
      [1, 'disabled'],
      [7, 'surplus'],
      [8, 'surplus'],
    ]);
    expect([await nodes(0), await nodes(1), await nodes(7)]).toEqual([['failover', 'failovering'], ['disabled'], []]);
  });

  it('does not judge a mark that names nobody', async () => {
    await other.put(MARK, '');
    await other.put('job/sharding/1/running', 'no/instance');
    await search();
    expect([taken, dropped]).toEqual([[], []]);
    expect(await nodes()).toEqual(['running']);
  });
});
