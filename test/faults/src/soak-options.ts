import { parseArgs } from 'node:util';
import { FAULTS } from './fault-catalogue.js';

/** What to do, and for how long. */
export interface SoakOptions {
  readonly minutes: number;
  readonly processes: number;
  readonly seed: number;
  /** `undefined`: the kernel's default. */
  readonly client: 'wire' | 'native' | undefined;
  /** Whether runs that crash are executed again. */
  readonly failover: boolean;
  /** A file for everything that is told, `undefined` for none. */
  readonly log: string | undefined;
  /** The faults to draw from, by name. */
  readonly faults: readonly string[];
}

const NAMES = FAULTS.map(({ name }) => name);

/** The help of the command. */
export const HELP = `Breaks a real ensemble of three ZooKeeper servers and several instances of two jobs in every way there is, one fault
after the other, and checks that no item runs twice at a time, no fire goes lost, each run that crashes is executed
again exactly once. Each run that is asked for meanwhile is run once or told to be skipped. Tells on stderr what is broken; ends with one JSON line. Exit code 0 only if all of it holds, no
instance ended by itself, and everything recovered from each fault.

  npm run soak -- --minutes 30 --processes 4 --seed 7 --client wire

  --minutes N     how long to go on with new faults; the last one is waited for. Default 5
  --processes N   instances, 2 to 12. Default 4
  --seed S        what the faults and their order are drawn from, a whole number. Default: another one each time
  --client NAME   ZooKeeper client of the instances, wire or native. Default: the kernel's
  --no-failover   runs that crash are not executed again
  --faults A,B    only these faults: ${NAMES.slice(0, 4).join(', ')},
                  ${NAMES.slice(4, 8).join(', ')},
                  ${NAMES.slice(8).join(', ')}
  --log FILE      writes everything that is broken and that the instances tell to this file, a line of JSON each
  --help

Ctrl-C ends it in order, with the verdict so far.
`;

/** Reads the command line: what is to be done, or `help`, or what is wrong. */
export function readSoakOptions(args: readonly string[]): SoakOptions | 'help' | { readonly problem: string } {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: 'string', default: '5' },
        processes: { type: 'string', default: '4' },
        seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
        client: { type: 'string' },
        'no-failover': { type: 'boolean', default: false },
        faults: { type: 'string', default: NAMES.join(',') },
        log: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    return values.help ? 'help' : check(values);
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

interface Values {
  readonly minutes: string;
  readonly processes: string;
  readonly seed: string;
  readonly client?: string | undefined;
  readonly log?: string | undefined;
  readonly 'no-failover': boolean;
  readonly faults: string;
}

function check({
  minutes,
  processes,
  seed,
  client,
  log,
  faults,
  ...flags
}: Values): SoakOptions | { readonly problem: string } {
  const wanted = faults.split(',');
  const unknown = wanted.filter((name) => !NAMES.includes(name));
  if (!(Number(minutes) > 0)) return { problem: `--minutes is '${minutes}', expected a number above 0` };
  if (!isWhole(processes, 2, 12)) return { problem: `--processes is '${processes}', expected 2 to 12` };
  if (!isWhole(seed, 0, 2 ** 32 - 1)) return { problem: `--seed is '${seed}', expected a whole number below 2^32` };
  if (client !== undefined && client !== 'wire' && client !== 'native') {
    return { problem: `--client is '${client}', expected wire or native` };
  }
  if (unknown.length > 0) return { problem: `there is no fault ${unknown.join(', ')}` };
  const failover = !flags['no-failover'];
  const amounts = { minutes: Number(minutes), processes: Number(processes), seed: Number(seed) };
  return { ...amounts, client, log, failover, faults: wanted };
}

function isWhole(text: string, least: number, greatest: number): boolean {
  const value = Number(text);
  return text !== '' && Number.isInteger(value) && value >= least && value <= greatest;
}
