import { ElasticJobError, messageOf } from '../foundation/errors.js';
import type { DriverSession, MultiResult } from './driver.js';
import { isRefusal, refusal } from './refusal.js';
import type { Operation } from './registry.js';

/** The operation that kept a commit from being applied. */
export interface CommitFailure {
  readonly stage: number;
  /** Within the stage. */
  readonly index: number;
  readonly reason: string;
}

/** A commit that was applied; in one transaction if the driver can. */
export interface CommitDone {
  readonly zxid?: bigint;
}

type Stages = readonly (readonly Operation[])[];

/** All stages as one transaction, which `send` sends. */
export async function commitAtomically(
  send: (operations: readonly Operation[]) => Promise<MultiResult>,
  stages: Stages,
): Promise<CommitFailure | CommitDone> {
  const result = await send(stages.flat());
  if (result.committed) return { zxid: result.zxid };
  let index = result.index;
  let stage = 0;
  for (; index >= (stages[stage]?.length ?? Number.POSITIVE_INFINITY); stage++) index -= stages[stage]?.length ?? 0;
  return { stage, index, reason: result.reason };
}

/** Stage after stage, each pipelined; stops after the first stage in which an operation failed. */
export async function commitInStages(driver: DriverSession, stages: Stages): Promise<CommitFailure | CommitDone> {
  for (const [stage, operations] of stages.entries()) {
    const outcomes = await Promise.allSettled(operations.map((operation) => perform(driver, operation)));
    const errors = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : undefined));
    // Anything but a refusal leaves the result open, or is a broken contract.
    const unknown = errors.find((error) => error !== undefined && !isRefusal(error));
    if (unknown !== undefined) throw unknown;
    const index = errors.findIndex((error) => error !== undefined);
    if (index !== -1) return { stage, index, reason: reasonOf(errors[index]) };
  }
  return {};
}

async function perform(driver: DriverSession, operation: Operation): Promise<void> {
  const { path } = operation;
  switch (operation.kind) {
    case 'check':
      return check(driver, path, operation.version);
    case 'create':
      await driver.create(path, operation.value, operation.mode);
      return;
    case 'write':
      await driver.set(path, operation.value, operation.version ?? -1);
      return;
    case 'remove':
      await driver.remove(path, operation.version ?? -1);
  }
}

async function check(driver: DriverSession, path: string, version: number): Promise<void> {
  const stat = await driver.exists(path);
  if (stat === null) throw refusal('NO_NODE', path, 'does not exist');
  if (version !== -1 && stat.version !== version) {
    throw refusal('BAD_VERSION', path, `has version ${stat.version}, not ${version}`);
  }
}

function reasonOf(error: unknown): string {
  return ElasticJobError.is(error) ? error.code : messageOf(error);
}
