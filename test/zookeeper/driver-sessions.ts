import { type Deferred, deferred } from '../../packages/core/src/foundation/deferred.js';
import type { ConnectionEvent, DriverSession } from '../../packages/core/src/registry/driver.js';
import { type Access, type Client, driverOf } from './drivers.js';

/** A driver session of a test, with what it said about its connection. */
export interface TestSession {
  readonly session: DriverSession;
  /** Everything heard so far, in order. */
  readonly events: readonly ConnectionEvent[];
  /** Resolves at the next such event after the call. */
  next(event: ConnectionEvent): Promise<void>;
}

/** Opens sessions and closes those it opened. */
export class TestSessions {
  readonly #open: DriverSession[] = [];

  constructor(private readonly client: Client = 'wire') {}

  /** Opens a session of four seconds; resolves when it is connected. */
  async open(connectString: string, access: Access = {}): Promise<TestSession> {
    const opened = await this.start(connectString, access);
    if (!opened.events.includes('connected')) await opened.next('connected');
    return opened;
  }

  /** Opens a session without waiting for the connection. */
  async start(connectString: string, access: Access = {}): Promise<TestSession> {
    const events: ConnectionEvent[] = [];
    const waiting = new Map<ConnectionEvent, Deferred<void>>();
    const driver = driverOf(this.client, { connectString, ...access });
    const session = await driver.open((event) => {
      events.push(event);
      waiting.get(event)?.resolve();
      waiting.delete(event);
    });
    this.#open.push(session);
    const next = (event: ConnectionEvent): Promise<void> => {
      const found = waiting.get(event) ?? deferred();
      waiting.set(event, found);
      return found.promise;
    };
    return { session, events, next };
  }

  async closeAll(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((session) => session.close()));
  }
}

let counter = 0;

/** A node of this test alone, `/name-…`, created by `session`. */
export async function ownRoot(session: DriverSession, name: string): Promise<string> {
  const path = `/${name}-${process.pid}-${Date.now()}-${counter++}`;
  await session.create(path, '', 'persistent');
  return path;
}

/** A watcher and the promise that it was called. */
export function watching(): { watcher: () => void; called: Promise<void>; calls: () => number } {
  const heard = deferred();
  let calls = 0;
  const watcher = (): void => {
    calls += 1;
    heard.resolve();
  };
  return { watcher, called: heard.promise, calls: () => calls };
}
