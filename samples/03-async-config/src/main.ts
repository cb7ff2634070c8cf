import { parseArgs } from 'node:util';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { DigestJob } from './digest.job.js';
import { Draft } from './draft.js';
import { Operator } from './operator.js';
import { Tally } from './tally.js';

const HELP = `Takes its registry and a cron from the configuration, runs a request-scoped job, and triggers another.

  node samples/03-async-config/dist/main.js                  until Ctrl-C, which waits for what runs
  node samples/03-async-config/dist/main.js --seconds 8      stops by itself; exits 0 only if every item of every job ran

  ZOOKEEPER=host:port     share the items over this ZooKeeper; without it everything stays in this process
  DIGEST_CRON='...'       when the digest is written, by default '0/2 * * * * ?', every two seconds
`;

const command = readCommand();
if (typeof command === 'object') await run(command.seconds);
else if (command === 'help') process.stdout.write(HELP);
else {
  process.stderr.write(`${command}\n\n${HELP}`);
  process.exitCode = 2;
}

/** What is to be done, or what is wrong with the command line. */
function readCommand(): { readonly seconds: number | null } | string {
  try {
    const { values } = parseArgs({ options: { seconds: { type: 'string' }, help: { type: 'boolean' } } });
    if (values.help) return 'help';
    const seconds = values.seconds === undefined ? null : Number(values.seconds);
    if (seconds === null || seconds > 0) return { seconds };
    return `--seconds: seen '${values.seconds}', expected a number above 0`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Starts the application, and ends it after so many seconds or on the first signal, whichever comes first. */
async function run(seconds: number | null): Promise<void> {
  const ending = new AbortController();
  const ended = new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve()));
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      interrupted = true;
      ending.abort();
    });
  }
  const app = await NestFactory.createApplicationContext(AppModule);
  if (seconds !== null) setTimeout(() => ending.abort(), seconds * 1000);

  await app
    .get(Operator)
    .runNow(ending.signal)
    .catch((error: unknown) => {
      if (!ending.signal.aborted) throw error;
    });
  await ended;
  process.stdout.write('stopping: no new runs, waiting for those under way\n');
  await app.close();

  const tally = app.get(Tally);
  process.stdout.write(`runs: ${tally}\n`);
  process.stdout.write(
    `digest: ${tally.runsOf('digest')} runs of an item, ${DigestJob.made} instances, ${Draft.made} drafts\n`,
  );
  if (interrupted || seconds === null || tally.missing.length === 0) return;
  process.stderr.write(`these items never ran here: ${tally.missing.join(', ')}\n`);
  process.exitCode = 1;
}
