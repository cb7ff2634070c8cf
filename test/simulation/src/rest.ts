import type { SimulatedJob, SimulatedProcess } from './process.js';
import type { World } from './world.js';

/** What keeps the world from being at rest, one sentence each; empty when it is. */
export function unrest(world: World): string[] {
  if (world.processes.some((process) => process.leaving && !process.gone)) return ['somebody is still leaving'];
  const deceived = world.living.find(({ driver }) => driver.deceived);
  if (deceived !== undefined) return [`${deceived.name} does not know yet that its connection is broken`];
  for (const { asker } of world.commands)
    if (world.living.includes(asker)) return [`a command of ${asker.name} has not been answered`];
  return world.jobs.flatMap((job) => unrestOf(world, job));
}

/** The instances that take part in a job. */
export function membersOf(world: World, job: SimulatedJob): SimulatedProcess[] {
  return world.living.filter((process) => process.handles.get(job.name)?.status().state === 'active');
}

function unrestOf(world: World, job: SimulatedJob): string[] {
  const { ledger } = world;
  const members = membersOf(world, job);
  const ids = members.map(({ instanceId }) => instanceId).sort();
  const starting = world.living.some(({ started }) => !started);
  const problems: string[] = starting ? ['an instance has not started yet'] : [];
  const say = (problem: string): void => void problems.push(`${job.name}: ${problem}`);
  if (ids.length === 0) say('nobody takes part');
  const nodes = ledger.children(job.name, 'instances').sort();
  if (nodes.join() !== ids.join()) say(`registered are ${nodes}, alive are ${ids}`);
  const leader = ledger.value(job.name, 'leader/election/instance');
  if (leader === null || !ids.includes(leader)) say(`the leader is ${leader}`);
  for (const flag of ledger.children(job.name, 'leader/sharding')) say(`the flag ${flag} is up`);
  for (const child of ledger.children(job.name, 'leader/election/latch')) say(`the latch has ${child}`);
  for (const child of ledger.children(job.name, 'leader/failover/latch')) say(`the latch of failover has ${child}`);
  for (const item of ledger.children(job.name, 'leader/failover/items')) say(`the crashed run of ${item} waits`);
  const witnesses = ledger.children(job.name, 'extension/sessions').sort();
  if (job.failover && witnesses.join() !== ids.join()) say(`witnesses are of ${witnesses}, alive are ${ids}`);
  for (const run of openRunsOf(world, job)) say(`the triggered run ${run} has not ended`);
  for (const id of ledger.children(job.name, 'trigger')) if (ids.includes(id)) say(`a trigger of ${id} is left`);
  return [...problems, ...unassigned(world, job, members)];
}

function unassigned(world: World, job: SimulatedJob, members: readonly SimulatedProcess[]): string[] {
  const { ledger } = world;
  const plan = ledger.present(job.name);
  if (plan === null) return [`${job.name}: no plan is in force`];
  const owners = plan.spans[0]?.owners ?? [];
  const count = Number(/shardingTotalCount: (\d+)/.exec(ledger.value(job.name, 'config') ?? '')?.[1]);
  const problems: string[] = [];
  if (owners.length !== count) problems.push(`${job.name}: ${owners.length} items are assigned, there are ${count}`);
  for (const [item, owner] of owners.entries()) {
    const process = members.find(({ instanceId }) => instanceId === owner);
    if (process === undefined) {
      problems.push(`${job.name}/${item} is ${owner}'s`);
      continue;
    }
    const known = process.handles.get(job.name)?.status().items ?? [];
    if (!known.includes(item)) problems.push(`${job.name}/${item} is ${owner}'s, who knows only of ${known}`);
    const node = ledger.value(job.name, `sharding/${item}/instance`);
    if (node !== owner && !world.tampered.has(job.name))
      problems.push(`${job.name}/${item} is ${owner}'s, its node says ${node}`);
  }
  for (const process of members) {
    const known = process.handles.get(job.name)?.status().items ?? [];
    const extra = known.filter((item) => owners[item] !== process.instanceId);
    if (extra.length > 0) problems.push(`${process.name} believes to own ${job.name}/${extra}`);
  }
  for (const item of ledger.children(job.name, 'sharding')) {
    const marker = ledger.value(job.name, `sharding/${item}/running`);
    const runs = members.some(({ handles }) => handles.get(job.name)?.status().runningItems.includes(Number(item)));
    for (const note of ['failover', 'failovering']) {
      if (!runs && ledger.value(job.name, `sharding/${item}/${note}`) !== null)
        problems.push(`${job.name}/${item} has the note '${note}', and nobody runs it`);
    }
    if (marker !== null && !runs) problems.push(`${job.name}/${item} has a mark of ${marker}, and nobody runs it`);
  }
  return problems;
}

/** How many runs that were asked for have not ended. */
export function openRuns(world: World): number {
  return world.jobs.reduce((sum, job) => sum + openRunsOf(world, job).length, 0);
}

function openRunsOf(world: World, { name }: SimulatedJob): string[] {
  return world.ledger.children(name, 'extension/triggers/open').filter((run) => isAccepted(world, name, run));
}

/** Who dies while asking may leave runs that nobody begins, since what makes them count is made last. */
function isAccepted({ ledger }: World, jobName: string, run: string): boolean {
  const id = run.split('-').slice(0, 2).join('-');
  return ledger.value(jobName, `extension/triggers/records/${id}`) !== null;
}

/** Items with a misfire flag that nobody runs: for a moment only, since what is held is made up for right after its run. */
export function idleFlags(world: World): string[] {
  return world.jobs.flatMap((job) => {
    const busy = membersOf(world, job).flatMap(({ handles }) => handles.get(job.name)?.status().runningItems ?? []);
    const items = world.ledger.children(job.name, 'sharding').filter((item) => !busy.includes(Number(item)));
    const flagged = items.filter((item) => world.ledger.value(job.name, `sharding/${item}/misfire`) !== null);
    return flagged.map((item) => `${job.name}/${item}`);
  });
}
