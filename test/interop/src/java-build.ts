import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CommandOutcome, runCommand } from '@elasticjob/test-support';

const PROJECT = fileURLToPath(new URL('../java', import.meta.url));
const LEAST_JAVA = 17;

const REMEDY =
  'The real ElasticJob for Java needs a JDK 17 or later and Maven (on Debian: apt-get install ' +
  '--no-install-recommends openjdk-17-jdk-headless maven).';

/** What `java -cp` is to be given. */
export type JavaClassPath = string;

/**
 * The class path of the Java member, which Maven builds the first time, into a folder of the user's cache that is named
 * after what it is built of. Maven downloads only what it has not downloaded before.
 *
 * @throws Error when the JDK or Maven is missing (it says what to install), or the build fails (it shows what Maven said).
 */
export async function javaClassPath(): Promise<JavaClassPath> {
  requireJdk();
  const folder = join(cacheFolder(), fingerprint());
  if (!existsSync(folder)) await build(folder);
  return [join(folder, 'interop.jar'), join(folder, 'lib', '*')].join(':');
}

function cacheFolder(): string {
  const base = process.env.XDG_CACHE_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.cache') : base, 'elasticjob-interop');
}

/** A name for everything that the build depends on. */
function fingerprint(): string {
  const hash = createHash('sha256');
  for (const file of [join(PROJECT, 'pom.xml'), ...filesBelow(join(PROJECT, 'src'))]) {
    hash.update(file.slice(PROJECT.length)).update('\0').update(readFileSync(file)).update('\0');
  }
  return hash.digest('hex').slice(0, 16);
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.sort();
}

function requireJdk(): void {
  const { error, stdout, stderr } = spawnSync('javac', ['-version'], { encoding: 'utf8' });
  if (error !== undefined) throw new Error(`The command javac was not found. ${REMEDY}`);
  const seen = `${stdout}${stderr}`.trim();
  const version = Number(/javac (?:1\.)?(\d+)/.exec(seen)?.[1]);
  if (!(version >= LEAST_JAVA)) throw new Error(`javac says it is '${seen}'. ${REMEDY}`);
}

async function build(folder: string): Promise<void> {
  if (spawnSync('mvn', ['-version']).error !== undefined) throw new Error(`The command mvn was not found. ${REMEDY}`);
  process.stderr.write('Building the Java member with Maven; the first time it downloads ElasticJob ...\n');
  mkdirSync(cacheFolder(), { recursive: true });
  // In a folder of its own: several processes may come here together, and none may find half a build.
  const unfinished = mkdtempSync(join(cacheFolder(), 'build-'));
  try {
    const offline = await maven(unfinished, ['-o']);
    const result = offline.code === 0 ? offline : await maven(unfinished, []);
    if (result.code !== 0) {
      throw new Error(
        `Maven could not build ${PROJECT}. It needs to reach its repository the first time. It said:\n${result.output}`,
      );
    }
    publish(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

function publish(unfinished: string, folder: string): void {
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another process has built the same meanwhile.
    if (!existsSync(folder)) throw error;
  }
}

function maven(target: string, options: readonly string[]): Promise<CommandOutcome> {
  return runCommand(['mvn', '-q', '-B', ...options, `-Dbuild.folder=${target}`, 'package'], PROJECT);
}
