import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const shared = {
  resolve: {
    alias: [
      {
        find: /^@elasticjob\/zookeeper-client$/,
        replacement: source('packages/zookeeper-client/src/index.ts'),
      },
      { find: /^@elasticjob\/core\/driver$/, replacement: source('packages/core/src/driver.ts') },
      { find: /^@elasticjob\/core\/testing$/, replacement: source('packages/core/src/testing.ts') },
      { find: /^@elasticjob\/core$/, replacement: source('packages/core/src/index.ts') },
      { find: /^@elasticjob\/nestjs\/testing$/, replacement: source('packages/nest-module/src/testing.ts') },
      { find: /^@elasticjob\/nestjs$/, replacement: source('packages/nest-module/src/index.ts') },
      { find: /^@elasticjob\/test-support$/, replacement: source('test/support/src/index.ts') },
      { find: /^@elasticjob\/interop$/, replacement: source('test/interop/src/index.ts') },
    ],
  },
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
};

/** Where the oldest Nest that we support is installed, beside the one that we develop with. */
const nest11 = source('test/nest11/node_modules/@nestjs');

export default defineConfig({
  test: {
    reporters: ['default', source('test/summary-reporter.ts')],
    projects: [
      {
        ...shared,
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.spec.ts',
            'test/*.spec.ts',
            'test/kernel/**/*.spec.ts',
            'test/nest/**/*.spec.ts',
          ],
          testTimeout: 20_000,
        },
      },
      {
        ...shared,
        test: {
          // Busy on all cores by itself: one file at a time, and nothing beside it.
          name: 'simulation',
          include: ['test/simulation/src/**/*.spec.ts'],
          testTimeout: 20_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ...shared,
        resolve: { alias: [{ find: /^@nestjs\//, replacement: `${nest11}/` }, ...shared.resolve.alias] },
        test: {
          name: 'nest11',
          include: ['packages/nest-module/src/**/*.spec.ts', 'test/nest11/*.spec.ts'],
          setupFiles: [source('test/nest11/close.ts')],
          testTimeout: 20_000,
        },
      },
      {
        ...shared,
        test: {
          // Waits for servers most of the time: more files than cores at a time, and nothing busy beside them.
          name: 'zookeeper',
          maxWorkers: 3,
          sequence: { groupOrder: 2 },
          include: [
            'test/zookeeper/**/*.spec.ts',
            'test/zookeeper-client/**/*.spec.ts',
            'test/faults/**/*.spec.ts',
            'test/samples/**/*.spec.ts',
          ],
          globalSetup: [source('test/zookeeper/global-setup.ts')],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        ...shared,
        test: {
          // Not part of `npm test`: it needs a JDK and Maven. `npm run test:interop` runs it.
          name: 'interop',
          include: ['test/interop/**/*.spec.ts'],
          globalSetup: [source('test/interop/global-setup.ts')],
          testTimeout: 90_000,
          hookTimeout: 300_000,
        },
      },
    ],
    maxWorkers: 2,
  },
});
