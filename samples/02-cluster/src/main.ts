import { parseArgs } from 'node:util';
import { ElasticJobModule, Engine, type TraceEvent, type TraceSink } from '@elasticjob/nestjs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { say } from './messages.js';
import { ReportJob } from './report.job.js';

const HELP = `One process of the cluster: shares the nine items of a job with every other process on the same ZooKeeper.

  node dist/main.js --connect 127.0.0.1:2181 [--namespace cluster] [--session-timeout 4000]

Prints what it owns and runs, one JSON text per line. Ctrl-C gives its items away and leaves.
`;

const { values } = parseArgs({
  options: {
    connect: { type: 'string' },
    namespace: { type: 'string', default: 'cluster' },
    'session-timeout': { type: 'string', default: '4000' },
    help: { type: 'boolean' },
  },
});

/** Tells what changes of who owns what. */
const announcer: TraceSink = {
  emit(event: TraceEvent): void {
    if (event.kind !== 'coordination') return;
    if (event.event === 'elected') say({ kind: 'elected' });
    if (event.event === 'assigned') say({ kind: 'assigned', items: event.details.items as number[] });
  },
};

if (values.help) process.stdout.write(HELP);
else if (values.connect === undefined) {
  process.stderr.write(`--connect is missing: which ZooKeeper?\n\n${HELP}`);
  process.exitCode = 2;
} else {
  await run(values.connect);
}

async function run(connectString: string): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });

  @Module({
    imports: [
      ElasticJobModule.forRoot({
        registry: {
          connectString,
          namespace: values.namespace,
          sessionTimeoutMilliseconds: Number(values['session-timeout']),
        },
        traceSinks: [announcer],
      }),
    ],
    providers: [ReportJob],
  })
  class AppModule {}

  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
  say({ kind: 'ready', instanceId: app.get(Engine).identity.instanceId });
  await stopped;
  await app.close();
}
