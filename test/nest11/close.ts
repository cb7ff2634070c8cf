import { NestApplicationContext } from '@nestjs/core';

/**
 * Nest 11 closes an application that failed to start by rejecting with the reason once more; Nest 12 does not. Our tests
 * close what they have started, whatever became of it.
 */
const { close } = NestApplicationContext.prototype;

NestApplicationContext.prototype.close = async function (this: NestApplicationContext, signal?: string): Promise<void> {
  const started: Promise<unknown> = Promise.resolve(Reflect.get(this, 'initializationPromise'));
  const hasStarted = await started.then(
    () => true,
    () => false,
  );
  if (hasStarted) await close.call(this, signal);
};
