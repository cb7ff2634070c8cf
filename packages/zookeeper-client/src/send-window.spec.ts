import { describe, expect, it } from 'vitest';
import { SendWindow } from './send-window.js';

describe('the window of what is under way', () => {
  it('has room for 512 frames, and for more when half of them have been answered', () => {
    const window = new SendWindow();
    expect(window.room).toBe(512);
    window.sent(500, 1);
    expect(window.room).toBe(0);
    for (let count = 0; count < 244; count++) window.answered();
    expect(window.room).toBe(256);
  });

  it('has room while few are under way', () => {
    const window = new SendWindow();
    window.sent(1, 1);
    expect(window.room).toBe(511);
  });

  it('knows when the frame was written that has just been answered, and the oldest that has not', () => {
    const window = new SendWindow();
    window.sent(2, 10);
    window.sent(1, 20);
    expect(window.oldestSentAt).toBe(10);
    expect([window.answered(), window.answered()]).toEqual([10, 10]);
    expect(window.oldestSentAt).toBe(20);
    expect(window.answered()).toBe(20);
    expect([window.oldestSentAt, window.answered()]).toEqual([undefined, undefined]);
  });
});
