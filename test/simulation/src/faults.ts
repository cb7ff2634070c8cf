import type { SimulatedJob, SimulatedProcess } from './process.js';
import type { World } from './world.js';

/** A fault that may be drawn: how often in comparison with others, in which worlds, and what it does. */
interface Fault {
  readonly name: string;
  readonly weight: number;
  readonly when?: (world: World) => boolean;
  readonly strike: (world: World, target: SimulatedProcess, job: SimulatedJob) => void;
}

/** Longer than a session, often. */
const AWAY = { short: [50, 2500], long: [3000, 9000] } as const;

const FAULTS: readonly Fault[] = [
  { name: 'crash', weight: 3, strike: crash },
  {
    name: 'crash in mid-run',
    weight: 3,
    when: ({ jobs }) => jobs.some(({ failover }) => failover),
    strike: crashInRun,
  },
  { name: 'pause', weight: 3, strike: pause },
  { name: 'disconnect', weight: 4, strike: (_world, target) => target.driver.disconnect(false) },
  { name: 'partition', weight: 4, strike: partition },
  { name: 'expiry', weight: 2, strike: expire },
  { name: 'server partition', weight: 2, strike: isolateServer },
  { name: 'server lag', weight: 3, when: ({ temper }) => temper.lagging, strike: lag },
  { name: 'leave', weight: 3, strike: leave },
  { name: 'join', weight: 2, strike: (world) => void (world.living.length < 5 && world.join()) },
  { name: 'trigger', weight: 2, when: ({ temper }) => temper.operators, strike: trigger },
  { name: 'server disabled', weight: 2, when: ({ temper }) => temper.operators, strike: disableServer },
  { name: 'item disabled', weight: 1, when: ({ temper }) => temper.operators, strike: disableItem },
  { name: 'configuration', weight: 2, when: ({ temper }) => temper.reconfiguring, strike: reconfigure },
  { name: 'instance removed', weight: 1, when: ({ temper }) => temper.tampering, strike: removeInstance },
  { name: 'leader removed', weight: 2, when: ({ temper }) => temper.tampering, strike: removeLeader },
  { name: 'flag removed', weight: 1, when: ({ temper }) => temper.tampering, strike: removeFlag },
  { name: 'owner removed', weight: 1, when: ({ temper }) => temper.tampering, strike: removeOwner },
];

/** Draws faults one after the other until `until`. */
export function plague(world: World, until: number): void {
  const { random, timeline, temper } = world;
  const at = nearAFire(world, timeline.now - Math.log(1 - random.next()) * temper.pace);
  if (at > until) return;
  world.after(at - timeline.now, () => {
    strike(world);
    plague(world, until);
  });
}

/** Much goes wrong just before a fire or just after it: faults come there more often than elsewhere. */
function nearAFire({ random, jobs }: World, at: number): number {
  const job = random.pick(jobs);
  if (job === undefined || random.chance(0.6)) return at;
  const period = job.periodSeconds * 1000;
  return Math.max(at, Math.ceil(at / period) * period + random.between(-150, 100));
}

/** Mends everything: what stands still goes on, networks and servers come back, what an operator disabled is enabled. */
export function mend(world: World): void {
  world.history.note('world', () => 'all faults end');
  for (const server of world.ensemble.servers) {
    server.rejoin();
    server.lagMs = 0;
  }
  for (const process of world.processes) {
    process.networkCut = false;
    process.resume();
  }
  for (const job of world.jobs) {
    for (const name of world.ledger.children(job.name, 'servers')) {
      if (world.ledger.value(job.name, `servers/${name}`) !== 'ENABLED')
        world.operator.set(job.name, `servers/${name}`, 'ENABLED');
    }
    for (const item of world.ledger.children(job.name, 'sharding')) {
      if (world.ledger.value(job.name, `sharding/${item}/disabled`) !== null)
        world.operator.remove(job.name, `sharding/${item}/disabled`);
    }
  }
}

function strike(world: World): void {
  const possible = FAULTS.filter((fault) => fault.when?.(world) ?? true);
  let draw = world.random.next() * possible.reduce((sum, { weight }) => sum + weight, 0);
  const fault = possible.find(({ weight }) => {
    draw -= weight;
    return draw < 0;
  });
  const target = world.random.pick(world.living);
  const job = world.random.pick(world.jobs);
  if (fault === undefined || job === undefined) return;
  if (target === undefined) return void world.join();
  world.history.note('world', () => `fault: ${fault.name} (${target.name}, ${job.name})`);
  world.history.count(fault.name);
  fault.strike(world, target, job);
}

function crash(world: World, target: SimulatedProcess): void {
  target.crash(world.random.chance(0.3));
  world.ended(target);
  const again = world.random.chance(0.5) ? target.instanceId : undefined;
  if (world.random.chance(0.8)) world.after(world.random.between(50, 6000), () => rejoin(world, again));
}

/** Of a job with failover, if it runs anywhere. */
function crashInRun(world: World): void {
  const failedOver = world.jobs.filter(({ failover }) => failover).map(({ name }) => name);
  const runners = world.living.filter(({ calls }) => [...calls].some(({ jobName }) => failedOver.includes(jobName)));
  const target = runners.length === 0 ? undefined : world.random.pick(runners);
  if (target !== undefined) crash(world, target);
}

/** The same id only once its former process is gone. */
function rejoin(world: World, instanceId: string | undefined): void {
  if (instanceId === undefined || !world.processes.some((each) => each.instanceId === instanceId && !each.gone)) {
    world.join(instanceId);
  }
}

function away(world: World): number {
  const [low, high] = world.random.chance(0.5) ? AWAY.short : AWAY.long;
  return world.random.between(low, high);
}

function pause(world: World, target: SimulatedProcess): void {
  world.disturb(target);
  target.pause();
  world.after(away(world), () => {
    world.disturb(target);
    target.resume();
  });
}

function partition(world: World, target: SimulatedProcess): void {
  if (target.networkCut) return;
  target.networkCut = true;
  target.driver.disconnect(world.random.chance(0.5));
  world.after(away(world), () => {
    target.networkCut = false;
  });
}

function expire(world: World, target: SimulatedProcess): void {
  world.ensemble.leader.close(target.registry.session.id);
}

function isolateServer(world: World): void {
  const server = world.random.pick(world.ensemble.servers);
  // Two of three have to be left: otherwise nothing is decided.
  if (world.ensemble.servers.some(({ isolated }) => isolated)) return;
  server.isolate();
  world.after(away(world), () => server.rejoin());
}

function lag(world: World): void {
  const server = world.random.pick(world.ensemble.servers);
  server.lagMs = world.random.between(50, 1500);
  world.after(away(world), () => {
    server.lagMs = 0;
  });
}

function leave(world: World, target: SimulatedProcess): void {
  target.leave();
  if (world.random.chance(0.8)) world.after(world.random.between(0, 3000), () => world.join());
}

function trigger(world: World, target: SimulatedProcess, job: SimulatedJob): void {
  world.operator.create(job.name, `trigger/${target.instanceId}`);
}

function disableServer(world: World, target: SimulatedProcess, job: SimulatedJob): void {
  world.barred(target.ip, job.name);
  world.operator.set(job.name, `servers/${target.ip}`, 'DISABLED');
  world.after(away(world), () => world.operator.set(job.name, `servers/${target.ip}`, 'ENABLED'));
}

function disableItem(world: World, _target: SimulatedProcess, job: SimulatedJob): void {
  const path = `sharding/${world.random.whole(0, job.items - 1)}/disabled`;
  world.operator.create(job.name, path);
  world.after(away(world), () => world.operator.remove(job.name, path));
}

function reconfigure(world: World, _target: SimulatedProcess, job: SimulatedJob): void {
  world.reconfigured(job.name);
  const items = world.random.whole(1, 5);
  world.operator.edit(job.name, `sets ${items} items`, (text) =>
    text.replace(/shardingTotalCount: \d+/, `shardingTotalCount: ${items}`),
  );
}

function removeInstance(world: World, target: SimulatedProcess, job: SimulatedJob): void {
  world.removedByOperator.add(`${job.name}/${target.instanceId}`);
  world.disturb(target, job.name);
  world.operator.remove(job.name, `instances/${target.instanceId}`);
}

function removeLeader(world: World, _target: SimulatedProcess, job: SimulatedJob): void {
  world.deposed.add(job.name);
  world.operator.remove(job.name, 'leader/election/instance');
}

function removeFlag(world: World, _target: SimulatedProcess, job: SimulatedJob): void {
  world.tampered.add(job.name);
  world.operator.remove(job.name, `leader/sharding/${world.random.pick(['necessary', 'processing'])}`);
}

function removeOwner(world: World, _target: SimulatedProcess, job: SimulatedJob): void {
  world.tampered.add(job.name);
  world.operator.remove(job.name, `sharding/${world.random.whole(0, job.items - 1)}/instance`);
}
