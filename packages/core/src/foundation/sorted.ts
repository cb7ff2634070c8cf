/**
 * Where a text stands in an ascending list, or is to be put if it is not there: the index of the first that does not come
 * before it.
 */
export function placeOf<T>(text: string, list: readonly T[], textOf: (member: T) => string): number;
export function placeOf(text: string, list: readonly string[]): number;
export function placeOf<T>(text: string, list: readonly T[], textOf: (member: T) => string = String): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const member = list[middle];
    if (member !== undefined && textOf(member) < text) low = middle + 1;
    else high = middle;
  }
  return low;
}
