import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { onAbort } from '../foundation/abort.js';
import { type Clock, sleep } from '../foundation/clock.js';
import { deferred } from '../foundation/deferred.js';
import { messageOf } from '../foundation/errors.js';
import { OutputLines } from './output-lines.js';

/** How long output is still read after the process has exited, while something it started holds the pipe. */
const DRAIN_MS = 1_000;
/** How long a group is watched dying after SIGKILL; only the kernel can hold it up. */
const KILL_WAIT_MS = 1_000;
const POLL_MS = 20;
const MAX_LINE_LENGTH = 8_192;

/** What to start: a file (found on `PATH` when it has no slash) and its arguments, without a shell. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How a process is to be run. */
export interface ProcessOptions {
  readonly clock: Clock;
  /** Ends the process and everything it started. */
  readonly signal: AbortSignal;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly killGraceMs: number;
  /** Must not throw. */
  onLine(stream: 'stdout' | 'stderr', line: string): void;
}

/** How a process ended by itself: with a code or by a signal that was not ours. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * Runs a command in a process group of its own, with an empty standard input, until it has exited (POSIX only).
 *
 * When the signal aborts, the whole group gets SIGTERM and, if any of it is left after the grace, SIGKILL; the promise
 * rejects with the signal's reason, but not before the process has exited. It rejects with the system's error when the
 * process cannot be started. What a process that ended by itself leaves running behind lives on; its output is read
 * for one more second.
 */
export async function runProcessGroup(command: Command, options: ProcessOptions): Promise<ProcessEnd> {
  const { clock, signal, killGraceMs } = options;
  signal.throwIfAborted();
  const child = spawn(command.file, command.args, {
    env: { ...command.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = exitOf(child);
  const { pid } = child;
  if (pid === undefined) return exited;
  const output = Promise.all([
    readLines(child.stdout, (line) => options.onLine('stdout', line)),
    readLines(child.stderr, (line) => options.onLine('stderr', line)),
  ]);
  let stopped: Promise<void> | undefined;
  const undo = onAbort(signal, () => {
    stopped = stopGroup(pid, exited, clock, killGraceMs);
  });
  try {
    const end = await exited;
    undo();
    await stopped;
    await within(clock, DRAIN_MS, output);
    if (stopped !== undefined) throw signal.reason;
    return end;
  } finally {
    undo();
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function exitOf(child: ChildProcess): Promise<ProcessEnd> {
  const exited = deferred<ProcessEnd>();
  child.once('error', (error) => exited.reject(error));
  child.once('exit', (code, signal) => exited.resolve({ code, signal }));
  return exited.promise;
}

/** Resolves when the stream is closed, by its writers or by us. */
function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const closed = deferred();
  const lines = new OutputLines(MAX_LINE_LENGTH, onLine);
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => lines.write(text));
  stream.once('error', (error) => onLine(`output could not be read: ${messageOf(error)}`));
  stream.once('close', () => {
    lines.end();
    closed.resolve();
  });
  return closed.promise;
}

async function stopGroup(pid: number, exited: Promise<unknown>, clock: Clock, graceMs: number): Promise<void> {
  signalGroup(pid, 'SIGTERM');
  if (await groupGone(pid, exited, clock, graceMs)) return;
  signalGroup(pid, 'SIGKILL');
  await exited;
  await groupGone(pid, exited, clock, KILL_WAIT_MS);
}

/** Whether no process of the group is left, at the latest after `ms`. Only the leader's exit is an event; for the rest we look. */
async function groupGone(pid: number, exited: Promise<unknown>, clock: Clock, ms: number): Promise<boolean> {
  const deadline = clock.monotonic() + ms;
  await within(clock, ms, exited);
  while (await groupRuns(pid)) {
    const left = deadline - clock.monotonic();
    if (left <= 0) return false;
    await sleep(clock, Math.min(POLL_MS, left));
  }
  return true;
}

/**
 * Whether a process of the group runs. One that is dead but never collected stays in its group for ever, as happens in
 * containers whose first process is no init; where `/proc` tells them apart they do not count.
 */
async function groupRuns(pid: number): Promise<boolean> {
  if (!signalGroup(pid, 0)) return false;
  const members = process.platform === 'linux' ? await processIds() : undefined;
  if (members === undefined) return true;
  const running = await Promise.all(members.map((member) => runsInGroup(member, pid)));
  return running.includes(true);
}

async function processIds(): Promise<readonly string[] | undefined> {
  try {
    return (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  } catch {
    // Not mounted here.
    return undefined;
  }
}

/** Reads state and group, which follow the name in parentheses; see proc(5). */
async function runsInGroup(member: string, group: number): Promise<boolean> {
  try {
    const stat = await readFile(`/proc/${member}/stat`, 'latin1');
    const [state, , itsGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(itsGroup) === group && state !== 'Z' && state !== 'X';
  } catch {
    // It ended while we looked.
    return false;
  }
}

/** Returns whether the group exists. Being refused (a set-user-id program) means that it does. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

async function within(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  const late = deferred();
  const timer = clock.setTimer(ms, () => late.resolve());
  try {
    await Promise.race([work, late.promise]);
  } finally {
    timer.cancel();
  }
}
