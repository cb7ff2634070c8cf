import { ElasticJobModule, type ElasticJobModuleOptions } from '@elasticjob/nestjs';
import { Module } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { DigestJob } from './digest.job.js';
import { Draft } from './draft.js';
import { Operator } from './operator.js';
import { ReindexJob } from './reindex.job.js';
import { StickyStrategy } from './sticky.strategy.js';
import { Tally } from './tally.js';

/** What `forRootAsync` injects besides the configuration: it sees only global modules and those it imports. */
@Module({ providers: [Tally], exports: [Tally] })
class TallyModule {}

@Module({
  imports: [
    ConfigModule.forRoot({ isGlobal: true }),
    ElasticJobModule.forRootAsync({
      imports: [TallyModule],
      inject: [ConfigService, Tally],
      useFactory: (config: ConfigService, tally: Tally): ElasticJobModuleOptions => ({
        registry: registryFrom(config),
        traceSinks: [tally],
      }),
    }),
  ],
  providers: [Draft, DigestJob, ReindexJob, StickyStrategy, Operator],
})
export class AppModule {}

/** The ZooKeeper that the environment names, otherwise a registry within this process. */
function registryFrom(config: ConfigService): ElasticJobModuleOptions['registry'] {
  const connectString = config.get<string>('ZOOKEEPER');
  return connectString ? { connectString, namespace: 'async-config', sessionTimeoutMilliseconds: 10_000 } : 'embedded';
}
