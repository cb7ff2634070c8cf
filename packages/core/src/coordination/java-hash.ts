/**
 * Java's `String.hashCode`: `h = 31 * h + unit` over the UTF-16 units, wrapped to 32 bits with sign. Strategies use it so
 * that a TypeScript leader and a Java leader give the items to the same instances.
 *
 * @example javaHash('polygenelubricants') // -2147483648
 */
export function javaHash(text: string): number {
  let hash = 0;
  for (let index = 0; index < text.length; index++) hash = (Math.imul(31, hash) + text.charCodeAt(index)) | 0;
  return hash;
}
