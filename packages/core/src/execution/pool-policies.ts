import { availableParallelism } from 'node:os';
import type { PoolPolicy } from './job-extensions.js';

/** Twice as many items as the process may use processors. The default, as in ElasticJob. */
export const cpuPoolPolicy: PoolPolicy = { type: 'CPU', size: () => availableParallelism() * 2 };

/** One item after the other. */
export const singleThreadPoolPolicy: PoolPolicy = { type: 'SINGLE_THREAD', size: () => 1 };

/** The pool policies that the kernel brings. */
export const builtInPoolPolicies: readonly PoolPolicy[] = [cpuPoolPolicy, singleThreadPoolPolicy];
