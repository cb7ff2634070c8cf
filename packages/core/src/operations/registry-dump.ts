import { mapBounded, type NodeReader } from './bounded-reader.js';
import { type Catalogue, JOBS_AT_ONCE } from './catalogue.js';
import { maskAddresses, maskSecrets } from './sensitive-values.js';

/** A node of a dump. */
interface DumpedNode {
  readonly path: string;
  readonly value: string;
}

/**
 * What stands in the registry, as a text to be given to others: one node per line, `path | value`, children in descending
 * order, addresses and secrets hidden. The format is that of ElasticJob's dumps.
 */
export class RegistryDump {
  constructor(private readonly catalogue: Catalogue) {}

  /** Everything below a job's node; an `OperationError` of code `UNKNOWN_JOB` if there is no such job. */
  async job(jobName: string): Promise<string> {
    await this.catalogue.config(jobName);
    return render(await nodesBelow(this.catalogue.reader, jobName));
  }

  /** Everything of the namespace, job by job. */
  async namespace(): Promise<string> {
    const { reader } = this.catalogue;
    const names = (await this.catalogue.names()).toReversed();
    return render((await mapBounded(names, JOBS_AT_ONCE, (name) => nodesFrom(reader, name))).flat());
  }
}

/** The lines of a dump. Values of several lines are written as they are, as Java does. */
function render(nodes: readonly DumpedNode[]): string {
  const known = new Map<string, string>();
  return nodes.map(({ path, value }) => maskAddresses(`/${path} | ${maskSecrets(value)}\n`, known)).join('');
}

async function nodesBelow(reader: NodeReader, parent: string): Promise<DumpedNode[]> {
  const names = (await reader.children(parent))?.names ?? [];
  const parts = await Promise.all(names.toReversed().map((name) => nodesFrom(reader, `${parent}/${name}`)));
  return parts.flat();
}

/** A node and what is below it; nothing if it has gone since it was listed. */
async function nodesFrom(reader: NodeReader, path: string): Promise<DumpedNode[]> {
  const node = await reader.read(path);
  if (node === null) return [];
  const below = node.stat.numChildren > 0 ? await nodesBelow(reader, path) : [];
  return [{ path, value: node.value }, ...below];
}
