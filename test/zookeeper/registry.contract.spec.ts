import { inject } from 'vitest';
import { registryContract } from '../../packages/core/src/registry/registry.contract.js';
import { zookeeperHarness } from './registry-harness.js';

registryContract('native driver on ZooKeeper', () => zookeeperHarness('native', inject('zookeeper')));
registryContract('wire driver on ZooKeeper', () => zookeeperHarness('wire', inject('zookeeper')));
