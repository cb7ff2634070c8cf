import { parseArgs } from 'node:util';
import { Engine } from '@elasticjob/nestjs';
import { NestFactory } from '@nestjs/core';
import { AlertReceiver } from './alert-receiver.js';
import { AppModule } from './app.module.js';
import { REGIONS, Shop } from './shop.js';

const HELP = `Asks a web server to do the work, one request for each item, and tells a webhook what fails.

  npm run http                      until Ctrl-C
  npm run http -- --seconds 6       stops by itself; exits 0 only if every item was asked for, and each failure was told

  SHOP_TOKEN=…, ALERT_KEY=…         the secrets; without them other ones each time
`;

const command = readCommand();
if (typeof command === 'object') await run(command.seconds);
else if (command === 'help') process.stdout.write(HELP);
else {
  process.stderr.write(`${command}\n\n${HELP}`);
  process.exitCode = 2;
}

/** What is to be done, or what is wrong with the command line. */
function readCommand(): { readonly seconds: number | null } | string {
  try {
    const { values } = parseArgs({ options: { seconds: { type: 'string' }, help: { type: 'boolean' } } });
    if (values.help) return 'help';
    const seconds = values.seconds === undefined ? null : Number(values.seconds);
    if (seconds === null || seconds > 0) return { seconds };
    return `--seconds: seen '${values.seconds}', expected a number above 0`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Starts the application, and ends it after so many seconds or on the first signal, whichever comes first. */
async function run(seconds: number | null): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
    if (seconds !== null) setTimeout(resolve, seconds * 1_000);
  });
  const app = await NestFactory.createApplicationContext(AppModule);
  const stored = await app.get(Engine).operations.queries.configuration('close-day', { secrets: true });
  process.stdout.write(`what the registry knows of the address: ${stored.definition?.props['http.uri']}\n`);
  await ended;
  process.stdout.write('stopping: no new runs, waiting for those under way and for their alerts\n');
  await app.close();

  const [shop, receiver] = [app.get(Shop), app.get(AlertReceiver)];
  const closings = REGIONS.map((region) => `${region} ×${shop.closings.get(region) ?? 0}`).join('  ');
  process.stdout.write(`asked: ${closings}; strangers: ${shop.strangers}\n`);
  process.stdout.write(`alerts: ${receiver.alerts.length}; refused: ${receiver.refused}\n`);
  const missing = REGIONS.filter((region) => !shop.closings.has(region));
  const untold = (shop.closings.get('America') ?? 0) - receiver.alerts.length;
  if (seconds === null || (missing.length === 0 && untold === 0 && shop.strangers === 0)) return;
  process.stderr.write(`never asked: ${missing.join(', ') || 'none'}; failures that nobody was told of: ${untold}\n`);
  process.exitCode = 1;
}
