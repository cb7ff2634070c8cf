/** A defect of one line, to be put into the compiled kernel: a test of the simulation itself. */
export interface Plant {
  readonly name: string;
  /** What goes wrong, in a sentence. */
  readonly defect: string;
  /** Below `packages/core/dist`. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** The source with the defect in it. Throws unless the fragment stands there exactly once. */
export function planted({ name, file, from, to }: Plant, source: string): string {
  const found = source.split(from).length - 1;
  if (found !== 1) {
    throw new Error(`plant '${name}': ${file} contains its fragment ${found} times, expected once; adapt it:\n${from}`);
  }
  return source.replace(from, () => to);
}

/** The plants by name. */
export const PLANTS: readonly Plant[] = [];
