import { type JavaEvent, type JavaMember, startJava } from '@elasticjob/interop';
import type { Message } from './messages.js';

const JOB = 'report';

/** A process of the cluster that is the real ElasticJob for Java, as its parent sees it. */
export class JavaWorker {
  /** Items of its last run: it tells no more of what it owns. */
  items: readonly number[] = [];
  isLeader = false;
  /** Item → the fire that its run under way is taken to be for. */
  readonly #fires = new Map<number, number>();
  #member: JavaMember | null = null;

  private constructor(
    readonly name: string,
    private readonly onMessage: (worker: JavaWorker, message: Message) => void,
  ) {}

  /** Starts the process; resolves when it has joined the job. */
  static async start(
    name: string,
    connectString: string,
    options: {
      readonly namespace: string;
      readonly sessionTimeoutMs: number;
      readonly items: number;
      readonly workMs: number;
    },
    onMessage: (worker: JavaWorker, message: Message) => void,
  ): Promise<JavaWorker> {
    const worker = new JavaWorker(name, onMessage);
    const { namespace, sessionTimeoutMs, items, workMs } = options;
    const hear = (event: JavaEvent | null): void => worker.#hear(event);
    const member = await startJava({ connectString, namespace, sessionTimeoutMs, ip: '127.0.0.1', onEvent: hear });
    worker.#member = member;
    await member.behave(JOB, { sleepMs: workMs });
    await member.startJob({ jobName: JOB, cron: '0/1 * * * * ?', shardingTotalCount: items, misfire: false });
    onMessage(worker, { kind: 'ready', instanceId: member.instanceId });
    return worker;
  }

  get pid(): number | undefined {
    return this.#member?.pid;
  }

  get isRunning(): boolean {
    return this.#member?.isRunning ?? false;
  }

  /** Lets it exit in order, or kills it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#member?.signal(signal);
    // It ends for certain: what is told to leave and does not is not waited for.
    await this.#member?.end();
  }

  #hear(event: JavaEvent | null): void {
    if (event?.kind === 'begin') {
      // Java does not say which fire a run is for.
      const scheduledAt = Math.floor(event.at / 1_000) * 1_000;
      this.#fires.set(event.item, scheduledAt);
      this.#owns((event.taskId.split('@-@')[1] ?? '').split(',').map(Number));
      this.#tell({ kind: 'begin', item: event.item, scheduledAt, fencingToken: '', at: event.at });
    }
    if (event?.kind === 'end') {
      const scheduledAt = this.#fires.get(event.item) ?? event.at;
      this.#tell({ kind: 'end', item: event.item, scheduledAt, fencingToken: '', at: event.at });
    }
  }

  #owns(items: readonly number[]): void {
    if (items.join() === this.items.join()) return;
    this.items = items;
    this.#tell({ kind: 'assigned', items });
  }

  #tell(message: Message): void {
    this.onMessage(this, message);
  }
}
