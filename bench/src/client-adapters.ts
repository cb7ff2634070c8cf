import { createRequire } from 'node:module';
import { ZooKeeper } from '@elasticjob/zookeeper-client';

/** The clients compared, under the names of their packages; ours is first. */
export const CLIENT_PACKAGES = ['@elasticjob/zookeeper-client', 'zookeeper', 'node-zookeeper-client'] as const;
export type ClientPackage = (typeof CLIENT_PACKAGES)[number];

/** Called once with `null`, or with what went wrong. */
export type Done = (error: unknown) => void;

/**
 * What all clients can do, with callbacks: two of the three have no promises of their own, so that promises would be
 * counted against them. Ours has promises only, and pays for them here.
 */
export interface ComparedClient {
  create(path: string, value: Buffer, done: Done): void;
  get(path: string, done: Done): void;
  remove(path: string, done: Done): void;
  /** Reads, and has `notify` called at the next change of the value. */
  getWatched(path: string, notify: () => void, done: Done): void;
  /** All or nothing; left out by a client that cannot. */
  createAll?(paths: readonly string[], value: Buffer, done: Done): void;
  /** Has `notify` called at each change at or below the path; left out by a client that cannot. */
  watchTree?(path: string, notify: () => void, done: Done): void;
}

const SESSION_MS = 30_000;

/** A connected client of the package. */
export function openClient(name: ClientPackage, connectString: string): Promise<ComparedClient> {
  switch (name) {
    case '@elasticjob/zookeeper-client':
      return openOurs(connectString);
    case 'zookeeper':
      return openNative(connectString);
    case 'node-zookeeper-client':
      return openNodeClient(connectString);
  }
}

async function openOurs(connectString: string): Promise<ComparedClient> {
  const client = new ZooKeeper({ connectString, sessionTimeoutMs: SESSION_MS });
  await client.connect();
  const tell = (answer: Promise<unknown>, done: Done): void => {
    answer.then(() => done(null), done);
  };
  return {
    create: (path, value, done) => tell(client.create(path, value), done),
    get: (path, done) => tell(client.get(path), done),
    remove: (path, done) => tell(client.remove(path), done),
    getWatched: (path, notify, done) => tell(client.get(path, { watcher: notify }), done),
    createAll: (paths, data, done) =>
      tell(
        client.multi(paths.map((path) => ({ kind: 'create', path, data }))).then((result) => {
          if (!result.committed) throw new Error(`the transaction was refused: ${result.code} at ${result.index}`);
        }),
        done,
      ),
    watchTree: (path, notify, done) => tell(client.addWatch(path, 'recursive', notify), done),
  };
}

type NativeDone = (code: number, text: string) => void;

/** What is used of the package `zookeeper`, whose own types leave out the order of arguments. */
interface NativeClient {
  once(event: 'connect', listener: () => void): void;
  init(options: object): void;
  a_create(path: string, value: Buffer, flags: number, done: NativeDone): void;
  a_get(path: string, watch: false, done: NativeDone): void;
  aw_get(path: string, watcher: (type: number) => void, done: NativeDone): void;
  a_delete_(path: string, version: number, done: NativeDone): void;
}

/** The type with which a watcher of the C client hears of its session instead of its node. */
const SESSION_EVENT = -1;

function openNative(connectString: string): Promise<ComparedClient> {
  const Native = createRequire(import.meta.url)('zookeeper') as new (options: object) => NativeClient;
  const client = new Native({
    connect: connectString,
    timeout: SESSION_MS,
    debug_level: 0,
    host_order_deterministic: true,
  });
  const tell = (done: Done): NativeDone => {
    return (code, text) => done(code === 0 ? null : new Error(`zookeeper answers ${code}: ${text}`));
  };
  const compared: ComparedClient = {
    create: (path, value, done) => client.a_create(path, value, 0, tell(done)),
    get: (path, done) => client.a_get(path, false, tell(done)),
    remove: (path, done) => client.a_delete_(path, -1, tell(done)),
    getWatched: (path, notify, done) => {
      client.aw_get(path, (type) => (type === SESSION_EVENT ? undefined : notify()), tell(done));
    },
  };
  return new Promise((resolve) => {
    client.once('connect', () => resolve(compared));
    client.init({});
  });
}

/** What is used of the package `node-zookeeper-client`, which has no types. */
interface NodeClient {
  once(event: 'connected', listener: () => void): void;
  connect(): void;
  create(path: string, value: Buffer, done: Done): void;
  getData(path: string, done: Done): void;
  getData(path: string, watcher: () => void, done: Done): void;
  remove(path: string, done: Done): void;
  transaction(): NodeTransaction;
}

interface NodeTransaction {
  create(path: string, value: Buffer): NodeTransaction;
  commit(done: Done): void;
}

function openNodeClient(connectString: string): Promise<ComparedClient> {
  const { createClient } = createRequire(import.meta.url)('node-zookeeper-client') as {
    createClient(connectString: string, options: object): NodeClient;
  };
  const client = createClient(connectString, { sessionTimeout: SESSION_MS });
  const compared: ComparedClient = {
    create: (path, value, done) => client.create(path, value, done),
    get: (path, done) => client.getData(path, done),
    remove: (path, done) => client.remove(path, done),
    getWatched: (path, notify, done) => client.getData(path, notify, done),
    createAll: (paths, value, done) => {
      paths.reduce((made, path) => made.create(path, value), client.transaction()).commit(done);
    },
  };
  return new Promise((resolve) => {
    client.once('connected', () => resolve(compared));
    client.connect();
  });
}
