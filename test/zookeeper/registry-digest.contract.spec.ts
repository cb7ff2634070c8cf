import { inject } from 'vitest';
import { registryContract } from '../../packages/core/src/registry/registry.contract.js';
import { zookeeperHarness } from './registry-harness.js';

registryContract('native driver on ZooKeeper with a digest', () =>
  zookeeperHarness(inject('zookeeper'), 'member:secret'),
);
