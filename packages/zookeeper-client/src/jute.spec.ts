import { describe, expect, it } from 'vitest';
import { JuteWriter } from './jute.js';

describe('a frame that is dropped', () => {
  it('leaves what was written before it, and gives back the memory that it took', () => {
    const writer = new JuteWriter();
    writer.beginFrame();
    writer.int(7);
    writer.endFrame();
    writer.beginFrame();
    writer.string('x'.repeat(5_000_000));
    expect(writer.endFrame()).toBe(5_000_004);
    writer.dropFrame();
    const kept = writer.take();
    expect(kept).toEqual(Buffer.from([0, 0, 0, 4, 0, 0, 0, 7]));
    expect(kept.buffer.byteLength).toBeLessThan(1_000_000);
  });
});
