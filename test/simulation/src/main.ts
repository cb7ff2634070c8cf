import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { ClientKind } from './client.js';
import { PLANTS } from './plants.js';
import { runHistories } from './runner.js';
import type { HistoryResult } from './simulate.js';

const HELP = `Runs seeded histories of many instances over a simulated ensemble and checks every promise.

npm run simulate -- [options]
  --seeds N       how many histories (default 2000)
  --seed S        only the history of this seed, or the first of --seeds
  --client KIND   native, wire, or both (default: drawn from the seed)
  --trace         print the whole history; with one seed
  --plant NAME    put a known defect into the kernel: ${PLANTS.map(({ name }) => name).join(', ')}
  --workers N     threads (default: one per processor)
  --help          this text
`;

interface Summary {
  seeds: number;
  violations: number;
  counts: Record<string, number>;
}

/** A misuse of the command line: told with the help, exit code 2. */
class Misuse extends Error {}

function options() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      client: { type: 'string' },
      trace: { type: 'boolean', default: false },
      plant: { type: 'string' },
      workers: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const seed = values.seed === undefined ? undefined : count('seed', values.seed, 0);
  const plant = PLANTS.find(({ name }) => name === values.plant);
  if (values.plant !== undefined && plant === undefined) throw new Misuse(`there is no plant '${values.plant}'`);
  return {
    help: values.help,
    trace: values.trace,
    first: seed ?? 1,
    seeds: values.seeds === undefined ? (seed === undefined ? 2000 : 1) : count('seeds', values.seeds, 1),
    clients: clients(values.client),
    plant,
    workers: values.workers === undefined ? availableParallelism() : count('workers', values.workers, 1),
  };
}

function count(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw new Misuse(`--${name}: seen '${text}', expected a whole number from ${least}`);
}

function clients(text: string | undefined): (ClientKind | undefined)[] {
  if (text === undefined) return [undefined];
  if (text === 'native' || text === 'wire') return [text];
  if (text === 'both') return ['native', 'wire'];
  throw new Misuse(`--client: seen '${text}', expected native, wire or both`);
}

async function main(): Promise<number> {
  const { help, trace, first, seeds, clients: kinds, plant, workers } = options();
  if (help) {
    process.stdout.write(HELP);
    return 0;
  }
  const began = performance.now();
  const summary: Summary = { seeds: 0, violations: 0, counts: {} };
  const total = seeds * kinds.length;
  const stopped = new AbortController();
  process.once('SIGINT', () => stopped.abort());
  const rate = (): number => summary.seeds / ((performance.now() - began) / 1000);
  let told = 0;
  const progress = (): void => {
    if (performance.now() - told < 1000) return;
    told = performance.now();
    const left = Math.ceil((total - summary.seeds) / Math.max(rate(), 0.01));
    process.stderr.write(`${summary.seeds} of ${total}, ${rate().toFixed(1)} per second, ${left} s left\n`);
  };
  const onResult = (result: HistoryResult): void => {
    summary.seeds += 1;
    for (const [what, by] of Object.entries(result.counts)) summary.counts[what] = (summary.counts[what] ?? 0) + by;
    if (result.violation !== null) summary.violations += 1;
    if (result.violation !== null || trace) report(result, plant?.name);
    // One is enough to see a planted defect found.
    if (result.violation !== null && plant !== undefined) stopped.abort();
    progress();
  };
  for (const client of kinds) {
    await runHistories({
      seeds: Array.from({ length: seeds }, (_, index) => first + index),
      ...(client === undefined ? {} : { client }),
      ...(plant === undefined ? {} : { plant }),
      ...(trace ? { lines: Number.MAX_SAFE_INTEGER } : {}),
      workers: Math.min(workers, seeds),
      onResult,
      signal: stopped.signal,
    });
  }
  process.stdout.write(`${JSON.stringify({ ...summary, seedsPerSecond: Number(rate().toFixed(1)) })}\n`);
  return summary.violations > 0 ? 1 : 0;
}

function report({ seed, client, violation, lines }: HistoryResult, plant: string | undefined): void {
  const planted = plant === undefined ? '' : ` --plant ${plant}`;
  process.stdout.write(`${lines.join('\n')}\n`);
  if (violation === null) return;
  process.stdout.write(
    `\nseed ${seed}, ${client} client: ${violation.promise} is broken (${violation.words})\n${violation.seen}\n` +
      `replay: npm run simulate -- --seed ${seed} --client ${client}${planted} --trace\n\n`,
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  const misused = error instanceof Misuse || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS');
  if (!misused) throw error;
  process.stderr.write(`${(error as Error).message}\n\n${HELP}`);
  process.exitCode = 2;
}
