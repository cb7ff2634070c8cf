import { describe, expect, it } from 'vitest';
import { ConfigurationError } from '../foundation/errors.js';
import { EXTENSION_POINTS, resolveExtension } from './extensions.js';

const known = [{ type: 'AVG_ALLOCATION' }, { type: 'ROUND_ROBIN' }];
const { shardingStrategy, listener } = EXTENSION_POINTS;

describe('looking up what a job names', () => {
  it('finds a type whatever the case of its letters', () => {
    expect(resolveExtension(shardingStrategy, 'round_Robin', known, 'x')).toBe(known[1]);
  });

  it('takes the default of ElasticJob when the job names nothing', () => {
    expect(resolveExtension(shardingStrategy, null, known, 'x')).toBe(known[0]);
  });

  it('lets an application replace what the kernel brings', () => {
    const own = { type: 'avg_allocation' };
    expect(resolveExtension(shardingStrategy, 'AVG_ALLOCATION', [...known, own], 'x')).toBe(own);
  });

  it('refuses an unknown type, listing the known ones and where to bind a new one', () => {
    const look = () => resolveExtension(shardingStrategy, 'FOO', known, 'x');
    expect(look).toThrow(ConfigurationError);
    expect(look).toThrow(
      "job 'x' asks for the sharding strategy 'FOO'; known are AVG_ALLOCATION, ROUND_ROBIN; " +
        "add it to the engine's extensions (TYPES.ShardingStrategy), or correct jobShardingStrategyType",
    );
    expect(() => resolveExtension(shardingStrategy, 'ROUND_ROBBIN', known, 'x')).toThrow('did you mean ROUND_ROBIN?');
    expect(look).toThrow(expect.objectContaining({ code: 'UNKNOWN_EXTENSION', jobName: 'x' }));
  });

  it('says so when nothing at all is known', () => {
    expect(() => resolveExtension(listener, 'AUDIT', [], 'x')).toThrow("the listener 'AUDIT'; known are none");
  });
});
