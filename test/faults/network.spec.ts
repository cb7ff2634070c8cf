import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { departed, departuresOf, expectNothingForbidden, HAULS, TICKS, VIGIL } from './cluster-checks.js';
import { Cluster } from './src/cluster.js';
import { Ensemble } from './src/ensemble.js';
import type { Instance } from './src/instance.js';
import { firesOf, type JobPlan } from './src/job-plan.js';
import type { Run } from './src/observations.js';

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

/** Two instances that share the items, and the one whose network is to be broken. */
async function startTwo(...jobs: readonly JobPlan[]): Promise<{ started: Cluster; victim: Instance; from: number }> {
  const started = await Cluster.start(ensemble, 2, { jobs });
  cluster = started;
  const from = await started.recovered();
  const [victim] = started.running;
  if (victim === undefined) throw new Error('two instances were started');
  return { started, victim, from };
}

/** Resolves when an instance has recorded an outcome for a fire planned from now on. */
async function hasFired(started: Cluster, { id }: Instance, count = 1): Promise<void> {
  const now = Date.now();
  const fire = firesOf(TICKS, now, now + count * 1_000)[count - 1] ?? now;
  const items = Array.from({ length: TICKS.items }, (_, item) => item);
  await started.until(() =>
    items.some((item) => started.observer.outcomesOf(TICKS.name, item, fire).some(({ instance }) => instance === id)),
  );
}

describe('an instance whose network', { timeout: 150_000 }, () => {
  it('is cut for less than its session keeps its items, and accounts for the fires it could not run', async () => {
    const { started, victim, from } = await startTwo(TICKS, HAULS);
    await victim.link.cut();
    await started.until(() => !victim.isConnected(TICKS.name) && !victim.isConnected(HAULS.name));
    // The victim tells what became of its own fires once it is connected again.
    const other = started.running.find((instance) => instance !== victim);
    if (other === undefined) throw new Error('two instances were started');
    await hasFired(started, other);
    await victim.link.heal();
    const to = await started.recovered();
    expect(departuresOf(started, victim)).toBe(0);
    expectNothingForbidden(started, from, to);
  });

  it.each([
    ['is cut', ({ link }: Instance) => link.cut()],
    ['loses every byte in silence', ({ link }: Instance) => link.blackhole()],
  ] as const)(
    '%s for longer than its session aborts what it runs, loses its items, and comes back',
    async (_, damage) => {
      const { started, from } = await startTwo(TICKS, VIGIL);
      const { observer } = started;
      const heldBy = ({ id }: Instance): Run[] =>
        observer.runs.filter((run) => run.instance === id && run.job === VIGIL.name);
      // Whichever came first may have begun all of them, and they never end.
      const holder = (): Instance | undefined => started.running.find((instance) => heldBy(instance).length > 0);
      await started.until(() => holder() !== undefined);
      const victim = holder();
      if (victim === undefined) throw new Error('nobody holds anything');
      const runs = heldBy(victim);
      await damage(victim);
      await departed(started, victim);
      // It has to see for itself that its session is over: nobody can tell it.
      await started.until(() => observer.hasLostSession(victim.id));
      const [other] = started.running.filter((instance) => instance !== victim);
      if (other === undefined) throw new Error('two instances were started');
      await started.until(() => other.itemsOf(TICKS.name).length === TICKS.items);
      await hasFired(started, other);
      expect(runs.map(({ abortReason }) => abortReason)).toEqual(runs.map(() => 'SESSION_LOST'));
      const kinds = runs.map(({ job, item, scheduledAt }) => observer.outcomesOf(job, item, scheduledAt)[0]?.kind);
      expect(kinds).toEqual(runs.map(() => 'failure'));
      await victim.link.heal();
      const to = await started.recovered();
      expectNothingForbidden(started, from, to);
    },
  );

  it('is slow, or trickles a few bytes at a time, goes on', async () => {
    const { started, victim, from } = await startTwo(TICKS, HAULS);
    await victim.link.delay(150);
    await hasFired(started, victim, 3);
    await victim.link.delay(0);
    await victim.link.trickle(3);
    await hasFired(started, victim, 3);
    await victim.link.heal();
    const to = await started.recovered();
    expect(departuresOf(started, victim)).toBe(0);
    expectNothingForbidden(started, from, to);
  });
});
