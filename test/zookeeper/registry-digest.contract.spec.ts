import { inject } from 'vitest';
import { registryContract } from '../../packages/core/src/registry/registry.contract.js';
import { zookeeperHarness } from './registry-harness.js';

const DIGEST = 'member:secret';

registryContract('native driver on ZooKeeper with a digest', () =>
  zookeeperHarness('native', inject('zookeeper'), DIGEST),
);
registryContract('wire driver on ZooKeeper with a digest', () => zookeeperHarness('wire', inject('zookeeper'), DIGEST));
