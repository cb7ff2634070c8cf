import type { JobDefinition } from './definition.js';

/** An option that ElasticJob has and this version cannot keep. */
export interface UnsupportedOption {
  /** Its path within the job, such as `maxTimeDiffSeconds`. */
  readonly path: string;
  readonly seen: unknown;
  /** What is possible instead, and what follows from it. */
  readonly remedy: string;
}

/** The part of a definition that can hold such options. */
export type CheckedOptions = Partial<Pick<JobDefinition, 'maxTimeDiffSeconds'>>;

/**
 * The options that would be accepted and ignored. A definition with one is refused; a stored configuration with one, put
 * there by a Java member, is reported by the runtime.
 */
export function unsupportedOptions(options: CheckedOptions): UnsupportedOption[] {
  const found: UnsupportedOption[] = [];
  const refuse = (path: string, seen: unknown, remedy: string): void => void found.push({ path, seen, remedy });
  const { maxTimeDiffSeconds = -1 } = options;
  if (maxTimeDiffSeconds >= 0)
    refuse('maxTimeDiffSeconds', maxTimeDiffSeconds, 'expected -1: clocks are not compared yet');
  return found;
}
