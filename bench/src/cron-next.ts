import { type CronSchedule, parseCron, systemClock } from '@elasticjob/core';
import { atLeast, type Figure, type Question } from './question.js';
import { figure, median } from './statistics.js';

/** From what every second to what is rare, in both dialects, with and without changes of the clocks. */
const EXPRESSIONS = [
  { text: '* * * * * ?', timeZone: 'UTC' },
  { text: '0/5 * * * * ?', timeZone: 'Asia/Shanghai' },
  { text: '0 30 2 * * ?', timeZone: 'Europe/Berlin' },
  { text: '0 15 10 ? * 6L', timeZone: 'America/New_York' },
  { text: '0 0 12 29 2 ?', timeZone: 'Europe/Berlin' },
  { text: '*/10 9-17 * * 1-5', timeZone: 'Europe/Berlin' },
] as const;

const ROUNDS = 5;
const ROUND_MS = 300;
const BUDGET_PER_SECOND = 200_000;
const START = Date.UTC(2027, 0, 1);
/** Searches go on from their last answer up to this instant and then start over, so that no cache of one year helps. */
const END = Date.UTC(2090, 0, 1);

/** How many next fires are found per second? One search follows the other, as the timer of a job asks for them. */
export const cronNext: Question = {
  name: 'cron-next',
  asks: 'How many next fires of a cron expression are found per second?',
  async answer(say) {
    return EXPRESSIONS.map(({ text, timeZone }): Figure => {
      say(`${text} in ${timeZone}: ${ROUNDS} rounds of ${ROUND_MS} ms`);
      const schedule = parseCron(text, { timeZone });
      searchesPerSecond(schedule);
      const rates = Array.from({ length: ROUNDS }, () => searchesPerSecond(schedule));
      const rate = median(rates);
      return {
        subject: `cron next, ${text} in ${timeZone}`,
        figures: `${figure(rate)}/s (lowest of ${ROUNDS} rounds ${figure(Math.min(...rates))}/s)`,
        budget: atLeast(rate, BUDGET_PER_SECOND, `≥ ${figure(BUDGET_PER_SECOND)}/s`),
      };
    });
  },
};

function searchesPerSecond(schedule: CronSchedule): number {
  const start = systemClock.monotonic();
  let searches = 0;
  let at = START;
  let elapsed = 0;
  while (elapsed < ROUND_MS) {
    // The clock is looked at every thousand searches only, since a look costs about as much as a search.
    for (let turn = 0; turn < 1000; turn++) {
      const next = schedule.next(at) ?? END;
      at = next < END ? next : START;
    }
    searches += 1000;
    elapsed = systemClock.monotonic() - start;
  }
  return (searches / elapsed) * 1000;
}
