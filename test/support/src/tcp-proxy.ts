import { Worker } from 'node:worker_threads';

/**
 * A TCP proxy in front of one server, with which a test breaks the network. It works in a thread of its own, also while
 * the test's thread is blocked. Each call resolves when it has taken effect.
 */
export interface TcpProxy {
  /** The port to connect to, on 127.0.0.1. */
  readonly port: number;
  /** How many connections are open. */
  connections(): Promise<number>;
  /** Breaks all connections and refuses new ones, as a server that went away does. */
  cut(): Promise<void>;
  /** Keeps connections open but loses every byte both ways, as a network without a route does. */
  blackhole(): Promise<void>;
  /** Holds each chunk back by `ms` milliseconds, in each direction. 0 ends it. */
  delay(ms: number): Promise<void>;
  /** Forwards at most `bytes` at a time, with a pause of 2 ms after each piece. 0 ends it. */
  trickle(bytes: number): Promise<void>;
  /** Accepts and forwards again. Connections that lost bytes in a black hole are broken. */
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts a {@link TcpProxy} to a port of `targetHost`, by default of this machine.
 *
 * @example
 * const proxy = await startProxy(server.port);
 * const registry = connectTo(`127.0.0.1:${proxy.port}`);
 * await proxy.cut();
 * await proxy.restore();
 */
export async function startProxy(targetPort: number, targetHost = '127.0.0.1'): Promise<TcpProxy> {
  const thread = proxyThread();
  const proxy = thread.nextNumber();
  const port = await thread.call<number>(proxy, 'start', { port: targetPort, host: targetHost });
  return {
    port,
    connections: () => thread.call<number>(proxy, 'connections'),
    cut: () => thread.call<void>(proxy, 'cut'),
    blackhole: () => thread.call<void>(proxy, 'blackhole'),
    delay: (ms) => thread.call<void>(proxy, 'delay', ms),
    trickle: (bytes) => thread.call<void>(proxy, 'trickle', bytes),
    restore: () => thread.call<void>(proxy, 'restore'),
    stop: () => thread.call<void>(proxy, 'stop'),
  };
}

interface Call {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

type Reply = { readonly id: number; readonly result?: unknown; readonly error?: unknown };

/** The thread in which all proxies of this process work; it ends with the process. */
class ProxyThread {
  readonly #worker = new Worker(new URL('../proxy-thread.mjs', import.meta.url));
  readonly #calls = new Map<number, Call>();
  #numbers = 0;

  constructor() {
    this.#worker.on('message', ({ id, result, error }: Reply) => {
      const call = this.#calls.get(id);
      this.#calls.delete(id);
      if (this.#calls.size === 0) this.#worker.unref();
      if (error === undefined) call?.resolve(result);
      else call?.reject(error);
    });
    this.#worker.unref();
  }

  nextNumber(): number {
    return this.#numbers++;
  }

  call<T>(proxy: number, command: string, argument?: unknown): Promise<T> {
    const id = this.nextNumber();
    return new Promise<T>((resolve, reject) => {
      this.#calls.set(id, { resolve: (result) => resolve(result as T), reject });
      this.#worker.ref();
      this.#worker.postMessage({ id, proxy, command, argument });
    });
  }
}

let shared: ProxyThread | undefined;

function proxyThread(): ProxyThread {
  shared ??= new ProxyThread();
  return shared;
}
