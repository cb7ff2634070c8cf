import { inject } from 'vitest';
import { registryContract } from '../../packages/core/src/registry/registry.contract.js';
import { zookeeperHarness } from './registry-harness.js';

const ACCESS = { digest: 'member:secret' };

registryContract('native driver on ZooKeeper with a digest', () =>
  zookeeperHarness('native', inject('zookeeper'), ACCESS),
);
registryContract('wire driver on ZooKeeper with a digest', () => zookeeperHarness('wire', inject('zookeeper'), ACCESS));
