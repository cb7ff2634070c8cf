import { expect, it } from 'vitest';
import type { Lifecycle } from './lifecycle.js';

/** The cases every {@link Lifecycle} passes; `isRunning` tells from outside whether the thing works. */
export function lifecycleContract(create: () => { subject: Lifecycle; isRunning: () => boolean }): void {
  it('is stopped safely before it was started', async () => {
    const { subject, isRunning } = create();
    await subject.stop();
    expect(isRunning()).toBe(false);
  });

  it('starts once, however often it is asked to', async () => {
    const { subject, isRunning } = create();
    await Promise.all([subject.start(), subject.start()]);
    expect(isRunning()).toBe(true);
    await subject.stop();
  });

  it('runs nothing any more once stop has resolved', async () => {
    const { subject, isRunning } = create();
    await subject.start();
    await subject.stop();
    expect(isRunning()).toBe(false);
  });

  it('is stopped safely twice, also at the same time', async () => {
    const { subject, isRunning } = create();
    await subject.start();
    await Promise.all([subject.stop(), subject.stop()]);
    await subject.stop();
    expect(isRunning()).toBe(false);
  });
}
