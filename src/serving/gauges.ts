import type { Gauge } from './metrics.js';
import type { PredictionLog } from './prediction-log.js';
import type { Slot } from './slot.js';

/** What is true now, read when Prometheus asks. */
export function gaugesOf(slots: Iterable<Slot>, log: PredictionLog): Gauge[] {
  const all = [...slots];
  const perModel = (value: (slot: Slot) => number | undefined): Gauge['samples'] =>
    all.flatMap((slot) => {
      const found = value(slot);
      return found === undefined ? [] : [{ labels: { model: slot.model }, value: found }];
    });
  const single = (value: number): Gauge['samples'] => [{ labels: {}, value }];
  const gauge = (name: string, help: string, samples: Gauge['samples']): Gauge => ({
    name,
    help,
    type: 'gauge',
    samples,
  });
  const counter = (name: string, help: string, samples: Gauge['samples']): Gauge => ({
    name,
    help,
    type: 'counter',
    samples,
  });
  return [
    gauge(
      'seawall_serving_release',
      'Release that serves',
      perModel((slot) => slot.champion?.release),
    ),
    gauge(
      'seawall_serving_epoch',
      'Epoch of the live pointer that serves',
      perModel((slot) => slot.champion?.epoch),
    ),
    gauge(
      'seawall_serving_problem',
      '1: the release of the live pointer cannot be served',
      perModel((slot) => (slot.problem ? 1 : 0)),
    ),
    counter(
      'seawall_serving_swaps_total',
      'Moves of the live pointer that were followed',
      perModel((slot) => slot.swaps),
    ),
    gauge(
      'seawall_serving_spool_bytes',
      'Prediction log that is not in object storage yet, in bytes',
      single(log.spoolBytes()),
    ),
    counter('seawall_serving_log_rows_uploaded_total', 'Rows brought into object storage', single(log.uploadedRows())),
    counter(
      'seawall_serving_log_segments_dropped_total',
      'Segments dropped because the local log was full',
      single(log.droppedSegments()),
    ),
  ];
}
