import { describe, expect, it } from 'vitest';
import { readDocument } from './json-document.js';

describe('a document below a job', () => {
  it('is an object of version 1', () => {
    expect(readDocument('{"v":1,"by":"ops"}')).toEqual({ v: 1, by: 'ops' });
  });

  it.each(['', 'paused', 'null', '1', '"v"', '[]', '{}', '{"v":2}', '{"v":1'])('is nothing else: %s', (text) => {
    expect(readDocument(text)).toBeNull();
  });
});
