import { jobPath, layout } from '../coordination/job-layout.js';
import { decodeJobConfig } from '../coordination/job-yaml.js';
import { messageOf } from '../foundation/errors.js';
import type { JobDefinition } from '../job/definition.js';
import type { JobHandler } from '../job/handlers.js';
import { type EquippedJob, type Extensions, equip } from './runnable-job.js';

/**
 * The job as the registry says that it is, or was when it could last be followed; before anything was read, as this
 * instance was given it.
 */
export class FollowedDefinition {
  #job: EquippedJob;
  #problem: string | null = null;
  #text: string | null = null;

  /** Throws a `ConfigurationError` if the definition names something unknown or the handler does not fit. */
  constructor(
    definition: JobDefinition,
    private readonly handler: JobHandler,
    private readonly extensions: Extensions,
  ) {
    this.#job = equip(definition, handler, extensions);
  }

  get job(): EquippedJob {
    return this.#job;
  }

  /** Why what is stored now cannot be followed, `null` if it can. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Takes over what is stored. Returns whether that is another text than before. `isOwn`: it means what this instance was
   * given, so that it need not be read.
   */
  follow(text: string, isOwn: boolean): boolean {
    // Not by its version: a node that was removed and written anew begins to count again.
    const before = this.#text;
    // The text as the view has it, so that there is one copy.
    this.#text = text;
    if (text === before) return false;
    this.#problem = isOwn ? null : this.#adopt(text);
    return true;
  }

  /** Returns the problem, `null` if there is none. */
  #adopt(text: string): string | null {
    const path = jobPath(this.#job.definition.jobName, layout.config);
    const decoded = decodeJobConfig(text);
    if (!decoded.readable) return `${path}: ${decoded.problem}`;
    try {
      this.#job = equip(decoded.definition, this.handler, this.extensions);
      return null;
    } catch (error) {
      return `${path}: ${messageOf(error)}`;
    }
  }
}
