import { describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { RegistryError } from '../foundation/errors.js';
import type { Driver } from './driver.js';
import { loadNativePackage } from './native-driver-package.js';
import { SessionRegistry } from './session-registry.js';

const missing = (): never => {
  throw new Error("Cannot find module 'zookeeper'\nRequire stack: …");
};

describe('the package zookeeper, where it could not be built', () => {
  it('is missed only when it is asked for, with what to do about it', () => {
    expect(() => loadNativePackage(missing)).toThrow(RegistryError);
    expect(() => loadNativePackage(missing)).toThrow(
      /Cannot find module 'zookeeper'\).*compiled.*npm rebuild zookeeper.*embedded/,
    );
  });

  it('ends a start at once, instead of being waited for', async () => {
    const driver: Driver = {
      capabilities: { atomicCommit: false, aclAtCreation: false, recursiveWatch: false, tls: false },
      open: async () => {
        loadNativePackage(missing);
        throw new Error('it was loaded');
      },
    };
    const registry = new SessionRegistry({ driver, describe: 'zk:2181', namespace: 'x', clock: new ManualClock() });
    await expect(registry.start()).rejects.toMatchObject({ code: 'DRIVER_UNAVAILABLE' });
    await registry.stop();
  });
});
