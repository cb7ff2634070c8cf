import { setTimeout as sleep } from 'node:timers/promises';
import type { Cluster } from './cluster.js';
import type { Instance } from './instance.js';
import { HAULS, TICKS } from './job-plan.js';
import type { Random } from './random.js';

/** Where a fault strikes. */
export interface Scene {
  readonly cluster: Cluster;
  readonly random: Random;
  /** How long all servers are away, milliseconds. */
  readonly outageMs: number;
  /** Ends the fault early; what it broke is mended all the same. */
  readonly signal: AbortSignal;
  /** Tells a person what is broken now. */
  tell(text: string): void;
}

/** One way to break things. */
export interface Fault {
  readonly name: string;
  /** Breaks something and mends it: resolves when nothing is broken any more, not when all have recovered. */
  strike(scene: Scene): Promise<void>;
}

/** All the ways. What they break, and for how long, is drawn from the scene's random numbers. */
export const FAULTS: readonly Fault[] = [
  { name: 'kill-leader', strike: (scene) => killAndReplace(scene, scene.cluster.leaderOf(TICKS.name), 'the leader') },
  { name: 'kill-in-mid-run', strike: killInMidRun },
  { name: 'stop-longer-than-session', strike: stopLong },
  { name: 'stop-shorter-than-session', strike: stopShort },
  { name: 'restart-instances', strike: restartInstances },
  { name: 'cut-network', strike: cutNetwork },
  { name: 'half-open-network', strike: halfOpenNetwork },
  { name: 'slow-network', strike: slowNetwork },
  { name: 'trickling-network', strike: tricklingNetwork },
  { name: 'kill-zookeeper-leader', strike: killZooKeeperLeader },
  { name: 'restart-zookeeper', strike: restartZooKeeper },
  { name: 'zookeeper-outage', strike: zooKeeperOutage },
];

// ---- processes -------------------------------------------------------------------------------------------------------

async function killInMidRun(scene: Scene): Promise<void> {
  const { cluster, signal } = scene;
  const inMidRun = (): Instance | undefined =>
    cluster.running.find(({ id }) => cluster.observer.isRunning(id, HAULS.name));
  await cluster.until(() => inMidRun() !== undefined, signal);
  const victim = inMidRun();
  if (victim !== undefined) await killAndReplace(scene, victim, 'in mid-run');
}

async function killAndReplace(scene: Scene, victim: Instance, which: string): Promise<void> {
  const { cluster, tell } = scene;
  tell(`kill -9 of ${victim.id}, ${which}`);
  await cluster.kill(victim);
  await finallyDo(pause(scene, 0, 6_000), () => cluster.add());
}

async function stopLong(scene: Scene): Promise<void> {
  const { cluster, random, signal, tell } = scene;
  const stopped = random.pick(cluster.running);
  tell(`SIGSTOP of ${stopped.id} until its session has ended`);
  cluster.freeze(stopped);
  const gone = (): boolean => cluster.observer.hasDeparted(stopped.id);
  const standstill = cluster.until(gone, signal).then(() => pause(scene, 0, 5_000));
  await finallyDo(standstill, () => cluster.thaw(stopped));
}

async function stopShort(scene: Scene): Promise<void> {
  const { cluster, random, tell } = scene;
  const stopped = random.pick(cluster.running);
  tell(`SIGSTOP of ${stopped.id} for less than its session`);
  cluster.freeze(stopped);
  await finallyDo(pause(scene, 200, 1_500), () => cluster.thaw(stopped));
}

async function restartInstances(scene: Scene): Promise<void> {
  const { cluster, signal, tell } = scene;
  for (const instance of cluster.running) {
    tell(`SIGTERM of ${instance.id}, one after the other`);
    await cluster.dismiss(instance);
    await cluster.add();
    await cluster.until(() => cluster.isShared, signal);
    await pause(scene, 0, 700);
  }
}

// ---- network ---------------------------------------------------------------------------------------------------------

async function cutNetwork(scene: Scene): Promise<void> {
  await breakNetwork(scene, 'cut', 100, 8_000, ({ link }) => link.cut());
}

async function halfOpenNetwork(scene: Scene): Promise<void> {
  await breakNetwork(scene, 'half-open', 500, 9_000, ({ link }) => link.blackhole());
}

async function slowNetwork(scene: Scene): Promise<void> {
  const ms = scene.random.between(20, 400);
  await breakNetwork(scene, `slow by ${ms} ms each way`, 2_000, 8_000, ({ link }) => link.delay(ms));
}

async function tricklingNetwork(scene: Scene): Promise<void> {
  const bytes = scene.random.between(1, 16);
  await breakNetwork(scene, `trickling ${bytes} bytes at a time`, 2_000, 8_000, ({ link }) => link.trickle(bytes));
}

async function breakNetwork(
  scene: Scene,
  how: string,
  leastMs: number,
  greatestMs: number,
  damage: (victim: Instance) => Promise<void>,
): Promise<void> {
  const victim = scene.random.pick(scene.cluster.running);
  scene.tell(`network of ${victim.id} ${how}`);
  await damage(victim);
  await finallyDo(pause(scene, leastMs, greatestMs), () => victim.link.heal());
}

// ---- servers ---------------------------------------------------------------------------------------------------------

async function killZooKeeperLeader(scene: Scene): Promise<void> {
  scene.tell("kill -9 of ZooKeeper's leader");
  const server = await scene.cluster.ensemble.killLeader();
  await finallyDo(pause(scene, 0, 8_000), () => server.start());
}

async function restartZooKeeper(scene: Scene): Promise<void> {
  scene.tell('the ZooKeeper servers, one after the other');
  await scene.cluster.ensemble.restartInTurn(() => pause(scene, 500, 4_000));
}

async function zooKeeperOutage(scene: Scene): Promise<void> {
  const { cluster, outageMs, signal, tell } = scene;
  tell(`all ZooKeeper servers for ${outageMs / 1_000} s`);
  await cluster.ensemble.stopAll();
  await finallyDo(sleep(outageMs, undefined, { signal }), () => cluster.ensemble.startAll());
}

async function pause({ random, signal }: Scene, leastMs: number, greatestMs: number): Promise<void> {
  await sleep(random.between(leastMs, greatestMs), undefined, { signal });
}

/** Mends when `damage` is over, also when it ended early. */
async function finallyDo(damage: Promise<void>, mend: () => unknown): Promise<void> {
  try {
    await damage;
  } finally {
    await mend();
  }
}
