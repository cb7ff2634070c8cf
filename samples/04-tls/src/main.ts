import { ElasticJobModule, Engine, type TraceEvent, type TraceSink } from '@elasticjob/nestjs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { say } from './messages.js';
import { PayrollJob } from './payroll.job.js';
import { registryFromEnvironment, VARIABLES } from './registry-from-environment.js';

const HELP = `One process of the cluster: shares the six items of a job with every other process on the same ZooKeeper, over TLS.

  node dist/main.js

Takes everything from the environment:
${Object.entries(VARIABLES)
  .map(([name, meaning]) => `  ${name.padEnd(24)} ${meaning}`)
  .join('\n')}

Prints what it owns and runs, one JSON text per line. Ctrl-C gives its items away and leaves.
`;

/** Tells what this process owns. */
const announcer: TraceSink = {
  emit(event: TraceEvent): void {
    if (event.kind === 'coordination' && event.event === 'assigned')
      say({ kind: 'assigned', items: event.details.items as number[] });
  },
};

if (process.argv.includes('--help')) process.stdout.write(HELP);
else
  await run().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  });

async function run(): Promise<void> {
  const registry = registryFromEnvironment();
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });

  @Module({
    imports: [ElasticJobModule.forRoot({ registry, traceSinks: [announcer] })],
    providers: [PayrollJob],
  })
  class AppModule {}

  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn'], abortOnError: false });
  say({ kind: 'ready', instanceId: app.get(Engine).identity.instanceId });
  await stopped;
  await app.close();
}
