/** What tests of applications and of the other packages need: time and a registry under control. */
export { ManualClock, settle } from './foundation/clock.js';
export { type Deferred, deferred } from './foundation/deferred.js';
export { MemoryServer } from './registry/memory-server.js';
export { MemoryTraceSink } from './tracing/trace-sinks.js';
