// Uses the native driver in a process of its own, so that a test sees what its C library writes: connects, is refused,
// closes. Prints one line.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const source = (path) => fileURLToPath(new URL(`../../packages/core/src/${path}`, import.meta.url));
const { nativeDriver } = (await runnerImport(source('registry/native-driver.ts'))).module;
const { systemClock } = (await runnerImport(source('foundation/clock.ts'))).module;
const { silentLogger } = (await runnerImport(source('foundation/logger.ts'))).module;

const driverFor = (connectString) =>
  nativeDriver({ connectString, sessionTimeoutMilliseconds: 4_000, logger: silentLogger, clock: systemClock });

const refused = await driverFor('127.0.0.1:1').open(() => undefined);
const connected = await new Promise((resolve) => {
  const opening = driverFor(process.argv[2]).open((event) => resolve(opening.then((session) => ({ session, event }))));
});
await connected.session.get('/no-such-node').catch(() => undefined);
await Promise.all([refused.close(), connected.session.close()]);
process.stdout.write(`${connected.event}\n`);
