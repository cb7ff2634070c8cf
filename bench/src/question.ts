import type { ZooKeeperOptions } from '@elasticjob/core';

/** One line of the table. */
export interface Figure {
  /** What was measured, with its size: `1,000 jobs every second, memory registry`. */
  readonly subject: string;
  /** The figures with their units. */
  readonly figures: string;
  /** The same of the ElasticJob for Java, where it was asked for. */
  readonly java?: string;
  /** How many times as much it takes there; empty if that says nothing. */
  readonly factor?: string;
  /** What was promised; left out where a figure is only told. */
  readonly budget?: { readonly promise: string; readonly met: boolean };
}

/** The client library that the kernel stands on. */
export type KernelClient = NonNullable<ZooKeeperOptions['client']>;

/** Both of them, ours first. */
export const KERNEL_CLIENTS: readonly KernelClient[] = ['wire', 'native'];

/** What a person may choose. */
export interface Terms {
  /** Questions that depend on it are answered for each of these. */
  readonly clients: readonly KernelClient[];
}

/** A question about cost or speed, and how to answer it on this machine. */
export interface Question {
  /** What to call it on the command line. */
  readonly name: string;
  /** The question in words. */
  readonly asks: string;
  /** It needs more than the others, is answered only if it is named, and its figures have a place of their own. */
  readonly isApart?: true;
  /** Measures; `say` tells a waiting person what is going on. */
  answer(say: (progress: string) => void, terms: Terms): Promise<Figure[]>;
}

/** The budget "`value` is at most `limit`". */
export function atMost(value: number, limit: number, promise: string): Figure['budget'] {
  return { promise, met: value <= limit };
}

/** The budget "`value` is at least `limit`". */
export function atLeast(value: number, limit: number, promise: string): Figure['budget'] {
  return { promise, met: value >= limit };
}
