export {
  type Certificate,
  type CertificateAuthority,
  type CertificateOptions,
  createAuthority,
  selfSigned,
} from './certificates.js';
export { type CommandOutcome, runCommand } from './command.js';
export { fourLetter, type ServerCounters } from './four-letter.js';
export type { SaslOptions, ServerFeatures, TlsOptions } from './server-features.js';
export type { ServerProcess } from './server-process.js';
export { startProxy, type TcpProxy } from './tcp-proxy.js';
export { type SecureAccess, startZooKeeper, type ZooKeeper, type ZooKeeperOptions } from './zookeeper-server.js';
