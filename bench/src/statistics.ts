/** The value below which a share of the others lies (nearest rank); `NaN` when there is none. `share` from 0 to 1. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** The middle one of several measurements. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** `12345.678` as `12,346`, `1.234` as `1.23`: three digits that mean something, never fewer than the whole number. */
export function figure(value: number): string {
  const fraction = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: fraction });
}

/** `1` of `read` as `1 read`, `2.5` as `2.5 reads`. */
export function amount(value: number, unit: string): string {
  return `${figure(value)} ${unit}${value === 1 ? '' : 's'}`;
}
