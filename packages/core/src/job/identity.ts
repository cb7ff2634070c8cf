import { randomBytes } from 'node:crypto';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { ConfigurationError } from '../foundation/errors.js';

/** Separates the address from the rest of an instance id; Java splits on its first occurrence. */
export const ID_DELIMITER = '@-@';

/**
 * What an instance says about itself, for sharding strategies to look at: `{ weight: '3', zone: 'a' }`. Names and values
 * are 1 to 63 letters, digits, `.`, `_` and `-`, a letter or digit at both ends.
 */
export type InstanceLabels = Readonly<Record<string, string>>;

/** Who an instance is: fixed for the life of the process, shared by all its jobs. */
export interface InstanceIdentity {
  /** `{ip}@-@{pid}-{8 hex}` unless set. The suffix makes it unique among containers with equal addresses and pids. */
  readonly instanceId: string;
  readonly serverIp: string;
  readonly labels: InstanceLabels;
}

/** What a user may say about the identity. */
export interface IdentityOptions {
  /** The whole id, `{ip}@-@{suffix}`. Two live processes with one id are an error. */
  readonly instanceId?: string;
  /** The address to be known by; wins over the choice among the interfaces. */
  readonly serverIp?: string;
  /** Prefer this network interface (`eth1`). */
  readonly preferredNetworkInterface?: string;
  /** Prefer addresses that start with this text (`10.1.`). */
  readonly preferredNetworkIp?: string;
  /**
   * What sharding strategies are to know of this instance, such as `{ zone: 'a' }`. The label `weight`, a whole number
   * up to 1000000, is what `WEIGHTED` goes by: twice the weight, twice the items; `'0'`, none. Default: none.
   */
  readonly labels?: InstanceLabels;
}

/** The identity of this process. Throws a `ConfigurationError` when no address can be found or an id is malformed. */
export function instanceIdentity(options: IdentityOptions = {}): InstanceIdentity {
  return { ...parseInstanceId(options.instanceId ?? uniqueId(options)), labels: options.labels ?? {} };
}

function uniqueId(options: IdentityOptions): string {
  const serverIp = options.serverIp ?? chooseAddress(networkInterfaces(), options);
  return `${serverIp}${ID_DELIMITER}${process.pid}-${randomBytes(4).toString('hex')}`;
}

/** The address in front of the delimiter; the whole text when there is none, as Java reads it. */
export function serverIpOf(instanceId: string): string {
  const end = instanceId.indexOf(ID_DELIMITER);
  return end < 0 ? instanceId : instanceId.slice(0, end);
}

/**
 * Whether an instance is one of a Java member, going by its id: Java's ends with the bare process id, ours does not unless
 * somebody sets it so.
 */
export function looksLikeJava(instanceId: string): boolean {
  return /^\d+$/.test(instanceId.slice(instanceId.indexOf(ID_DELIMITER) + ID_DELIMITER.length));
}

function parseInstanceId(instanceId: string): Omit<InstanceIdentity, 'labels'> {
  const [serverIp, suffix, ...more] = instanceId.split(ID_DELIMITER);
  if (serverIp && suffix && more.length === 0 && !instanceId.includes('/')) return { instanceId, serverIp };
  throw new ConfigurationError(
    'INVALID_CONFIGURATION',
    `instanceId: seen '${instanceId}', expected {ip}${ID_DELIMITER}{suffix} without '/', such as 10.0.0.1${ID_DELIMITER}worker-1`,
    { path: 'instanceId' },
  );
}

/**
 * The address to be known by, chosen as ElasticJob does: never loopback, IPv4, the preferred interface first, then the
 * last interface with an acceptable address. A machine with nothing but loopback is known as 127.0.0.1.
 */
export function chooseAddress(
  interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>,
  options: Pick<IdentityOptions, 'preferredNetworkInterface' | 'preferredNetworkIp'> = {},
): string {
  const { preferredNetworkInterface: name, preferredNetworkIp: prefix = '' } = options;
  const acceptable = (addresses: NetworkInterfaceInfo[] | undefined): string | undefined =>
    addresses?.find(({ family, internal, address }) => family === 'IPv4' && !internal && address.startsWith(prefix))
      ?.address;
  const preferred = name === undefined ? undefined : acceptable(interfaces[name]);
  const chosen = preferred ?? Object.values(interfaces).map(acceptable).findLast(Boolean);
  if (chosen !== undefined) return chosen;
  if (prefix === '') return '127.0.0.1';
  const seen = Object.values(interfaces).flatMap((list) => list?.map(({ address }) => address) ?? []);
  throw new ConfigurationError(
    'INVALID_CONFIGURATION',
    `preferredNetworkIp: no IPv4 address starts with '${prefix}'; this machine has ${seen.join(', ')}`,
    { path: 'preferredNetworkIp' },
  );
}
