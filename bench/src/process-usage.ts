import { readFileSync } from 'node:fs';

/** Clock ticks per second in which Linux counts processor time; the same on every platform that Node is built for. */
const TICKS_PER_SECOND = 100;

/** What a process has used. */
export interface ProcessUsage {
  /** Processor time of all its threads since its start, milliseconds, in steps of 10. */
  readonly processorMs: number;
  /** What of it is in memory now, MiB. */
  readonly residentMiB: number;
}

/**
 * Reads what a process of whatever language has used, from outside. Linux only.
 *
 * @throws Error when there is no such process, or no `/proc`.
 */
export function usageOf(pid: number): ProcessUsage {
  // The second field is the name of the program, in parentheses, and may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { processorMs: (ticks * 1_000) / TICKS_PER_SECOND, residentMiB: Number(resident) / 1_024 };
}
