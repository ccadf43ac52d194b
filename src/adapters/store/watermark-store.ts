/** How far a log is complete: create-once objects whose keys are the times. */
import type { WatermarkStore } from '../../activities/ports.js';
import { keys, parseKeyTime, type Watermark } from '../../contracts/index.js';
import { createJson } from './json-store.js';
import type { S3 } from './s3.js';

export interface WatermarkWriter {
  /** Says that the log is complete up to `completeToIso` (whole seconds). Twice is once. */
  write(kind: 'predictions' | 'labels', model: string, completeToIso: string): Promise<void>;
}

export function createWatermarkStore(s3: S3): WatermarkStore & WatermarkWriter {
  return {
    completeTo: async (kind, model) => {
      const folder = keys.watermarks(kind, model);
      let newest: string | undefined;
      for await (const { key } of s3.list(folder)) {
        const time = parseKeyTime(key.slice(folder.length).replace(/\.json$/, ''));
        if (time !== undefined && (newest === undefined || time > newest)) newest = time;
      }
      return newest;
    },
    write: async (kind, model, completeToIso) => {
      const watermark: Watermark = {
        kind: 'watermark',
        schema: 1,
        completeTo: completeToIso,
        at: new Date().toISOString(),
      };
      await createJson(s3, keys.watermark(kind, model, completeToIso), watermark);
    },
  };
}
