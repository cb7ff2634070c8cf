import { ElasticJobError } from '@elasticjob/core';
import type { DriverSession } from '@elasticjob/core/driver';
import type { History } from './history.js';
import { NAMESPACE } from './process.js';

/** A person with a console: edits nodes of jobs over a session of their own, which nothing disturbs. */
export class Operator {
  constructor(
    private readonly session: DriverSession,
    private readonly history: History,
  ) {}

  get sessionId(): bigint {
    return this.session.id;
  }

  set(jobName: string, path: string, value: string): void {
    this.#do(`writes ${jobName}/${path}`, () => this.session.set(this.#at(jobName, path), value, -1));
  }

  create(jobName: string, path: string, value = ''): void {
    this.#do(`creates ${jobName}/${path}`, () => this.session.create(this.#at(jobName, path), value, 'persistent'));
  }

  remove(jobName: string, path: string): void {
    this.#do(`removes ${jobName}/${path}`, () => this.session.remove(this.#at(jobName, path), -1));
  }

  /** Rewrites the stored definition. */
  edit(jobName: string, what: string, change: (text: string) => string): void {
    const path = this.#at(jobName, 'config');
    this.#do(`${what} of ${jobName}`, async () => {
      const { value } = await this.session.get(path);
      await this.session.set(path, change(value), -1);
    });
  }

  #at(jobName: string, path: string): string {
    return `/${NAMESPACE}/${jobName}/${path}`;
  }

  #do(what: string, work: () => Promise<unknown>): void {
    this.history.note('operator', () => what);
    work().catch((error: unknown) => {
      if (!ElasticJobError.is(error)) throw error;
      this.history.note('operator', () => `${what}: ${error.code}`);
    });
  }
}
