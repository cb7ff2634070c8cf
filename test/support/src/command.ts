import { spawn, spawnSync } from 'node:child_process';

/** What became of a command. */
export interface CommandOutcome {
  /** Its exit status, `null` if a signal ended it. */
  readonly code: number | null;
  /** All it wrote, on both streams. */
  readonly output: string;
}

/** Runs a command without a shell. Resolves when it has ended; rejects if there is no such command. */
export function runCommand(command: readonly string[], cwd?: string): Promise<CommandOutcome> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** Whether a command is there and ends well. */
export function succeeds(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args).status === 0;
}

/** The end of a log, for an error message. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
