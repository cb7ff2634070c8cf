import { PropReader } from '../execution/prop-reader.js';
import type { Secrets } from '../execution/secrets.js';
import { type Clock, systemClock } from '../foundation/clock.js';
import { type Logger, silentLogger } from '../foundation/logger.js';
import { Deliveries } from './deliveries.js';
import { Moderation } from './moderation.js';
import type { Notice } from './notice.js';
import type { Channel, Send } from './notifying-handler.js';

/** A failure to tell of. */
export const NOTICE: Notice = {
  jobName: 'invoice',
  item: 2,
  instanceId: '10.0.0.1@-@7',
  at: Date.UTC(2027, 0, 2, 3, 4, 5),
  omitted: 0,
  error: {
    name: 'Error',
    message: 'no paper',
    code: undefined,
    trace: 'Error: no paper\n    at print (printer.js:1:1)',
  },
};

/** What a test may choose. */
export interface ChannelSetting {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly secrets?: Secrets;
}

/** Opens a channel with the props of a job, as its error handler does; throws what is wrong with them. */
export function openChannel(
  channel: Channel,
  props: Readonly<Record<string, string>>,
  { clock = systemClock, logger = silentLogger, secrets = {} }: ChannelSetting = {},
): Send {
  const reader = new PropReader({ jobName: 'invoice', props }, secrets);
  const deliveries = new Deliveries(clock, logger, { drainTimeoutMs: 0, abortGraceMs: 0 });
  const moderation = new Moderation(clock, Number.POSITIVE_INFINITY, deliveries);
  const send = channel.open(reader, { clock, logger, secrets, moderation, instanceId: NOTICE.instanceId });
  reader.check();
  return send;
}

/** A signal that never aborts. */
export function never(): AbortSignal {
  return new AbortController().signal;
}
