import { parseArgs } from 'node:util';
import { ElasticJobModule, Engine, type TraceEvent, type TraceSink } from '@elasticjob/nestjs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { say } from './messages.js';
import { ReportJob } from './report.job.js';

const HELP = `One process of the cluster: shares the nine items of a job with every other process on the same ZooKeeper.

  node dist/main.js --connect 127.0.0.1:2181 [--namespace cluster] [--session-timeout 4000] [--client wire|native]

Prints what it owns and runs, one JSON text per line. Ctrl-C gives its items away and leaves.
`;

interface Options {
  readonly client: 'wire' | 'native';
  readonly connectString: string;
  readonly namespace: string;
  readonly sessionTimeoutMilliseconds: number;
}

/** Tells what changes of who owns what. */
const announcer: TraceSink = {
  emit(event: TraceEvent): void {
    if (event.kind !== 'coordination') return;
    if (event.event === 'elected') say({ kind: 'elected' });
    if (event.event === 'assigned') say({ kind: 'assigned', items: event.details.items as number[] });
  },
};

const command = readCommand();
if (typeof command === 'object') await run(command);
else if (command === 'help') process.stdout.write(HELP);
else {
  process.stderr.write(`${command}\n\n${HELP}`);
  process.exitCode = 2;
}

/** What is to be done, or what is wrong with the command line. */
function readCommand(): Options | string {
  try {
    const { values } = parseArgs({
      options: {
        connect: { type: 'string' },
        namespace: { type: 'string', default: 'cluster' },
        'session-timeout': { type: 'string', default: '4000' },
        client: { type: 'string', default: 'wire' },
        help: { type: 'boolean' },
      },
    });
    if (values.help) return 'help';
    const { connect, namespace, client, 'session-timeout': timeout } = values;
    if (connect === undefined) return '--connect is missing: which ZooKeeper?';
    if (client !== 'wire' && client !== 'native') return `--client is '${client}', expected wire or native`;
    return { client, connectString: connect, namespace, sessionTimeoutMilliseconds: Number(timeout) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function run(registry: Options): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });

  @Module({
    imports: [ElasticJobModule.forRoot({ registry, traceSinks: [announcer] })],
    providers: [ReportJob],
  })
  class AppModule {}

  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['warn', 'error'] });
  say({ kind: 'ready', instanceId: app.get(Engine).identity.instanceId });
  await stopped;
  await app.close();
}
