export { fourLetter, type ServerCounters } from './four-letter.js';
export type { ServerProcess } from './server-process.js';
export { startProxy, type TcpProxy } from './tcp-proxy.js';
export { startZooKeeper, type ZooKeeper, type ZooKeeperOptions } from './zookeeper-server.js';
