import { readBean, readText, UnreadableYaml } from './job-yaml-reader.js';
import { writeLine } from './job-yaml-scalar.js';

/** What an instance says about itself in `instances/{id}`. */
export interface InstanceRecord {
  readonly instanceId: string;
  readonly serverIp: string;
  readonly labels: string | null;
}

/** As read: instances of old versions do not name their server. */
export interface StoredInstance {
  readonly instanceId: string;
  readonly serverIp: string | null;
  readonly labels: string | null;
}

/** Java's reader accepts no other key here: one more and every trigger of every Java member fails. */
const KEYS = ['jobInstanceId', 'labels', 'serverIp'] as const;

/**
 * The text of an instance node, byte for byte as Java writes it.
 *
 * @example
 * encodeInstance({ instanceId: '10.0.0.1@-@7', serverIp: '10.0.0.1', labels: null })
 * // jobInstanceId: 10.0.0.1@-@7\nserverIp: 10.0.0.1\n
 */
export function encodeInstance({ instanceId, labels, serverIp }: InstanceRecord): string {
  const values = { jobInstanceId: instanceId, labels, serverIp };
  return KEYS.map((key) => (values[key] === null ? '' : writeLine(`${key}: `, values[key], 2))).join('');
}

/** Reads an instance node; `null` for anything that is not one, so that one bad node harms nobody else. */
export function decodeInstance(text: string): StoredInstance | null {
  try {
    const bean = readBean(text, KEYS);
    const instanceId = readText(bean, 'jobInstanceId');
    if (instanceId === null || instanceId === '') return null;
    return { instanceId, serverIp: readText(bean, 'serverIp'), labels: readText(bean, 'labels') };
  } catch (error) {
    if (error instanceof UnreadableYaml) return null;
    throw error;
  }
}
