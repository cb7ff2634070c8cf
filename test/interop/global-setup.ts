import { javaClassPath } from '@elasticjob/interop';
import type { TestProject } from 'vitest/node';
import startServer from '../zookeeper/global-setup.js';

/** Builds the Java member, once for all spec files, and starts the ZooKeeper server that they share. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await javaClassPath();
  return startServer(project);
}
