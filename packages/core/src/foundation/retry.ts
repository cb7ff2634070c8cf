/** How often and how patiently to try again, in ElasticJob's terms. */
export interface RetryPolicy {
  /** First pause, milliseconds. */
  readonly baseSleepTimeMilliseconds: number;
  /** Longest pause, milliseconds. */
  readonly maxSleepTimeMilliseconds: number;
  /** Attempts after the first. */
  readonly maxRetries: number;
}

/** The pause before attempt `n` (1 = first retry): exponential, jittered over its upper half, capped. */
export function backoff(policy: RetryPolicy, attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(policy.maxSleepTimeMilliseconds, policy.baseSleepTimeMilliseconds * 2 ** (attempt - 1));
  return ceiling / 2 + (random() * ceiling) / 2;
}
