import { startJava } from '@elasticjob/interop';
import type { Contender } from './contender.js';

/** What the JVMs are started with; everything else is the JVM's default. */
export const JVM_FLAGS: readonly string[] = ['-Xmx128m'];

/**
 * Processes of the real ElasticJob. They join jobs one after the other, as Spring makes its beans; each is started in the
 * wink of an eye after the JVM, so that its code is as cold as it is when an application comes up.
 */
export const java: Contender = {
  name: 'java',
  async start({ number, onBegin, ...place }) {
    const member = await startJava({
      ...place,
      ip: `10.0.1.${number}`,
      jvmFlags: JVM_FLAGS,
      onEvent: (event) => {
        if (event?.kind === 'begin') onBegin(event.job, event.item);
      },
    });
    const { pid, instanceId } = member;
    if (pid === undefined) throw new Error('the Java process has no id');
    return {
      pid,
      instanceId,
      async join(jobs) {
        for (const { name, items, workMs, ...job } of jobs) {
          await member.behave(name, { sleepMs: workMs });
          await member.startJob({ ...job, jobName: name, shardingTotalCount: items, misfire: false });
        }
      },
      kill: () => member.end(),
    };
  },
};
