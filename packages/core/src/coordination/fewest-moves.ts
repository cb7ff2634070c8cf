/**
 * How many of `count` items each instance gets: in proportion to its weight, each rounded down, and the items left over
 * one each where rounding took most away (largest remainder). Where it took the same from several, those come first that
 * already have more than they would get, then those further in front. If nobody has a weight, all weigh the same.
 *
 * @param weights of the instances, whole numbers; `count` times any of them is below 2^53.
 * @param held how many items each instance has now.
 * @see Hamilton's method of apportionment
 * @example itemShares(10, [3, 1, 1], [0, 0, 5]) // [6, 2, 2]
 */
export function itemShares(count: number, weights: readonly number[], held: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total === 0)
    return weights.length === 0
      ? []
      : itemShares(
          count,
          weights.map(() => 1),
          held,
        );
  const parts = weights.map((weight, position) => {
    const remainder = (count * weight) % total;
    const share = (count * weight - remainder) / total;
    return { position, share, remainder, wants: (held[position] ?? 0) > share ? 0 : 1 };
  });
  const shares = parts.map(({ share }) => share);
  const left = count - shares.reduce((sum, share) => sum + share, 0);
  const byClaim = parts.sort((a, b) => b.remainder - a.remainder || a.wants - b.wants || a.position - b.position);
  for (const { position, share } of byClaim.slice(0, left)) shares[position] = share + 1;
  return shares;
}

/**
 * Gives each instance its share of the items and takes from nobody what is within its share: of the items it has, an
 * instance keeps those with the lowest numbers. The others go to those who lack some, in the order of the instances.
 *
 * No assignment with these shares moves fewer items: an instance can keep no more than its share and what it has, and
 * keeps the smaller of both.
 *
 * @param shares by instance; together as many as there are items.
 * @param former the owner of each item until now; may be shorter than `count`, and name instances that are gone.
 */
export function keepAndFill(
  count: number,
  shares: ReadonlyMap<string, number>,
  former: readonly (string | null)[],
): (string | null)[] {
  const room = new Map(shares);
  const kept = Array.from({ length: count }, (_, item) => {
    const owner = former[item] ?? '';
    const free = room.get(owner) ?? 0;
    if (free === 0) return null;
    room.set(owner, free - 1);
    return owner;
  });
  const places = [...room].flatMap(([instanceId, free]) => Array.from({ length: free }, () => instanceId));
  let next = 0;
  return kept.map((owner) => owner ?? places[next++] ?? null);
}

/** How many of the first `count` items each instance has. */
export function itemsHeld(count: number, instanceIds: readonly string[], former: readonly (string | null)[]): number[] {
  const held = new Map(instanceIds.map((instanceId) => [instanceId, 0]));
  for (const owner of former.slice(0, count)) {
    if (owner !== null && held.has(owner)) held.set(owner, (held.get(owner) ?? 0) + 1);
  }
  return [...held.values()];
}
