/** The model's clock. */
import { type ModelConfig, toIso } from '../contracts/index.js';
import type { WatermarkStore } from './ports.js';

/** Feed: how far the prediction log is complete; a feed that has said nothing yet stands where the first window begins. */
export async function clockOf(
  { watermarks }: { watermarks: WatermarkStore },
  { clock, name, windows }: ModelConfig,
  wallMs = Date.now(),
): Promise<string> {
  if (clock === 'wall') return toIso(wallMs);
  return (await watermarks.completeTo('predictions', name)) ?? windows.anchor;
}
