import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it } from 'vitest';
import { ElasticJobModule, Engine, type ShardingContext, SimpleJob, type SimpleJobHandler } from './index.js';
import { ElasticJobHarness, ElasticJobTestingModule } from './testing.js';

const START = Date.parse('2027-01-01T00:00:00Z');

describe('testing', () => {
  it('runs', async () => {
    const seen: string[] = [];
    @Injectable()
    class Service {
      say(x: string) {
        seen.push(x);
      }
    }
    @Injectable()
    @SimpleJob({ name: 'invoice', cron: '0 0/5 * * * ?', shardingTotalCount: 3, shardingItemParameters: '0=a,1=b,2=c' })
    class InvoiceJob implements SimpleJobHandler {
      constructor(private readonly service: Service) {}
      async execute(context: ShardingContext): Promise<void> {
        await new Promise((r) => setTimeout(r, 20));
        this.service.say(`${context.shardingParameter}`);
      }
    }
    const app = await Test.createTestingModule({
      imports: [ElasticJobTestingModule.forTest()],
      providers: [Service, InvoiceJob],
    }).compile();
    await app.init();
    const h = app.get(ElasticJobHarness);
    await h.advanceTo('2027-01-01T00:15:00Z');
    console.log(h.runs('invoice'));
    await h.trigger('invoice');
    console.log(h.runs('invoice').slice(-3), seen);
    await app.close();
    expect(h.clock.pendingTimers).toBe(0);
  }, 10_000);
});
