import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { RegistryError } from '../foundation/errors.js';
import { MemoryServer } from '../registry/memory-server.js';
import type { Registry } from '../registry/registry.js';
import { triggerEntry } from './trigger-entry.js';
import { TriggerLedger, type TriggerState } from './trigger-ledger.js';
import type { TriggerOutcome } from './trigger-record.js';

const ID = '0myc87t57-000000000000';
const ENTRY = triggerEntry(ID, 0, 0);
const OPEN = `job/extension/triggers/open/${ENTRY.name}`;
const OUTCOME = `job/extension/triggers/records/${ID}/0-0`;
const started: Registry[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((registry) => registry.stop()));
});

async function begin(
  atomicCommit: boolean,
): Promise<{ registry: Registry; ledger: TriggerLedger; found: TriggerState }> {
  const server = new MemoryServer({ clock: new ManualClock('2027-01-01T00:00:00Z') });
  const registry = server.registry({ namespace: 'test', atomicCommit });
  started.push(registry);
  await registry.start();
  await registry.ensure(`job/extension/triggers/records/${ID}`, 'what was asked for');
  await registry.create(OPEN, '', 'persistent');
  const ledger = new TriggerLedger(registry, 'job');
  const found = await ledger.state(ENTRY);
  if (found === null) throw new Error('the entry is not there');
  return { registry, ledger, found };
}

const hold = (session: bigint) => ({ instanceId: 'a', session, since: 0 });
const disabled: TriggerOutcome = {
  end: 'skipped',
  instanceId: null,
  startedAt: null,
  endedAt: 7,
  reason: 'disabled',
  message: null,
};
const lost: TriggerOutcome = { ...disabled, end: 'lost', reason: null };

describe.each([true, false])('a run that nobody has begun, with transactions: %s', (atomicCommit) => {
  it('is told to be skipped, and its entry goes', async () => {
    const { registry, ledger, found } = await begin(atomicCommit);
    expect(await ledger.conclude(found, disabled)).toBe(true);
    expect(await registry.read(OPEN)).toBeNull();
    expect((await registry.read(OUTCOME))?.value).toContain('"disabled"');
  });

  it('is not told to be skipped once somebody has begun it', async () => {
    const { registry, ledger, found } = await begin(atomicCommit);
    expect(await ledger.take(ENTRY, hold(1n), null)).toMatchObject({ kind: 'taken' });
    expect(await ledger.conclude(found, disabled)).toBe(false);
    expect(await registry.read(OUTCOME)).toBeNull();
  });
});

describe('without transactions, a run of which somebody dies who tells that it is skipped', () => {
  it.each(['the outcome is told', 'it is gone from the open ones'])(
    'is not begun by anybody, and is told so, if that was before %s',
    async (step) => {
      const { registry, ledger, found } = await begin(false);
      const commit = registry.commit.bind(registry);
      registry.commit = async (stages) => {
        const [first = [], ...rest] = stages;
        if (rest.length === 0) return commit(stages);
        if (step !== 'the outcome is told') await commit([first]);
        throw new RegistryError('CONNECTION_LOSS', 'cut', { retryable: true });
      };
      await expect(ledger.conclude(found, disabled)).rejects.toMatchObject({ code: 'CONNECTION_LOSS' });
      registry.commit = commit;
      expect(await ledger.take(ENTRY, hold(1n), null)).toMatchObject({ kind: 'held' });
      const left = await ledger.state(ENTRY);
      if (left !== null) await ledger.conclude(left, lost);
      expect((await registry.read(OUTCOME))?.value).toContain('"disabled"');
      expect(await registry.read(OPEN)).toBeNull();
    },
  );
});
