import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { readJsonLines } from './json-lines.js';
import type { LedgerRecord } from './observations.js';

const LEDGER = fileURLToPath(new URL('../dist/ledger-process.js', import.meta.url));

/** The ledger's process, as the one that started it sees it. */
export class LedgerHost {
  private constructor(
    readonly port: number,
    private readonly process: ChildProcess,
  ) {}

  /** Starts the ledger; `onRecord` hears every write and its answer. */
  static start(onRecord: (record: LedgerRecord) => void): Promise<LedgerHost> {
    const child = spawn(process.execPath, [LEDGER], { stdio: ['pipe', 'pipe', 'inherit'] });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the ledger ended with ${code} while starting`)));
      readJsonLines<LedgerRecord | { readonly port: number }>(child.stdout, (message) => {
        if ('port' in message) resolve(new LedgerHost(message.port, child));
        else onRecord(message);
      });
    });
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null) throw new Error(`the ledger ended with ${this.process.exitCode}`);
    const ended = once(this.process, 'exit');
    this.process.stdin?.end();
    await ended;
  }
}
