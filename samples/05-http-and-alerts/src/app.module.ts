import { randomBytes } from 'node:crypto';
import { ElasticJobModule, type ElasticJobModuleOptions } from '@elasticjob/nestjs';
import { Module } from '@nestjs/common';
import { AlertReceiver } from './alert-receiver.js';
import { CloseDayJob } from './close-day.job.js';
import { Shop } from './shop.js';

/** From the environment, as in production; without it another one each time. */
const SECRETS = {
  SHOP_TOKEN: process.env.SHOP_TOKEN ?? randomBytes(16).toString('hex'),
  ALERT_KEY: process.env.ALERT_KEY ?? randomBytes(16).toString('hex'),
};

@Module({
  imports: [
    ElasticJobModule.forRootAsync({
      // Only what is listed here can be referred to by a job, not the whole environment.
      useFactory: (): ElasticJobModuleOptions => ({ registry: 'embedded', secrets: SECRETS }),
    }),
  ],
  providers: [
    { provide: Shop, useFactory: () => new Shop(SECRETS.SHOP_TOKEN).start() },
    { provide: AlertReceiver, useFactory: () => new AlertReceiver(SECRETS.ALERT_KEY).start() },
    CloseDayJob,
  ],
})
export class AppModule {}
