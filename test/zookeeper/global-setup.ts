import { startZooKeeper } from '@elasticjob/test-support';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Connect string of the server that all spec files share; each uses namespaces of its own. */
    zookeeper: string;
  }
}

/** Starts the one server that the spec files share; a spec that stops servers, or needs three, starts its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const zookeeper = await startZooKeeper({ tickTime: 500 });
  project.provide('zookeeper', zookeeper.connectString);
  return zookeeper.stop;
}
