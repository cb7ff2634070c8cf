import { describe, expect, it } from 'vitest';
import { StoppedError } from '../foundation/abort.js';
import { silentLogger } from '../foundation/logger.js';
import type { ShardingContext } from '../job/context.js';
import { defineJob } from '../job/define-job.js';
import type { DataflowJobHandler, FetchedData, JobHandler } from '../job/handlers.js';
import { dataflowJob } from './dataflow-job.js';

const once = defineJob({ name: 'orders', shardingTotalCount: 1 });
const streaming = { ...once, props: { 'streaming.process': 'true' } };

function contextWith(signal: AbortSignal): ShardingContext {
  return {
    jobName: 'orders',
    taskId: 't',
    shardingTotalCount: 1,
    jobParameter: '',
    shardingItem: 0,
    shardingParameter: undefined,
    scheduledAt: 0,
    trigger: undefined,
    window: undefined,
    signal,
    fencingToken: undefined,
  };
}

/** Fetches what it is given, then nothing; keeps what was processed. */
class Orders implements DataflowJobHandler<number> {
  readonly processed: (readonly number[])[] = [];
  fetches = 0;
  onProcess: () => void = () => undefined;

  constructor(private readonly fetched: readonly FetchedData<number>[]) {}

  fetchData(): FetchedData<number> {
    return this.fetched[this.fetches++];
  }

  async processData(_context: ShardingContext, data: readonly number[]): Promise<void> {
    this.processed.push(data);
    this.onProcess();
  }
}

/** Yields the batches; `closed` tells whether it was ended or returned from. */
class Source implements AsyncIterable<readonly number[]> {
  closed = false;
  pulled = 0;

  constructor(private readonly batches: readonly (readonly number[])[]) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<readonly number[]> {
    try {
      for (const batch of this.batches) {
        this.pulled++;
        yield batch;
      }
    } finally {
      this.closed = true;
    }
  }
}

interface Given {
  readonly definition?: typeof once;
  readonly signal?: AbortSignal;
  readonly mayContinue?: () => boolean;
}

function execute(handler: JobHandler, given: Given = {}): Promise<void> {
  const { definition = once, signal = new AbortController().signal, mayContinue = () => true } = given;
  return dataflowJob.prepare(definition, handler)(contextWith(signal), { logger: silentLogger, mayContinue });
}

describe('a dataflow job, once per run', () => {
  it('fetches and processes one batch', async () => {
    const orders = new Orders([[1, 2], [3]]);
    await execute(orders);
    expect(orders.processed).toEqual([[1, 2]]);
    expect(orders.fetches).toBe(1);
  });

  it.each([[null], [undefined], [[]]])('does not process %j', async (nothing) => {
    const orders = new Orders([nothing]);
    await execute(orders);
    expect(orders.processed).toEqual([]);
  });

  it('processes all batches of an async iterable, leaving out empty ones', async () => {
    const source = new Source([[1], [], [2, 3]]);
    const orders = new Orders([source]);
    await execute(orders);
    expect(orders.processed).toEqual([[1], [2, 3]]);
    expect(source.closed).toBe(true);
    expect(orders.fetches).toBe(1);
  });

  it('fails as fetching or processing does', async () => {
    const badFetch = { fetchData: () => Promise.reject(new Error('no fetch')), processData: () => undefined };
    const badProcess = {
      fetchData: () => [1],
      processData: () => {
        throw new Error('no process');
      },
    };
    await expect(execute(badFetch)).rejects.toThrow('no fetch');
    await expect(execute(badProcess)).rejects.toThrow('no process');
  });

  it('closes the iterable when processing fails', async () => {
    const source = new Source([[1], [2]]);
    const orders = new Orders([source]);
    orders.onProcess = () => {
      throw new Error('no process');
    };
    await expect(execute(orders)).rejects.toThrow('no process');
    expect(source).toMatchObject({ closed: true, pulled: 1 });
  });

  it.each<[string, unknown]>([
    ['a text', 'abc'],
    ['an object', { rows: [1] }],
    ['a number', 7],
    ['rows instead of batches', new Source([7 as unknown as number[]])],
  ])('refuses %s', async (_what, fetched) => {
    const orders = new Orders([fetched as FetchedData<number>]);
    await expect(execute(orders)).rejects.toThrow(
      /fetchData of job 'orders' gave a batch of type \w+; return an array/,
    );
    expect(orders.processed).toEqual([]);
  });
});

describe('a streaming dataflow job', () => {
  it('goes on until a fetch brings nothing', async () => {
    const orders = new Orders([[1], [2], [], [3]]);
    await execute(orders, { definition: streaming });
    expect(orders.processed).toEqual([[1], [2]]);
    expect(orders.fetches).toBe(3);
  });

  it('goes on until an iterable brings nothing', async () => {
    const orders = new Orders([new Source([[1], [2]]), new Source([[3]]), new Source([[], []]), [4]]);
    await execute(orders, { definition: streaming });
    expect(orders.processed).toEqual([[1], [2], [3]]);
  });

  it('ends quietly after its batch when the item is no longer its own', async () => {
    let mine = true;
    const orders = new Orders([[1], [2], [3]]);
    orders.onProcess = () => {
      mine = orders.processed.length < 2;
    };
    await execute(orders, { definition: streaming, mayContinue: () => mine });
    expect(orders.processed).toEqual([[1], [2]]);
    expect(orders.fetches).toBe(2);
  });

  it('closes its iterable when the item is no longer its own', async () => {
    const source = new Source([[1], [2]]);
    await execute(new Orders([source]), { definition: streaming, mayContinue: () => false });
    expect(source).toMatchObject({ closed: true, pulled: 1 });
  });

  it('fails with the reason when it is told to stop, after its batch', async () => {
    const abort = new AbortController();
    const orders = new Orders([[1], [2]]);
    orders.onProcess = () => abort.abort(new StoppedError());
    await expect(execute(orders, { definition: streaming, signal: abort.signal })).rejects.toBeInstanceOf(StoppedError);
    expect(orders).toMatchObject({ processed: [[1]], fetches: 1 });
  });

  it('closes its iterable, without asking for more, when it is told to stop', async () => {
    const abort = new AbortController();
    const source = new Source([[1], [2]]);
    const orders = new Orders([source]);
    orders.onProcess = () => abort.abort(new StoppedError());
    await expect(execute(orders, { signal: abort.signal })).rejects.toBeInstanceOf(StoppedError);
    expect(source).toMatchObject({ closed: true, pulled: 1 });
  });

  it('does not process what it fetched while it was told to stop', async () => {
    const abort = new AbortController();
    const orders = new Orders([[1]]);
    const handler: JobHandler = {
      fetchData: () => {
        abort.abort(new StoppedError());
        return [1];
      },
      processData: (context: ShardingContext, data) => orders.processData(context, data as number[]),
    };
    await expect(execute(handler, { signal: abort.signal })).rejects.toBeInstanceOf(StoppedError);
    expect(orders.processed).toEqual([]);
  });

  it('does not fetch at all when it was told to stop before', async () => {
    const orders = new Orders([[1]]);
    await expect(execute(orders, { signal: AbortSignal.abort(new StoppedError()) })).rejects.toBeInstanceOf(
      StoppedError,
    );
    expect(orders.fetches).toBe(0);
  });

  it('lets the event loop turn, though its handler never really waits', async () => {
    const abort = new AbortController();
    setImmediate(() => setImmediate(() => abort.abort(new StoppedError())));
    const endless: JobHandler = { fetchData: () => [1], processData: () => undefined };
    await expect(execute(endless, { definition: streaming, signal: abort.signal })).rejects.toBeInstanceOf(
      StoppedError,
    );
  });
});

describe('choosing dataflow', () => {
  const accepts = (handler: object): boolean => dataflowJob.accepts(once, handler as JobHandler);
  const method = () => undefined;

  it('takes a handler that fetches and processes', () => {
    expect(accepts({ fetchData: method, processData: method })).toBe(true);
    expect(dataflowJob.accepts(once, undefined)).toBe(false);
  });

  it('leaves a handler that executes, with one method of that name by chance, to simple jobs', () => {
    expect(accepts({ execute: method, processData: method })).toBe(false);
  });

  it.each([
    ['processData', { fetchData: method }],
    ['fetchData', { processData: method }],
  ])('says that %s is missing', (missing, handler) => {
    expect(accepts(handler)).toBe(true);
    expect(() => dataflowJob.prepare(once, handler as unknown as JobHandler)).toThrow(
      `job 'orders' is a dataflow job, but its handler has no method '${missing}'`,
    );
  });
});
