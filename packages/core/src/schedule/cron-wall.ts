import { civilDate, dayNumber, daysOfMonth } from './cron-days.js';
import { atOrAfter, atOrBefore, type CronFields } from './cron-fields.js';

/*
 * The search on the local calendar, where no day has a gap. A "wall" time is a count of seconds from 1970-01-01 00:00:00
 * as a clock on the wall shows them. Every loop runs over at most the months from 1970 to 2099.
 */

/** What a search returns that found nothing. */
export const NO_WALL = Number.NaN;

const DAY = 86_400;

/** The first wall time at or after `wall` that the fields mean, or {@link NO_WALL}. */
export function wallAtOrAfter(fields: CronFields, wall: number): number {
  const today = Math.floor(wall / DAY);
  let day = dayAtOrAfter(fields, today);
  if (day === today) {
    const time = timeAtOrAfter(fields, wall - today * DAY);
    if (time >= 0) return day * DAY + time;
    day = dayAtOrAfter(fields, today + 1);
  }
  return day * DAY + secondOfDay(fields.hour.first, fields.minute.first, fields.second.first);
}

/** The last wall time at or before `wall` that the fields mean, or {@link NO_WALL}. */
export function wallAtOrBefore(fields: CronFields, wall: number): number {
  const today = Math.floor(wall / DAY);
  let day = dayAtOrBefore(fields, today);
  if (day === today) {
    const time = timeAtOrBefore(fields, wall - today * DAY);
    if (time >= 0) return day * DAY + time;
    day = dayAtOrBefore(fields, today - 1);
  }
  return day * DAY + secondOfDay(fields.hour.last, fields.minute.last, fields.second.last);
}

const secondOfDay = (hour: number, minute: number, second: number): number => hour * 3600 + minute * 60 + second;

function timeAtOrAfter(fields: CronFields, time: number): number {
  const hour = (time / 3600) | 0;
  const minute = ((time % 3600) / 60) | 0;
  if (atOrAfter(fields.hour, hour) === hour) {
    if (atOrAfter(fields.minute, minute) === minute) {
      const second = atOrAfter(fields.second, time % 60);
      if (second >= 0) return secondOfDay(hour, minute, second);
    }
    const later = atOrAfter(fields.minute, minute + 1);
    if (later >= 0) return secondOfDay(hour, later, fields.second.first);
  }
  const later = atOrAfter(fields.hour, hour + 1);
  return later < 0 ? -1 : secondOfDay(later, fields.minute.first, fields.second.first);
}

function timeAtOrBefore(fields: CronFields, time: number): number {
  const hour = (time / 3600) | 0;
  const minute = ((time % 3600) / 60) | 0;
  if (atOrBefore(fields.hour, hour) === hour) {
    if (atOrBefore(fields.minute, minute) === minute) {
      const second = atOrBefore(fields.second, time % 60);
      if (second >= 0) return secondOfDay(hour, minute, second);
    }
    const earlier = atOrBefore(fields.minute, minute - 1);
    if (earlier >= 0) return secondOfDay(hour, earlier, fields.second.last);
  }
  const earlier = atOrBefore(fields.hour, hour - 1);
  return earlier < 0 ? -1 : secondOfDay(earlier, fields.minute.last, fields.second.last);
}

function dayAtOrAfter(fields: CronFields, from: number): number {
  const start = civilDate(from);
  for (let year = atOrAfter(fields.year, start.year); year >= 0; year = atOrAfter(fields.year, year + 1)) {
    const firstMonth = year === start.year ? start.month : 1;
    for (let month = atOrAfter(fields.month, firstMonth); month >= 0; month = atOrAfter(fields.month, month + 1)) {
      const passed = year === start.year && month === start.month ? start.day - 1 : 0;
      const days = (daysOfMonth(fields.days, year, month) >>> passed) << passed;
      if (days !== 0) return dayNumber(year, month, 32 - Math.clz32(days & -days));
    }
  }
  return NO_WALL;
}

function dayAtOrBefore(fields: CronFields, from: number): number {
  if (from < 0) return NO_WALL;
  const start = civilDate(from);
  for (let year = atOrBefore(fields.year, start.year); year >= 0; year = atOrBefore(fields.year, year - 1)) {
    const lastMonth = year === start.year ? start.month : 12;
    for (let month = atOrBefore(fields.month, lastMonth); month >= 0; month = atOrBefore(fields.month, month - 1)) {
      const ahead = year === start.year && month === start.month ? 31 - start.day : 0;
      const days = daysOfMonth(fields.days, year, month) & (0x7fffffff >>> ahead);
      if (days !== 0) return dayNumber(year, month, 32 - Math.clz32(days));
    }
  }
  return NO_WALL;
}
