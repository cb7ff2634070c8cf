import { OperationError } from '../foundation/errors.js';
import { show } from '../job/option-problems.js';

/** The error about an argument of a command or a query. */
export function invalidArgument(argument: string, seen: unknown, remedy: string): OperationError {
  return new OperationError('INVALID_ARGUMENT', `${argument}: seen ${show(seen)}, ${remedy}`, { path: argument });
}
