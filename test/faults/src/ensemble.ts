import { setTimeout as sleep } from 'node:timers/promises';
import { startZooKeeper, type ZooKeeper } from '@elasticjob/test-support';

type Server = ZooKeeper['servers'][number];

/** Milliseconds between two ticks of a server; sessions of these tests last eight. */
export const TICK_MS = 500;
export const SESSION_MS = 4_000;
const LOOK_MS = 50;

/** Three ZooKeeper servers of our own, to be stopped and started. */
export class Ensemble {
  private constructor(private readonly zooKeeper: ZooKeeper) {}

  static async start(): Promise<Ensemble> {
    return new Ensemble(await startZooKeeper({ servers: 3, tickTime: TICK_MS, own: true }));
  }

  get connectString(): string {
    return this.zooKeeper.connectString;
  }

  get ports(): readonly number[] {
    return this.zooKeeper.servers.map(({ port }) => port);
  }

  /** The server that leads the others, once one does. */
  async leader(): Promise<Server> {
    for (;;) {
      for (const server of this.zooKeeper.servers) if (await leads(server)) return server;
      await sleep(LOOK_MS);
    }
  }

  /** Kills the leader; resolves to it, and its process has ended. */
  async killLeader(): Promise<Server> {
    const leader = await this.leader();
    await leader.kill();
    return leader;
  }

  /** Restarts one server after the other, the leader last, as an operator would. `pause` comes between two of them. */
  async restartInTurn(pause: () => Promise<void>): Promise<void> {
    const leader = await this.leader();
    for (const server of [...this.zooKeeper.servers.filter((other) => other !== leader), leader]) {
      await server.stop();
      await server.start();
      await pause();
    }
  }

  /** Kills all servers. */
  async stopAll(): Promise<void> {
    await Promise.all(this.zooKeeper.servers.map((server) => server.kill()));
  }

  /** Starts the servers that do not run; resolves when all serve. */
  async startAll(): Promise<void> {
    await Promise.all(this.zooKeeper.servers.map((server) => server.start()));
  }

  async end(): Promise<void> {
    await this.zooKeeper.stop();
  }
}

async function leads(server: Server): Promise<boolean> {
  try {
    return server.pid !== undefined && (await server.fourLetter('srvr')).includes('Mode: leader');
  } catch {
    // It is coming up or going down: it leads nobody now.
    return false;
  }
}
