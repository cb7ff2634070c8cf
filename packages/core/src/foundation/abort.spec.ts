import { describe, expect, it } from 'vitest';
import { abortable, LazyAbort, onAbort, SessionLostError, StoppedError } from './abort.js';
import { deferred } from './deferred.js';

describe('an abort that nobody has looked at', () => {
  it('tells its reason to whoever looks later', () => {
    const abort = new LazyAbort();
    abort.abort(new StoppedError('first'));
    abort.abort(new SessionLostError());
    expect(abort.aborted).toBe(true);
    expect(abort.signal.aborted).toBe(true);
    expect(abort.signal.reason).toMatchObject({ code: 'STOPPED', message: 'first' });
    expect(() => abort.throwIfAborted()).toThrow('first');
  });

  it('reaches a signal that was taken before', () => {
    const abort = new LazyAbort();
    const { signal } = abort;
    expect(signal.aborted).toBe(false);
    expect(abort.signal).toBe(signal);
    abort.abort(new SessionLostError());
    expect(signal.reason).toMatchObject({ code: 'SESSION_LOST', retryable: true });
  });
});

describe('a signal that is lent', () => {
  it('aborts while the work goes on, and is another one for later work', async () => {
    const abort = new LazyAbort();
    const signals: AbortSignal[] = [];
    await abort.lend(async (signal) => void signals.push(signal));
    const release = deferred();
    const working = abort.lend(async (signal) => {
      signals.push(signal);
      await release.promise;
      return signal.aborted;
    });
    await abort.lend(async (signal) => void signals.push(signal));
    abort.abort(new StoppedError());
    release.resolve();
    expect(await working).toBe(true);
    expect(signals[0]).not.toBe(signals[1]);
    expect(signals[2]).toBe(signals[1]);
    expect(await abort.lend(async ({ aborted }) => aborted)).toBe(true);
  });

  it('stays the one that somebody has for good, also when the work fails', async () => {
    const abort = new LazyAbort();
    const { signal } = abort;
    await expect(abort.lend(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed');
    abort.abort(new StoppedError());
    expect(signal.aborted).toBe(true);
  });
});

describe('listening for an abort', () => {
  it('hears one that has been, at once', () => {
    const reasons: unknown[] = [];
    onAbort(AbortSignal.abort('gone'), (reason) => reasons.push(reason));
    expect(reasons).toEqual(['gone']);
  });

  it('hears nothing after the undo', () => {
    const controller = new AbortController();
    const reasons: unknown[] = [];
    onAbort(controller.signal, (reason) => reasons.push(reason))();
    controller.abort('gone');
    expect(reasons).toEqual([]);
  });
});

describe('waiting that can be called off', () => {
  it('settles like the work when nobody calls it off', async () => {
    expect(await abortable(Promise.resolve(1))).toBe(1);
    expect(await abortable(Promise.resolve(2), new AbortController().signal)).toBe(2);
    await expect(abortable(Promise.reject(new Error('no')), new AbortController().signal)).rejects.toThrow('no');
  });

  it('rejects with the reason as soon as it is called off, also before it began', async () => {
    const controller = new AbortController();
    const waiting = abortable(deferred().promise, controller.signal);
    controller.abort(new StoppedError('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await expect(abortable(deferred().promise, controller.signal)).rejects.toThrow('enough');
  });
});
