import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { besideJava } from './beside-java.js';
import { clients } from './clients.js';
import { cronNext } from './cron-next.js';
import { writeFigures } from './figures-file.js';
import { type Figure, KERNEL_CLIENTS, type KernelClient, type Question } from './question.js';
import { reOwn } from './re-own.js';
import { scaleItems } from './scale-items.js';
import { scaleJobs } from './scale-jobs.js';
import { figure } from './statistics.js';
import { table } from './table.js';
import { takeover } from './takeover.js';
import { tickLag } from './tick-lag.js';
import { tickLagCluster } from './tick-lag-cluster.js';
import { triggers } from './triggers.js';
import { zookeeperCost } from './zookeeper-cost.js';

const QUESTIONS: readonly Question[] = [
  cronNext,
  clients,
  tickLag,
  tickLagCluster,
  zookeeperCost,
  reOwn,
  takeover,
  triggers,
  scaleJobs,
  scaleItems,
  besideJava,
];

const USAGE = `Usage: npm run bench -- [--client wire|native] [--write FILE] [question…]

Answers the named questions, or all but 'java' (about half an hour), and prints a table of figures and budgets. 'java' is
asked alone: it runs the real ElasticJob for Java beside ours, for which it needs a JDK 17 and Maven.

Questions:
${QUESTIONS.map(({ name, asks }) => `  ${name.padEnd(16)}${asks}`).join('\n')}

With --client only that client library is put under the kernel, otherwise one after the other. With --write the table
also takes the place of the one in a document, such as docs/performance.md.
A ZooKeeper server is started where one is needed. Environment: ZOOKEEPER_HOME names an unpacked ZooKeeper distribution;
without it Debian's package is used. Exit status: 0, also when a budget is missed; 1 when a question has no answer.
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean' }, client: { type: 'string' }, write: { type: 'string' } },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const terms = { clients: chosenClients(values.client) };
  const questions = chosen(positionals);
  const figures: Figure[] = [];
  for (const question of questions) {
    progress(question.asks);
    figures.push(...(await question.answer((text) => progress(`  ${text}`), terms)));
  }
  const text = `${machine()}\n\n${table(figures)}`;
  process.stdout.write(`${text}\n`);
  const [apart] = questions.filter(({ isApart }) => isApart);
  if (values.write !== undefined) writeFigures(values.write, text, apart?.name);
}

function chosen(names: readonly string[]): readonly Question[] {
  const known = new Map(QUESTIONS.map((question) => [question.name, question]));
  if (names.length === 0) return QUESTIONS.filter(({ isApart }) => !isApart);
  const questions = names.map((name) => {
    const question = known.get(name);
    if (question !== undefined) return question;
    throw new Error(`there is no question '${name}'; there are: ${[...known.keys()].join(', ')}`);
  });
  const apart = questions.find(({ isApart }) => isApart);
  if (apart !== undefined && questions.length > 1)
    throw new Error(`ask '${apart.name}' alone: its table is another one`);
  return questions;
}

function chosenClients(name: string | undefined): readonly KernelClient[] {
  if (name === undefined) return KERNEL_CLIENTS;
  const found = KERNEL_CLIENTS.filter((client) => client === name);
  if (found.length === 1) return found;
  throw new Error(`--client is '${name}', expected ${KERNEL_CLIENTS.join(' or ')}`);
}

/** With the load of the last minute: a machine that is busy with other things gives figures about those. */
function machine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const date = new Date().toISOString().slice(0, 10);
  const load = figure(loadavg()[0] ?? 0);
  const cores = `${availableParallelism()} cores (${model})`;
  return `${date}, Node ${process.version}, ${cores}, ${process.platform}, load average ${load}`;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
