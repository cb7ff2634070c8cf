import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { startProxy, type TcpProxy } from '@elasticjob/test-support';
import { deferred } from '../../packages/core/src/foundation/deferred.js';
import type { Driver } from '../../packages/core/src/registry/driver.js';
import type { RegistryHarness } from '../../packages/core/src/registry/registry.contract.js';
import type { Registry } from '../../packages/core/src/registry/registry.js';
import { inState } from '../../packages/core/src/registry/registry-harness.contract.js';
import { SessionRegistry } from '../../packages/core/src/registry/session-registry.js';
import { TestSessions } from './driver-sessions.js';
import { type Access, type Client, driverOf } from './drivers.js';

let counter = 0;

/** Registries on a real server, each behind a proxy of its own, with sessions of four seconds. */
export async function zookeeperHarness(
  client: Client,
  connectString: string,
  access: Access = {},
): Promise<RegistryHarness> {
  const namespace = `contract-${process.pid}-${Date.now()}-${counter++}`;
  const proxies = new Map<Registry, Promise<TcpProxy>>();
  const witnesses = new TestSessions();
  const [host = '', port = ''] = connectString.split(',')[0]?.split(':') ?? [];

  const proxyOf = async (registry: Registry): Promise<TcpProxy> => {
    const proxy = await proxies.get(registry);
    if (proxy === undefined) throw new Error('the registry is not one of this harness');
    return proxy;
  };

  const harness: RegistryHarness = {
    registry(options) {
      const starting = startProxy(Number(port), host);
      const given = { namespace, sessionTimeoutMilliseconds: 4_000, ...access, ...options };
      const registry = new SessionRegistry({
        ...given,
        driver: driverBehind(client, starting, given),
        describe: connectString,
      });
      proxies.set(registry, starting);
      return registry;
    },
    async disconnect(registry) {
      const proxy = await proxyOf(registry);
      // Some of what is in flight shall have been applied, and some not.
      for (let turns = Math.random() * 5; turns > 0; turns--) await turn();
      await proxy.cut();
    },
    async reconnect(registry) {
      if (registry.session.state === 'connected') await inState(registry, 'suspended');
      await (await proxyOf(registry)).restore();
      await inState(registry, 'connected');
    },
    async expire(registry) {
      const probe = `probe-${counter++}`;
      await registry.create(probe, '', 'ephemeral');
      const { session: witness } = await witnesses.open(connectString, access);
      const gone = deferred();
      await witness.exists(`/${namespace}/${probe}`, gone.resolve);
      await (await proxyOf(registry)).cut();
      await gone.promise;
      await (await proxyOf(registry)).restore();
    },
    elapse: (ms) => sleep(ms),
    async close() {
      await Promise.all([...proxies.keys()].map((registry) => registry.stop()));
      await witnesses.closeAll();
      await Promise.all([...proxies.values()].map(async (proxy) => (await proxy).stop()));
    },
  };
  return harness;
}

/** A driver to a proxy that is still starting. */
function driverBehind(
  client: Client,
  starting: Promise<TcpProxy>,
  { sessionTimeoutMilliseconds, digest, tls, sasl }: Access & { readonly sessionTimeoutMilliseconds: number },
): Driver {
  const made = (port: number): Driver =>
    driverOf(client, { connectString: `127.0.0.1:${port}`, sessionTimeoutMilliseconds, digest, tls, sasl });
  return {
    capabilities: made(0).capabilities,
    open: async (onEvent) => made((await starting).port).open(onEvent),
  };
}
