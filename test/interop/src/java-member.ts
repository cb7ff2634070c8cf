import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { javaClassPath } from './java-build.js';
import { JavaLifecycle } from './java-lifecycle.js';
import type { JavaEvent, JavaRun } from './java-message.js';

/** The class of every job that a Java member takes part in: what stands at the job's node. */
export const JAVA_JOB = 'interop.ReportingJob';

/** How much of what Java logged is kept, in lines. */
const LOG_LINES = 40;

const JVM_FLAGS = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

/** What a Java member is started with. */
export interface JavaOptions {
  readonly connectString: string;
  readonly namespace: string;
  /** The address under which the instance and its server appear; that of this machine if left out. */
  readonly ip?: string;
  /** Default 4000. */
  readonly sessionTimeoutMs?: number;
  readonly digest?: string;
  /** What the JVM is started with; by default as little memory and as quick a start as tests need. */
  readonly jvmFlags?: readonly string[];
  /** Hears everything that the member tells, also its end as `null`. */
  readonly onEvent?: (event: JavaEvent | null) => void;
}

/** A job's options by ElasticJob's names, and what only Java has. */
export interface JavaJob {
  readonly jobName: string;
  /** Quartz; without it the job runs when it is told to. */
  readonly cron?: string;
  readonly shardingTotalCount: number;
  readonly shardingItemParameters?: string;
  readonly jobParameter?: string;
  readonly timeZone?: string;
  readonly monitorExecution?: boolean;
  readonly failover?: boolean;
  readonly misfire?: boolean;
  readonly reconcileIntervalMinutes?: number;
  readonly jobShardingStrategyType?: string;
  readonly jobExecutorServiceHandlerType?: string;
  readonly jobErrorHandlerType?: string;
  /** `REPORTING` tells of its calls; `ONCE` is ElasticJob's distribute-once listener. */
  readonly jobListenerTypes?: readonly ('REPORTING' | 'ONCE')[];
  readonly description?: string;
  readonly disabled?: boolean;
  readonly overwrite?: boolean;
  readonly props?: Readonly<Record<string, string>>;
  /** JDBC address of a database for Java's event tracing. */
  readonly tracing?: string;
}

/** What the handler of a job does with each item. */
export interface Work {
  /** How long it works, milliseconds. Default 0. */
  readonly sleepMs?: number;
  /** Whether it then waits for {@link JavaMember.release}. */
  readonly hold?: boolean;
  /** Items for which it then throws. */
  readonly fail?: readonly number[];
}

/**
 * Starts a process of the real ElasticJob and resolves when it is connected. It does nothing but what it is told; it ends
 * when this process ends, however that ends.
 *
 * @throws Error when the JDK or Maven is missing, the build fails, or the process ends before it is connected.
 * @example
 * const java = await startJava({ connectString, namespace: 'shop', ip: '10.0.1.1' });
 * await java.startJob({ jobName: 'report', cron: '0/1 * * * * ?', shardingTotalCount: 3 });
 * await java.end();
 */
export async function startJava(options: JavaOptions): Promise<JavaMember> {
  const member = new JavaMember(await javaClassPath(), options);
  await member.ready();
  return member;
}

interface Call {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A process of the real ElasticJob, as its parent sees it. */
export class JavaMember {
  /** Everything it told, in order. */
  readonly events: JavaEvent[] = [];
  readonly lifecycle = new JavaLifecycle((method, values) => this.#perform('lifecycle', { method, ...values }));
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #calls = new Map<number, Call>();
  readonly #log: string[] = [];
  #instanceId: string | null = null;
  #hearReady: (() => void) | null = null;
  #numbers = 0;

  constructor(
    classPath: string,
    private readonly options: JavaOptions,
  ) {
    const { connectString, namespace, ip, sessionTimeoutMs = 4_000, digest, jvmFlags = JVM_FLAGS } = options;
    const settings = JSON.stringify({ connectString, namespace, ip, sessionTimeoutMs, digest });
    const args = [...jvmFlags, '-cp', classPath, 'interop.Member', settings];
    this.#process = spawn('java', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    // Not until its output is read to the end: what it told last is heard before its end.
    this.#exited = once(this.#process, 'close').then(() => this.#ended());
    const { stdin, stdout, stderr } = this.#process;
    if (stdin === null || stdout === null || stderr === null) throw new Error('the Java process has no pipes');
    // A command to a process that has just ended is answered by its end.
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', (line) => this.#hear(JSON.parse(line) as JavaEvent));
    createInterface({ input: stderr }).on('line', (line) => {
      this.#log.push(line);
      if (this.#log.length > LOG_LINES) this.#log.shift();
    });
  }

  /** The id of its instance in every job. */
  get instanceId(): string {
    if (this.#instanceId === null) throw new Error('the Java member is not connected yet');
    return this.#instanceId;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The last that it logged. */
  get log(): string {
    return this.#log.join('\n');
  }

  /** Resolves when it is connected. */
  async ready(): Promise<void> {
    if (this.#instanceId !== null) return;
    const heard = new Promise<void>((resolve) => {
      this.#hearReady = resolve;
    });
    await Promise.race([heard, this.#exited]);
    if (this.#instanceId === null) throw new Error(`the Java member ended before it was connected:\n${this.log}`);
  }

  /** Joins a job; resolves when it has joined, not when it owns anything. */
  async startJob(job: JavaJob): Promise<void> {
    await this.#perform('start', { ...job });
  }

  /** Runs a job without cron once, on all its instances. */
  async execute(job: string): Promise<void> {
    await this.#perform('execute', { job });
  }

  /** Leaves a job as a Java program does, without waiting for what runs. */
  async shutdownJob(job: string): Promise<void> {
    await this.#perform('shutdown', { job });
  }

  /** Changes what the handler does from its next call on. */
  async behave(job: string, { sleepMs = 0, hold = false, fail = [] }: Work): Promise<void> {
    await this.#perform('behave', { job, sleepMs, hold, fail });
  }

  /** Lets the calls go on that are held. */
  async release(job: string): Promise<void> {
    await this.#perform('release', { job });
  }

  /** The id of its ZooKeeper session; compare with `ephemeralOwner`. */
  async session(): Promise<bigint> {
    return BigInt(String(await this.#perform('session', {})));
  }

  /** Ends its session on the server, which it is told at once. */
  async expire(): Promise<void> {
    await this.#perform('expire', {});
  }

  /** Waits for ElasticJob's latch at a path of the namespace; resolves when it is held, until {@link leaveLatch}. */
  async enterLatch(path: string): Promise<void> {
    await this.#perform('enterLatch', { path });
  }

  async leaveLatch(path: string): Promise<void> {
    await this.#perform('leaveLatch', { path });
  }

  /** Resolves once the thread that runs the job is in this method of ElasticJob, which tells nobody what it waits for. */
  async inMethod(job: string, method: string): Promise<void> {
    await this.#perform('awaitMethod', { thread: `${job}_Worker-1`, method });
  }

  /** What Java understands of the value of an instance's node. */
  async readInstance(text: string): Promise<unknown> {
    return this.#perform('readInstance', { text });
  }

  /** Serves ElasticJob's dumps on a port. */
  async serveDumps(port: number): Promise<void> {
    await this.#perform('serveDumps', { port });
  }

  /** Calls of the handler that have begun, in order. */
  runs(job: string): JavaRun[] {
    return this.events.flatMap((event) => (event.kind === 'begin' && event.job === job ? [event] : []));
  }

  /** Calls of the handler that have ended, in order. */
  ended(job: string): (JavaEvent & { kind: 'end' })[] {
    return this.events.flatMap((event) => (event.kind === 'end' && event.job === job ? [event] : []));
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Exits as a Java program does, with what it does on exit. Resolves to the exit code. */
  async exit(): Promise<number | null> {
    await this.#perform('exit', {});
    await this.#exited;
    return this.#process.exitCode;
  }

  /** `kill -9`; resolves when the process has ended. Also when it stands still. */
  async end(): Promise<void> {
    if (this.isRunning) this.signal('SIGKILL');
    await this.#exited;
  }

  #hear(event: JavaEvent): void {
    if (event.kind === 'ready') {
      this.#instanceId = event.instanceId;
      this.#hearReady?.();
    }
    if (event.kind === 'answer') this.#answered(event);
    else this.events.push(event);
    this.options.onEvent?.(event);
  }

  #answered({ number, value, error }: JavaEvent & { kind: 'answer' }): void {
    const call = this.#calls.get(number);
    this.#calls.delete(number);
    if (error === undefined) call?.resolve(value ?? null);
    else call?.reject(new Error(`the Java member answered: ${error}`));
  }

  #ended(): void {
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reject } of calls) reject(new Error(`the Java member has ended; its log ends with:\n${this.log}`));
    this.options.onEvent?.(null);
  }

  #perform(command: string, values: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (!this.isRunning) return Promise.reject(new Error('the Java member has ended'));
    const number = this.#numbers++;
    return new Promise((resolve, reject) => {
      this.#calls.set(number, { resolve, reject });
      this.#process.stdin?.write(`${JSON.stringify({ number, command, arguments: values })}\n`);
    });
  }
}
