import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastLines, runCommand, succeeds } from './command.js';

const DEBIAN_JARS = '/usr/share/java';

const REMEDIES =
  'Set ZOOKEEPER_CONNECT to a running server (host:port), or ZOOKEEPER_HOME to an unpacked ZooKeeper distribution, or ' +
  "install Debian's package as root: apt-get install --no-install-recommends zookeeper.";

/**
 * The Java class path of a ZooKeeper server: `ZOOKEEPER_HOME`, else Debian's jars, else Debian's package is installed
 * (as root or with a passwordless sudo; this takes a minute and is announced on stderr). Nothing else is downloaded.
 *
 * @throws Error saying in one sentence what is missing, and what can be done about it.
 */
export async function findServerClassPath(): Promise<string> {
  requireJava();
  const home = process.env.ZOOKEEPER_HOME;
  if (home !== undefined && home !== '') return distributionClassPath(home);
  if (!hasDebianJars()) await installDebianPackage();
  // The folder holds several bindings of slf4j; the first one named decides, and only this one writes to stderr.
  return `${DEBIAN_JARS}/slf4j-simple.jar:${DEBIAN_JARS}/*`;
}

function requireJava(): void {
  if (spawnSync('java', ['-version']).error === undefined) return;
  throw new Error(
    'The command java was not found, and a ZooKeeper server needs it (11 or later): install a Java runtime ' +
      '(on Debian: apt-get install --no-install-recommends openjdk-17-jre-headless), or set ZOOKEEPER_CONNECT to a ' +
      'running server (host:port).',
  );
}

function distributionClassPath(home: string): string {
  const folders = [home, join(home, 'lib')].filter((folder) => hasServerJar(folder));
  if (folders.length === 0) throw new Error(`ZOOKEEPER_HOME is ${home}, but there is no zookeeper*.jar. ${REMEDIES}`);
  return [join(home, 'conf'), ...new Set([...folders, join(home, 'lib')].map((folder) => join(folder, '*')))].join(':');
}

function hasDebianJars(): boolean {
  return hasServerJar(DEBIAN_JARS);
}

function hasServerJar(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).some((name) => /^zookeeper[-.\d]*\.jar$/.test(name));
}

async function installDebianPackage(): Promise<void> {
  const prefix = rootPrefix();
  if (prefix === undefined || !succeeds('apt-get', ['--version'])) {
    throw new Error(`No ZooKeeper server was found, and it cannot be installed by this user. ${REMEDIES}`);
  }
  process.stderr.write("Installing Debian's package zookeeper for the tests; this can take a minute or two ...\n");
  // Several test processes may come here together: one installs, the others wait and find it done.
  const script =
    `ls ${DEBIAN_JARS}/zookeeper*.jar >/dev/null 2>&1 || { apt-get update && ` +
    'DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends zookeeper; }';
  const lock = join(tmpdir(), 'elasticjob-zookeeper-install.lock');
  const { code, output } = await runCommand([...prefix, 'flock', lock, 'sh', '-c', script]);
  if (code !== 0 || !hasDebianJars()) {
    throw new Error(`Installing the package zookeeper failed. ${REMEDIES} apt-get said:\n${lastLines(output, 15)}`);
  }
  process.stderr.write('The package zookeeper is installed.\n');
}

function rootPrefix(): readonly string[] | undefined {
  if (process.getuid?.() === 0) return [];
  return succeeds('sudo', ['-n', 'true']) ? ['sudo', '-n'] : undefined;
}
