/**
 * Where everything of a job lives in ZooKeeper, below `/{namespace}/{job}`. The layout is ElasticJob 3.0.5's, so that
 * Java instances, its lifecycle API and its console work on the same nodes; only `extension` is ours, and Java leaves it
 * alone. `docs/znodes.md` tells who writes what when.
 *
 * ```
 * {job}                                class name
 * ├── config                           YAML of the definition
 * ├── servers/{ip}                     ENABLED | DISABLED
 * ├── instances/{id}                   ephemeral, YAML of the instance
 * ├── leader
 * │   ├── election/latch/…             candidates, ephemeral sequential
 * │   ├── election/instance            ephemeral, id of the leader
 * │   ├── sharding/necessary           raised: items must be assigned anew
 * │   ├── sharding/processing          ephemeral, a leader is doing it
 * │   ├── failover/latch/…             who looks for crashed runs, ephemeral sequential
 * │   └── failover/items/{item}        its run crashed, nobody has taken it over yet
 * ├── sharding/{item}
 * │   ├── instance                     id of the owner
 * │   ├── running                      id of the instance that runs the item; ephemeral without failover
 * │   ├── failover                     ephemeral, id of the instance that takes a crashed run over
 * │   ├── failovering                  the same, persistent
 * │   ├── misfire                      a fire fell into a run of the item and is to be made up for
 * │   └── disabled                     an operator switched the item off
 * ├── trigger/{id}                     a run is asked of that instance
 * ├── guarantee
 * │   ├── started/{item}               arrivals of the item at the begin of fires, for listeners called once for all
 * │   ├── completed/{item}             the same at their end
 * │   ├── started-latch/…              who calls those listeners, ephemeral sequential
 * │   └── completed-latch/…
 * └── extension
 *     ├── plan                         the last assignment as one document
 *     ├── once                         the last fires for which those listeners were called, and by whom
 *     ├── pause                        nothing is started until then: why, by whom
 *     ├── triggers
 *     │   ├── open/{id}-{fire}-{item}  a run that was asked for and has not ended; who runs it
 *     │   ├── records/{id}             what was asked for
 *     │   │   └── {fire}-{item}        what became of that run
 *     │   └── keys/{key}               the trigger that was asked for with this key
 *     └── sessions/{id}                ephemeral, the session in which that instance makes lasting marks
 * ```
 */
export const layout = {
  config: 'config',
  servers: 'servers',
  server: (ip: string) => `servers/${ip}`,
  instances: 'instances',
  instance: (id: string) => `instances/${id}`,
  electionLatch: 'leader/election/latch',
  leader: 'leader/election/instance',
  resharding: 'leader/sharding',
  necessary: 'leader/sharding/necessary',
  processing: 'leader/sharding/processing',
  failoverLatch: 'leader/failover/latch',
  failoverItems: 'leader/failover/items',
  failoverItem: (item: number) => `leader/failover/items/${item}`,
  items: 'sharding',
  item: (item: number) => `sharding/${item}`,
  owner: (item: number) => `sharding/${item}/instance`,
  running: (item: number) => `sharding/${item}/running`,
  failover: (item: number) => `sharding/${item}/failover`,
  failovering: (item: number) => `sharding/${item}/failovering`,
  misfire: (item: number) => `sharding/${item}/misfire`,
  disabled: (item: number) => `sharding/${item}/disabled`,
  triggers: 'trigger',
  trigger: (id: string) => `trigger/${id}`,
  arrivals: (phase: OncePhase) => `guarantee/${phase}`,
  arrival: (phase: OncePhase, item: number) => `guarantee/${phase}/${item}`,
  onceLatch: (phase: OncePhase) => `guarantee/${phase}-latch`,
  once: 'extension/once',
  plan: 'extension/plan',
  pause: 'extension/pause',
  openTriggers: 'extension/triggers/open',
  openTrigger: (name: string) => `extension/triggers/open/${name}`,
  triggerRecords: 'extension/triggers/records',
  triggerRecord: (id: string) => `extension/triggers/records/${id}`,
  triggerOutcome: (id: string, run: string) => `extension/triggers/records/${id}/${run}`,
  triggerKeys: 'extension/triggers/keys',
  triggerKey: (name: string) => `extension/triggers/keys/${name}`,
  witnesses: 'extension/sessions',
  witness: (id: string) => `extension/sessions/${id}`,
} as const;

/** The two points of a fire at which all its items are waited for: ElasticJob's words. */
export type OncePhase = 'started' | 'completed';

/** The path of a job's node within the namespace. */
export function jobPath(jobName: string, path: string): string {
  return `${jobName}/${path}`;
}

/** What the name of a child of `sharding` looks like: others are junk, also `-1`, `01` and `1e3`. */
const ITEM = /^(0|[1-9]\d{0,9})$/;

/** The item that a child of `sharding` is about; `null` for a name that means none. */
export function itemNamed(name: string): number | null {
  return ITEM.test(name) ? Number(name) : null;
}

/** The items that children of `sharding` are about, in their order. */
export function itemsNamed(names: readonly string[] = []): number[] {
  return names.flatMap((name) => itemNamed(name) ?? []);
}

/** The values of `servers/{ip}`. Anything else counts as not enabled. */
export type ServerStatus = 'ENABLED' | 'DISABLED';
