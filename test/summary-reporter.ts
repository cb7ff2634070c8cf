import type { Reporter, TestModule } from 'vitest/node';

interface Failure {
  readonly where: string;
  readonly why: string;
}

/**
 * Prints what a person or a script reads last: each failure on a line of its own, `failed: file > scenario: reason`, and
 * then `N passed, N failed`. Of a long run often only the end is kept.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly { message: string; stack?: string }[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    const failures: Failure[] = [
      ...tests
        .filter((test) => test.result().state === 'failed')
        .map((test) => ({
          where: `${test.module.relativeModuleId} > ${test.fullName}`,
          why: messages(test.result().errors),
        })),
      ...modules
        .filter((module) => module.state() === 'failed' && module.errors().length > 0)
        .map((module) => ({ where: module.relativeModuleId, why: messages(module.errors()) })),
      ...unhandled.map(({ message, stack }) => ({ where: 'outside of a test', why: stack ?? message })),
    ];
    for (const { where, why } of failures) process.stdout.write(`failed: ${where}: ${why.replaceAll(/\s+/g, ' ')}\n`);
    process.stdout.write(`${passed} passed, ${failures.length} failed\n`);
  }
}

const messages = (errors: readonly { message: string }[] | undefined): string =>
  (errors ?? []).map(({ message }) => message).join('; ');
