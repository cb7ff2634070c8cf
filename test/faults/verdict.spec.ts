import { describe, expect, it } from 'vitest';
import { accountForCrashes } from './src/crashed-runs.js';
import { accountForFires } from './src/fire-accounts.js';
import type { JobPlan } from './src/job-plan.js';
import { Ledger, type LedgerWrite } from './src/ledger.js';
import type { Departure, Life, Observations, Outcome, Run } from './src/observations.js';
import { fireKey } from './src/observations.js';
import { countOverlaps, overlaps } from './src/overlaps.js';
import { distribution, takeovers } from './src/takeovers.js';
import { type AskedRun, accountForTriggers, type TriggerAccounts } from './src/trigger-accounts.js';

const JOB: JobPlan = { name: 'job', items: 1, everySeconds: 1, workMs: 100 };
const NOW = 1_800_000_000_000;

function run(instance: string, token: bigint, beganAt: number, more: Partial<Run> = {}): Run {
  const times = { beganAt: NOW + beganAt, endedAt: NOW + beganAt + 100, abortedAt: null, abortReason: null };
  return {
    instance,
    job: 'job',
    item: 0,
    scheduledAt: NOW + beganAt,
    token,
    takeover: null,
    trigger: null,
    ...times,
    ...more,
  };
}

function departure(instance: string, zxid: bigint, at: number, more: Partial<Departure> = {}): Departure {
  return { instance, job: 'job', at: NOW + at, zxid, items: [0], exact: true, ...more };
}

function seen(more: Partial<Observations>): Observations {
  const spans = new Map([['job', [{ after: NOW - 10_000, owners: ['a'] }]]]);
  const lives = new Map(
    ['a', 'b'].map((instance): [string, Life] => [instance, { instance, killedAt: null, stops: [] }]),
  );
  return { jobs: [JOB], runs: [], outcomes: new Map(), lives, departures: [], spans, refused: [], ...more };
}

describe('two runs of one item', () => {
  it('overlap if one begins while the other goes on, although both sessions live', () => {
    const found = overlaps(seen({ runs: [run('a', 1n, 0), run('b', 2n, 99)] }));
    expect(countOverlaps(found)).toEqual({ withBothSessionsAlive: 1, withAStoppedProcess: 0 });
  });

  it('do not overlap if one begins when the other has ended, was aborted, or was killed', () => {
    const going = { endedAt: null };
    const lives = new Map([['k', { instance: 'k', killedAt: NOW + 50, stops: [] }]]);
    const runs = [
      [run('a', 1n, 0), run('b', 2n, 100)],
      [run('a', 1n, 0, { ...going, abortedAt: NOW + 50 }), run('b', 2n, 50)],
      [run('k', 1n, 0, going), run('b', 2n, 50)],
    ];
    expect(runs.flatMap((pair) => overlaps(seen({ runs: pair, lives })))).toEqual([]);
  });

  it('overlap beside a stopped process only if its session ended between the two marks', () => {
    const runs = [run('a', 10n, 0, { endedAt: null }), run('b', 20n, 5_000), run('b', 21n, 6_000)];
    const during = overlaps(seen({ runs, departures: [departure('a', 15n, 4_000)] }));
    expect(countOverlaps(during)).toEqual({ withBothSessionsAlive: 0, withAStoppedProcess: 1 });
    const another = [departure('b', 15n, 4_000), departure('a', 5n, 0), departure('a', 25n, 7_000)];
    const apart = overlaps(seen({ runs, departures: another }));
    expect(countOverlaps(apart)).toEqual({ withBothSessionsAlive: 2, withAStoppedProcess: 0 });
  });

  it('are told apart by their tokens, also when the earlier one begins later', () => {
    const runs = [run('b', 20n, 5_000, { endedAt: NOW + 9_000 }), run('a', 10n, 6_000)];
    const [overlap] = overlaps(seen({ runs, departures: [departure('a', 15n, 4_000)] }));
    expect([overlap?.earlier.instance, overlap?.sessionEnded]).toEqual(['a', true]);
  });
});

describe('a fire', () => {
  const outcome: Outcome = { instance: 'a', kind: 'success', reason: undefined, at: NOW };
  const account = (more: Partial<Observations>): string | undefined => {
    const { fires } = accountForFires(seen(more), NOW, NOW);
    return Object.entries(fires).find(([, count]) => count === 1)?.[0];
  };
  const ofA = (life: Partial<Life>): Partial<Observations> => ({
    lives: new Map([['a', { instance: 'a', killedAt: null, stops: [], ...life }]]),
  });

  it('is accounted for by whatever was recorded', () => {
    expect(account({ outcomes: new Map([[fireKey('job', 0, NOW), [outcome]]]) })).toBe('accounted');
  });

  it('is lost if its owner lived and recorded nothing', () => {
    expect(account({})).toBe('lost');
    expect(accountForFires(seen({}), NOW, NOW).lost).toEqual([{ job: 'job', item: 0, scheduledAt: NOW, owner: 'a' }]);
  });

  it('is lost although its owner was killed, if that was long after', () => {
    expect(account(ofA({ killedAt: NOW + 60_000 }))).toBe('lost');
    expect(account(ofA({ killedAt: NOW + 50 }))).toBe('cut-short');
    expect(account(ofA({ killedAt: NOW }))).toBe('without-owner');
  });

  it('is lost although its owner stood still, if it did so at another time', () => {
    expect(account(ofA({ stops: [{ from: NOW + 10, to: NOW + 5_000 }] }))).toBe('lost');
    expect(account(ofA({ stops: [{ from: NOW - 10, to: NOW + 5_000 }] }))).toBe('without-owner');
  });

  it('belongs to the owner that the plan names for its planned time', () => {
    const spans = [
      { after: NOW - 10_000, owners: ['dead'] },
      { after: NOW, owners: ['a'] },
    ];
    expect(account({ spans: new Map([['job', spans]]) })).toBe('without-owner');
  });

  it('that was run twice is told', () => {
    const runs = [run('a', 1n, 0), run('b', 2n, 200, { scheduledAt: NOW })];
    expect(accountForFires(seen({ runs }), NOW, NOW).runTwice).toBe(1);
  });

  it('that is executed again after a crash was not run twice', () => {
    const runs = [run('a', 1n, 0), run('b', 2n, 200, { scheduledAt: NOW, takeover: { from: 'a' } })];
    expect(accountForFires(seen({ runs }), NOW, NOW).runTwice).toBe(0);
  });
});

describe('a run that crashes', () => {
  const cut = { endedAt: null };
  const takeover = (from: string | null): Partial<Run> => ({ takeover: { from } });
  const killed = (instance: string, at: number): Partial<Observations> => {
    const lives = ['a', 'b', 'c'].map((id): [string, Life] => [
      id,
      { instance: id, killedAt: id === instance ? NOW + at : null, stops: [] },
    ]);
    return { lives: new Map(lives), departures: [departure(instance, 15n, at + 4_000)] };
  };
  const account = (runs: readonly Run[], more: Partial<Observations>): Record<string, number> => {
    const found = seen({ jobs: [{ ...JOB, failover: true }], runs, ...more });
    const { crashed, missing, unfounded, unseen } = accountForCrashes(found, NOW, NOW + 60_000);
    return { cut: crashed.length, missing: missing.length, twice: unfounded.length, unseen };
  };

  it('is to be executed again once', () => {
    const runs = [run('a', 10n, 0, cut), run('b', 20n, 4_100, takeover('a')), run('b', 30n, 5_000)];
    expect(account(runs, killed('a', 50))).toEqual({ cut: 1, missing: 0, twice: 0, unseen: 0 });
  });

  it('is missing if nobody took it over, also when its item runs on', () => {
    const runs = [run('a', 10n, 0, cut), run('b', 20n, 5_000)];
    expect(account(runs, killed('a', 50))).toEqual({ cut: 1, missing: 1, twice: 0, unseen: 0 });
  });

  it('must not be executed twice, by whomever', () => {
    const runs = [run('a', 10n, 0, cut), run('b', 20n, 4_100, takeover('a')), run('c', 30n, 4_300, takeover('a'))];
    expect(account(runs, killed('a', 50))).toEqual({ cut: 1, missing: 0, twice: 1, unseen: 0 });
  });

  it('of an instance that lives is none, and to take it over is wrong', () => {
    const runs = [run('a', 10n, 0), run('b', 20n, 4_100, takeover('a'))];
    expect(account(runs, killed('c', 50))).toEqual({ cut: 0, missing: 0, twice: 1, unseen: 0 });
  });

  it('is one also if its signal was aborted because its session was lost', () => {
    const aborted = { ...cut, abortedAt: NOW + 60, abortReason: 'SESSION_LOST' };
    const outcome: Outcome = { instance: 'a', kind: 'failure', reason: undefined, at: NOW + 60 };
    const outcomes = new Map([[fireKey('job', 0, NOW), [outcome]]]);
    expect(account([run('a', 10n, 0, aborted)], { outcomes })).toEqual({ cut: 1, missing: 1, twice: 0, unseen: 0 });
  });

  it('may have ended already, or not begun, if its mark still stood', () => {
    const runs = [run('a', 10n, 0), run('b', 20n, 4_100, takeover('a'))];
    expect(account(runs, killed('a', 110))).toEqual({ cut: 0, missing: 0, twice: 0, unseen: 1 });
  });

  it('again while it is taken over is another crash', () => {
    const runs = [run('a', 10n, 0, cut), run('b', 12n, 500, { ...takeover('a'), ...cut })];
    const more = killed('b', 600);
    const both = { ...more, departures: [departure('a', 11n, 400), ...(more.departures ?? [])] };
    expect(account(runs, both)).toEqual({ cut: 2, missing: 1, twice: 0, unseen: 0 });
    expect(account([...runs, run('c', 20n, 4_700, takeover('b'))], both)).toMatchObject({ cut: 2, missing: 0 });
  });

  it('waits from the departure of its instance to its takeover', () => {
    const runs = [run('a', 10n, 0, cut), run('b', 20n, 4_100, takeover('a'))];
    const found = seen({ jobs: [{ ...JOB, failover: true }], runs, ...killed('a', 50) });
    expect(accountForCrashes(found, NOW, NOW + 60_000).waits).toEqual([50]);
  });
});

describe('a run that was asked for', () => {
  const asked = (state: AskedRun['state'], reason: string | null = null): AskedRun => {
    return { job: 'job', item: 0, trigger: 't', state, reason };
  };
  const account = (one: AskedRun, runs: readonly Run[]): Partial<TriggerAccounts> => {
    const { wrong, run: told, ...counts } = accountForTriggers([one], runs);
    return { ...counts, run: told, wrong };
  };
  const call = (token: bigint, more: Partial<Run> = {}): Run => run('a', token, 0, { trigger: 't', ...more });

  it('is run once, or skipped for a reason', () => {
    expect(account(asked('done'), [call(1n), run('a', 2n, 0)])).toMatchObject({ run: 1, twice: 0, wrong: [] });
    expect(account(asked('skipped', 'paused'), [])).toMatchObject({ run: 0, skipped: { paused: 1 }, wrong: [] });
  });

  it('is run once more only where its crash is taken over', () => {
    const again = call(2n, { takeover: { from: 'a' } });
    expect(account(asked('done'), [call(1n), again])).toMatchObject({ twice: 0, wrong: [] });
    expect(account(asked('done'), [call(1n), call(2n)])).toMatchObject({ twice: 1, wrong: [asked('done')] });
  });

  it('is wrong if it is lost, has not ended, or is not what is told of it', () => {
    expect(account(asked('lost'), [call(1n)])).toMatchObject({ lost: 1, wrong: [asked('lost')] });
    expect(account(asked('open'), [])).toMatchObject({ open: 1, wrong: [asked('open')] });
    expect(account(asked('done'), [])).toMatchObject({ misreported: 1 });
    expect(account(asked('skipped', 'paused'), [call(1n)])).toMatchObject({ misreported: 1 });
  });
});

describe('a take-over', () => {
  const departures = [departure('a', 10n, 0)];

  it('lasts until another instance first calls user code', () => {
    const runs = [run('b', 30n, 1_700), run('b', 20n, 700), run('a', 9n, -50)];
    expect(takeovers(seen({ departures, runs }), 'job')).toEqual([700]);
  });

  it('is none if the former owner is the first to run the item again, or nobody does', () => {
    expect(takeovers(seen({ departures, runs: [run('a', 20n, 700), run('b', 30n, 900)] }), 'job')).toEqual([]);
    expect(takeovers(seen({ departures }), 'job')).toEqual([]);
  });

  it('is told by percentiles of the nearest rank', () => {
    expect(distribution([3, 1, 2, 4])).toEqual({ count: 4, p50: 2, p99: 4, max: 4 });
    expect(distribution([])).toEqual({ count: 0, p50: null, p99: null, max: null });
  });
});

describe('the ledger', () => {
  const write = (what: LedgerWrite['what'], token: string, item = 0): LedgerWrite => {
    return { what, token, item, job: 'job', scheduledAt: NOW, instance: 'a' };
  };

  it('refuses whoever is late, and nobody else', () => {
    const ledger = new Ledger();
    const answers = [
      write('begin', '9'),
      write('end', '9'),
      write('begin', '10'),
      write('end', '9'),
      write('begin', '9'),
    ]
      .concat(write('begin', '10'), write('begin', '9', 1), write('end', '10'))
      .map((each) => ledger.write(each).accepted);
    expect(answers).toEqual([true, true, true, false, false, false, true, true]);
  });
});
