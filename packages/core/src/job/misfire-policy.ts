/**
 * What becomes of fires that could not be run at their time: `skip` records them, `fire-once` makes up for the latest of
 * them, `fire-all:n` for the latest n, one after the other.
 */
export type MisfirePolicy = 'skip' | 'fire-once' | `fire-all:${number}`;

/** The largest n of `fire-all:n`, and what `fire-all` alone means. */
export const MOST_MAKE_UPS = 100;

/**
 * The policy that a text stands for, `null` if for none.
 *
 * @example parseMisfirePolicy('fire-all') // 'fire-all:100'
 */
export function parseMisfirePolicy(text: string): MisfirePolicy | null {
  if (text === 'skip' || text === 'fire-once') return text;
  if (text === 'fire-all') return `fire-all:${MOST_MAKE_UPS}`;
  const count = Number(/^fire-all:([1-9]\d{0,2})$/.exec(text)?.[1] ?? Number.NaN);
  return count <= MOST_MAKE_UPS ? `fire-all:${count}` : null;
}

/** The part of a definition that decides about missed fires. */
export interface MisfireOptions {
  readonly misfire: boolean;
  readonly misfirePolicy: MisfirePolicy | null;
}

/**
 * For how many missed fires of an item a job makes up, the latest ones; 0 = for none. Without a policy the flag that
 * Java has decides.
 */
export function makeUps({ misfire, misfirePolicy }: MisfireOptions): number {
  switch (misfirePolicy) {
    case null:
      return misfire ? 1 : 0;
    case 'skip':
      return 0;
    case 'fire-once':
      return 1;
    default:
      return Number(misfirePolicy.slice('fire-all:'.length));
  }
}

/** Whether flag and policy contradict each other: Java members would make up for fires that the others skip. */
export function contradicts(misfire: unknown, policy: MisfirePolicy | null): boolean {
  return misfire === true && policy === 'skip';
}
