import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { jsonLine, readJsonLines } from './json-lines.js';
import type { LedgerAnswer, LedgerWrite } from './ledger.js';

interface Pending {
  resolve(answer: LedgerAnswer): void;
  reject(error: Error): void;
}

/** A connection to the ledger's process. */
export class LedgerClient {
  readonly #pending = new Map<number, Pending>();
  #requests = 0;

  private constructor(private readonly socket: Socket) {
    readJsonLines<LedgerAnswer & { readonly id: number }>(socket, ({ id, ...answer }) => {
      this.#pending.get(id)?.resolve(answer);
      this.#pending.delete(id);
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the connection to the ledger was closed')));
  }

  static async connect(port: number): Promise<LedgerClient> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new LedgerClient(socket);
  }

  /** Resolves to the ledger's answer; rejects when it is gone. */
  write(write: LedgerWrite): Promise<LedgerAnswer> {
    const id = this.#requests++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.socket.write(jsonLine({ id, write }));
    });
  }

  #fail(error: Error): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
