export { type JavaClassPath, javaClassPath } from './java-build.js';
export { JavaLifecycle } from './java-lifecycle.js';
export { JAVA_JOB, type JavaJob, JavaMember, type JavaOptions, startJava, type Work } from './java-member.js';
export type { JavaEvent, JavaRun } from './java-message.js';
