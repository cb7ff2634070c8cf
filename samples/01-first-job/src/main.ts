import { parseArgs } from 'node:util';
import { ElasticJobModule } from '@elasticjob/nestjs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CleanUpJob } from './clean-up.job.js';
import { InvoiceJob } from './invoice.job.js';
import { OrderStore, OrdersJob } from './orders.job.js';
import { Tally } from './tally.js';

const HELP = `Runs a simple job, a streaming dataflow job and a script job in one process, without any server.

  npm start                      until Ctrl-C
  npm start -- --seconds 10      stops by itself; exits 0 only if every item of every job ran
`;

const tally = new Tally({ invoice: 3, orders: 2, 'clean-up': 2 });

@Module({
  imports: [ElasticJobModule.forRoot({ registry: 'embedded', traceSinks: [tally] })],
  providers: [InvoiceJob, OrderStore, OrdersJob, CleanUpJob],
})
class AppModule {}

const command = readCommand();
if (typeof command === 'object') await run(command.seconds);
else if (command === 'help') process.stdout.write(HELP);
else {
  process.stderr.write(`${command}\n`);
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
    return `${error instanceof Error ? error.message : error}\n\n${HELP.trimEnd()}`;
  }
}

/** Starts the application, and ends it after so many seconds or on the first signal, whichever comes first. */
async function run(seconds: number | null): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
    if (seconds !== null) setTimeout(resolve, seconds * 1000);
  });
  const app = await NestFactory.createApplicationContext(AppModule);
  await ended;
  process.stdout.write('stopping: no new runs, waiting for those under way\n');
  await app.close();
  process.stdout.write(`runs: ${tally}\n`);
  if (seconds === null || tally.missing.length === 0) return;
  process.stderr.write(`these items never ran: ${tally.missing.join(', ')}\n`);
  process.exitCode = 1;
}
