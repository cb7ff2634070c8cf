import { fileURLToPath } from 'node:url';
import { ScriptJob } from '@elasticjob/nestjs';
import { Injectable } from '@nestjs/common';

const script = fileURLToPath(new URL('../scripts/clean-up.sh', import.meta.url));

/** Runs a shell script per item, every four seconds. What it prints goes to the log. */
@Injectable()
@ScriptJob({
  name: 'clean-up',
  cron: '0/4 * * * * ?',
  shardingTotalCount: 2,
  shardingItemParameters: '0=uploads,1=sessions',
  command: `"${script}"`,
})
export class CleanUpJob {}
