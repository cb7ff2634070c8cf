import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ExternalContextCreator } from '@nestjs/core';
import { expect, it } from 'vitest';

/** Else all tests of this project would pass without having seen Nest 11. */
it('the Nest under test is the one of this folder, in the oldest version that the module allows', () => {
  const installed = fileURLToPath(new URL('node_modules/@nestjs/core/package.json', import.meta.url));
  const range = fileURLToPath(new URL('../../packages/nest-module/package.json', import.meta.url));
  const { version } = JSON.parse(readFileSync(installed, 'utf8'));
  expect(JSON.parse(readFileSync(range, 'utf8')).peerDependencies['@nestjs/core']).toContain(`^${version}`);
  // Came with 12.
  expect(Object.getOwnPropertyNames(ExternalContextCreator.prototype)).not.toContain('getHostModuleKey');
});
