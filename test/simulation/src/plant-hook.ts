import type { LoadHook } from 'node:module';
import { type Plant, planted } from './plants.js';

let plant: Plant | null = null;

/** Called by Node when the hook is registered. */
export function initialize(data: Plant): void {
  plant = data;
}

/** Changes the source of the one file that the plant names, on its way into the module loader. */
export const load: LoadHook = async (url, context, next) => {
  const loaded = await next(url, context);
  if (plant === null || !url.endsWith(`/packages/core/dist/${plant.file}`)) return loaded;
  return { ...loaded, source: planted(plant, String(loaded.source)) };
};
