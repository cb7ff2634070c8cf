import { type ShardingContext, SimpleJob, type SimpleJobHandler } from '@elasticjob/nestjs';
import { ElasticJobHarness, ElasticJobTestingModule } from '@elasticjob/nestjs/testing';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { expect, it } from 'vitest';

@Injectable()
class InvoiceService {
  async send(_city: string | undefined): Promise<void> {}
}

@Injectable()
@SimpleJob({
  name: 'invoice',
  cron: '0 0 2 * * ?',
  timeZone: 'UTC',
  shardingTotalCount: 2,
  shardingItemParameters: '0=Beijing,1=Shanghai',
})
class InvoiceJob implements SimpleJobHandler {
  constructor(private readonly invoices: InvoiceService) {}

  async execute(context: ShardingContext): Promise<void> {
    await this.invoices.send(context.shardingParameter);
  }
}

it('sends the invoices of every city at two in the morning', async () => {
  const cities: (string | undefined)[] = [];
  const invoices = { send: async (city: string | undefined) => void cities.push(city) };
  const app = await Test.createTestingModule({
    imports: [ElasticJobTestingModule.forTest({ startAt: '2027-01-01T00:00:00Z' })],
    providers: [InvoiceJob, { provide: InvoiceService, useValue: invoices }],
  }).compile();
  await app.init();
  const harness = app.get(ElasticJobHarness);

  await harness.advanceTo('2027-01-01T01:59:59Z');
  expect(harness.runs('invoice')).toEqual([]);

  await harness.advanceTo('2027-01-01T02:00:00Z');
  expect(cities).toEqual(['Beijing', 'Shanghai']);
  expect(harness.runs('invoice')).toMatchObject([
    { item: 0, success: true },
    { item: 1, success: true },
  ]);

  await harness.trigger('invoice');
  expect(cities).toHaveLength(4);

  await app.close();
});
