import { inspect } from 'node:util';
import { ConfigurationError } from '../foundation/errors.js';

/** One thing that is wrong with a definition, where, and what to do. */
export interface Problem {
  readonly path: string;
  readonly seen: unknown;
  readonly remedy: string;
  readonly unsupported?: true;
}

/** One error for all that is wrong with a job, one line per problem. */
export function invalidJob(jobName: string, problems: readonly Problem[]): ConfigurationError {
  const lines = problems.map(({ path, seen, remedy }) => `jobs.${jobName}.${path}: seen ${show(seen)}, ${remedy}`);
  const code = problems.every((problem) => problem.unsupported) ? 'UNSUPPORTED_OPTION' : 'INVALID_CONFIGURATION';
  const path = `jobs.${jobName}${problems.length === 1 ? `.${problems[0]?.path}` : ''}`;
  const [only] = lines;
  if (lines.length === 1 && only !== undefined) return new ConfigurationError(code, only, { jobName, path });
  return new ConfigurationError(code, `${lines.length} problems:\n${lines.join('\n')}`, { jobName, path });
}

/** A value as a message shows it, cut to a length that can be read. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const shown = inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY });
  return shown.length > 120 ? `${shown.slice(0, 117)}…` : shown;
}

/** `; did you mean …?` if a name is close to one of those that exist, else nothing. */
export function suggestion(key: string, known: readonly string[]): string {
  const near = known.find((name) => distance(name.toLowerCase(), key.toLowerCase()) <= 2);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** Those of the existing names that are nearest to one that does not exist, nearest first. */
export function nearestNames(name: string, known: readonly string[], limit: number): string[] {
  const ranked = known.map((each) => ({ each, far: distance(each.toLowerCase(), name.toLowerCase()) }));
  ranked.sort((one, other) => one.far - other.far || (one.each < other.each ? -1 : 1));
  return ranked.slice(0, limit).map(({ each }) => each);
}

/** Levenshtein's edit distance. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [i, a] of [...left].entries()) {
    const next = [i + 1];
    for (const [j, b] of [...right].entries())
      next.push(Math.min((row[j] ?? 0) + (a === b ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    row = next;
  }
  return row[right.length] ?? 0;
}
