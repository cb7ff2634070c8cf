import { startProxy, type TcpProxy } from '@elasticjob/test-support';

/** The network between one instance and all ZooKeeper servers, to be broken. */
export class NetworkLink {
  private constructor(private readonly proxies: readonly TcpProxy[]) {}

  /** A link to the servers on these ports of this machine. */
  static async open(ports: readonly number[]): Promise<NetworkLink> {
    return new NetworkLink(await Promise.all(ports.map((port) => startProxy(port))));
  }

  get connectString(): string {
    return this.proxies.map(({ port }) => `127.0.0.1:${port}`).join(',');
  }

  /** Breaks all connections and refuses new ones. */
  async cut(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.cut()));
  }

  /** Keeps connections open and loses every byte both ways. */
  async blackhole(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.blackhole()));
  }

  /** Holds back every chunk, both ways. */
  async delay(ms: number): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.delay(ms)));
  }

  /** Forwards this many bytes at a time. */
  async trickle(bytes: number): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.trickle(bytes)));
  }

  /** Whole again, and as fast as before. */
  async heal(): Promise<void> {
    await Promise.all([this.delay(0), this.trickle(0)]);
    await Promise.all(this.proxies.map((proxy) => proxy.restore()));
  }

  async close(): Promise<void> {
    await Promise.all(this.proxies.map((proxy) => proxy.stop()));
  }
}
