import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { departed, expectNothingForbidden, HAULS, TICKS, VIGIL, VOYAGES } from './cluster-checks.js';
import { Cluster } from './src/cluster.js';
import { accountForCrashes } from './src/crashed-runs.js';
import { Ensemble } from './src/ensemble.js';
import { accountForFires } from './src/fire-accounts.js';
import type { Instance } from './src/instance.js';
import { firesOf, type JobPlan } from './src/job-plan.js';
import { fireKey, type Run } from './src/observations.js';
import { takeovers } from './src/takeovers.js';

let ensemble: Ensemble;
let cluster: Cluster | undefined;
beforeAll(async () => {
  ensemble = await Ensemble.start();
});
afterEach(async () => {
  await cluster?.end();
  cluster = undefined;
});
afterAll(() => ensemble.end());

async function start(count: number, ...jobs: readonly JobPlan[]): Promise<Cluster> {
  const started = await Cluster.start(ensemble, count, { jobs });
  cluster = started;
  return started;
}

const isOpen = ({ endedAt, abortedAt }: Run): boolean => endedAt === null && abortedAt === null;

describe('instances on an ensemble of three', { timeout: 150_000 }, () => {
  it('elect another leader and take the items over when their leader is killed', async () => {
    const started = await start(3, TICKS, HAULS);
    const from = await started.recovered();
    const leader = started.leaderOf(TICKS.name);
    const owned = leader.itemsOf(TICKS.name);
    await started.kill(leader);
    await departed(started, leader);
    const to = await started.recovered();
    expect(started.running.filter((instance) => instance.leads(TICKS.name))).toHaveLength(1);
    expect(takeovers(started.observer, TICKS.name)).toHaveLength(owned.length);
    expect(accountForFires(started.observer, from, to).fires['without-owner']).toBeGreaterThan(0);
    expectNothingForbidden(started, from, to);
  });

  it('run the item of one that is killed in mid-run only when its mark has gone with its session', async () => {
    const started = await start(2, HAULS);
    const { observer } = started;
    const from = await started.recovered();
    await started.until(() => observer.runs.some(isOpen));
    const cut = observer.runs.find(isOpen);
    const victim = started.running.find(({ id }) => id === cut?.instance);
    if (cut === undefined || victim === undefined) throw new Error('nothing runs');
    await started.kill(victim);
    await departed(started, victim);
    const to = await started.recovered();
    expect(observer.outcomes.has(fireKey(cut.job, cut.item, cut.scheduledAt))).toBe(false);
    expect(accountForFires(observer, from, to).fires['cut-short']).toBeGreaterThan(0);
    const next = observer.runs.find(({ item, token }) => item === cut.item && token > cut.token);
    const gone = observer.departures.find(({ instance }) => instance === victim.id);
    expect(next?.instance).not.toBe(victim.id);
    expect(Number((next?.token ?? 0n) - (gone?.zxid ?? 0n))).toBeGreaterThan(0);
    expectNothingForbidden(started, from, to);
  });

  it('execute what was cut when one is killed in mid-run once more, at once and not at the next fire', async () => {
    const started = await start(3, VOYAGES);
    const { observer } = started;
    const from = await started.recovered();
    await started.until(() => observer.runs.filter(isOpen).length === VOYAGES.items);
    const cut = observer.runs.filter(isOpen);
    const victim = started.running.find(({ id }) => id === cut[0]?.instance);
    if (victim === undefined) throw new Error('nothing runs');
    const lost = cut.filter(({ instance }) => instance === victim.id);
    await started.kill(victim);
    await started.until(() => observer.runs.filter(({ takeover }) => takeover !== null).length === lost.length);
    // Nobody has begun a later fire yet.
    expect(new Set(observer.runs.slice(-lost.length).map(({ scheduledAt }) => scheduledAt))).toEqual(
      new Set(lost.map(({ scheduledAt }) => scheduledAt)),
    );
    const to = await started.recovered();
    const { crashed } = accountForCrashes(observer, from, to);
    expect(crashed.map(({ run }) => run.item).sort()).toEqual(lost.map(({ item }) => item).sort());
    const survivors = started.running.map(({ id }) => id);
    expect(crashed.every(({ again }) => survivors.includes(again?.instance ?? ''))).toBe(true);
    expectNothingForbidden(started, from, to);
  });

  it('execute what was cut when one stands still for longer than its session once more, and refuse its late write', async () => {
    const started = await start(2, VOYAGES);
    const { observer } = started;
    const from = await started.recovered();
    await started.until(() => observer.runs.filter(isOpen).length === VOYAGES.items);
    const [stopped] = started.running;
    if (stopped === undefined) throw new Error('two instances were started');
    const cut = observer.runs.filter((run) => isOpen(run) && run.instance === stopped.id);
    started.freeze(stopped);
    await started.until(() => observer.runs.filter(({ takeover }) => takeover !== null).length === cut.length);
    started.thaw(stopped);
    const to = await started.recovered();
    expect(accountForCrashes(observer, from, to).crashed).toHaveLength(cut.length);
    expect(observer.refused.map(({ token }) => BigInt(token)).sort()).toEqual(cut.map(({ token }) => token).sort());
    expectNothingForbidden(started, from, to);
  });

  it('abort at once when they wake from a stop longer than their session, and are refused by the ledger', async () => {
    const started = await start(2, VIGIL, HAULS);
    const { observer } = started;
    const heldBy = ({ id }: Instance): Run[] => observer.runs.filter((run) => run.instance === id && isOpen(run));
    const heldOf = ({ name }: JobPlan, instance: Instance): Run[] => heldBy(instance).filter(({ job }) => job === name);
    // Whichever came first may have begun all of them, and they never end.
    await started.until(() => started.running.flatMap((instance) => heldOf(VIGIL, instance)).length === VIGIL.items);
    const [stopped, other] = started.running.toSorted((a, b) => heldOf(VIGIL, b).length - heldOf(VIGIL, a).length);
    if (stopped === undefined || other === undefined) throw new Error('two instances were started');
    await started.until(() => heldOf(HAULS, stopped).length > 0);
    started.freeze(stopped);
    await departed(started, stopped);
    const runs = heldBy(stopped);
    const hasPassed = ({ job, item, token }: Run): boolean =>
      observer.runs.some(
        (run) => run.instance === other.id && run.job === job && run.item === item && run.token > token,
      );
    await started.until(() => runs.every(hasPassed));

    started.thaw(stopped);
    const outcomesOf = ({ job, item, scheduledAt }: Run): string[] =>
      observer.outcomesOf(job, item, scheduledAt).map(({ kind }) => kind);
    await started.until(() => runs.every((run) => outcomesOf(run).length > 0));
    const vigils = runs.filter(({ job }) => job === VIGIL.name);
    const turnedAt = stopped.wokeAt[0] ?? 0;
    expect(vigils.length).toBeGreaterThanOrEqual(2);
    expect(vigils.map(({ abortReason }) => abortReason)).toEqual(vigils.map(() => 'SESSION_LOST'));
    expect(Math.max(...vigils.map(({ abortedAt }) => (abortedAt ?? Infinity) - turnedAt))).toBeLessThanOrEqual(200);
    expect(runs.map(outcomesOf)).toEqual(runs.map(() => ['failure']));
    // Each comes too late with its next write: mostly that of its end, that of its begin if it was stopped there.
    const refused = observer.refused.map(({ token }) => BigInt(token));
    expect(refused.sort()).toEqual(runs.map(({ token }) => token).sort());
    await started.until(() => started.isShared);
    expect(started.crashed).toEqual([]);
  });

  it('keep what they own when one stands still for less than its session', async () => {
    const started = await start(2, TICKS, HAULS);
    const { observer } = started;
    const from = await started.recovered();
    const [stopped] = started.running;
    if (stopped === undefined) throw new Error('two instances were started');
    const plans = observer.spans.get(TICKS.name)?.length;
    started.freeze(stopped);
    // Its own fires are not run meanwhile; the other's are: two of them, and it has stood still for one second at least.
    const fires = firesOf(TICKS, Date.now(), Date.now() + 2_000);
    await started.until(() => observer.runs.some(({ scheduledAt }) => scheduledAt === fires[1]));
    started.thaw(stopped);
    const to = await started.recovered();
    expect(observer.departures).toEqual([]);
    expect(observer.spans.get(TICKS.name)?.length).toBe(plans);
    expect(observer.runs.filter(({ abortedAt }) => abortedAt !== null)).toEqual([]);
    expectNothingForbidden(started, from, to);
  });

  it('run every item for every fire while they are restarted one after the other', async () => {
    const started = await start(3, TICKS, HAULS);
    const { observer } = started;
    const from = await started.recovered();
    for (const instance of started.running) {
      await started.dismiss(instance);
      await started.add();
      await started.until(() => started.isShared);
    }
    const to = await started.recovered();
    const missed = firesOf(TICKS, from, to).flatMap((at) =>
      Array.from({ length: TICKS.items }, (_, item) => ({ at, item })).filter(
        ({ item }) => !observer.outcomesOf(TICKS.name, item, at).some(({ kind }) => kind === 'success'),
      ),
    );
    expect(missed).toEqual([]);
    expect(accountForFires(observer, from, to).fires).toMatchObject({ 'without-owner': 0, 'cut-short': 0 });
    expectNothingForbidden(started, from, to);
  });
});
