import { HttpJob } from '@elasticjob/nestjs';
import { Injectable } from '@nestjs/common';
import { AlertReceiver } from './alert-receiver.js';
import { REGIONS, Shop } from './shop.js';

/**
 * Tells the shop to close the day, one request for each region. There is no handler: the request is the job, and an
 * answer other than 200 to 299 is a failure. Of a failure the receiver of alerts is told.
 *
 * What is in braces stands in the registry as it stands here; each process puts in its own secret.
 */
@Injectable()
@HttpJob({
  name: 'close-day',
  cron: '0/2 * * * * ?',
  shardingTotalCount: REGIONS.length,
  shardingItemParameters: REGIONS.map((region, item) => `${item}=${region}`).join(),
  uri: (shop: Shop) => `${shop.address}/close-day?token={secret:SHOP_TOKEN}`,
  method: 'POST',
  data: 'day=today',
  readTimeoutMs: 1_000,
  jobErrorHandlerType: 'WEBHOOK',
  props: (_: Shop, alerts: AlertReceiver) => ({
    'webhook.url': `${alerts.address}/alerts`,
    'webhook.secret': '{secret:ALERT_KEY}',
  }),
  inject: [Shop, AlertReceiver],
})
export class CloseDayJob {}
