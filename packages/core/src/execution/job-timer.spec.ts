import { describe, expect, it } from 'vitest';
import { ManualClock } from '../foundation/clock.js';
import { silentLogger } from '../foundation/logger.js';
import { AlarmClock } from '../schedule/alarm-clock.js';
import { parseCron } from '../schedule/cron.js';
import { type DueFire, JobTimer } from './job-timer.js';

const AT = Date.parse('2027-01-01T00:00:00Z');
const SECONDLY = parseCron('* * * * * *', { timeZone: 'UTC' });

async function begin(): Promise<{ clock: ManualClock; timer: JobTimer; fires: DueFire[] }> {
  const clock = new ManualClock(AT);
  const alarms = new AlarmClock(clock, silentLogger);
  await alarms.start();
  const fires: DueFire[] = [];
  return {
    clock,
    fires,
    timer: new JobTimer(
      alarms,
      () => clock.now(),
      (fire) => fires.push(fire),
    ),
  };
}

describe('the timer of a job', () => {
  it('fires at each planned time, until it is told to stop', async () => {
    const { clock, timer, fires } = await begin();
    timer.set(SECONDLY);
    await clock.advance(2_500);
    timer.set(null);
    await clock.advance(2_500);
    expect(fires.map(({ scheduledAt }) => scheduledAt - AT)).toEqual([1_000, 2_000]);
  });

  it.each([null, parseCron('30 * * * * *', { timeZone: 'UTC' })])(
    'does not forget a fire that is due but has not been heard of yet when it is set to %s',
    async (schedule) => {
      const { clock, timer, fires } = await begin();
      timer.set(SECONDLY);
      clock.setWallTime(AT + 1_003);
      timer.set(schedule);
      expect(fires).toEqual([{ scheduledAt: AT + 1_000, missed: [], isLate: false }]);
      await clock.advance(2_000);
      expect(fires).toHaveLength(1);
    },
  );

  it('runs the last of the fires that came while nobody looked, and tells of the others', async () => {
    const { clock, timer, fires } = await begin();
    timer.set(SECONDLY);
    clock.setWallTime(AT + 4_200);
    await clock.advance(30_000);
    expect(fires[0]).toMatchObject({ missed: expect.arrayContaining([AT + 1_000, AT + 2_000, AT + 3_000]) });
    const [first] = fires;
    expect(first?.missed).not.toContain(first?.scheduledAt);
  });
});
