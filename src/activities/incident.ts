/** The data incident, from the decisions that lie in storage. */
import { type DecisionRecord, type Incident, keys } from '../contracts/index.js';
import { incidentAfter } from '../domain/reducers/incident.js';
import type { RecordStore } from './ports.js';
import { newestFirst } from './sequences.js';

/** Where none of so many decisions blocked a window, none of them is about one: people's requests, and not so many of them. */
const LOOK_BACK = 400;
/** An incident of more decisions than this began before the first that is read. */
const LOOK_BACK_IN_INCIDENT = 4000;

/** Finds the incident in decisions that come newest first. `add` says whether it has seen enough. */
export function createIncidentFinder(): { add(decision: DecisionRecord): boolean; found(): Incident | null } {
  const blocked: DecisionRecord[] = [];
  let seen = 0;
  let known = false;
  return {
    add(decision) {
      if (known) return true;
      seen += 1;
      if (decision.window !== null && decision.revision === 1) {
        if (decision.action === 'block') blocked.push(decision);
        else known = true;
      }
      known ||= seen >= (blocked.length > 0 ? LOOK_BACK_IN_INCIDENT : LOOK_BACK);
      return known;
    },
    found: () => blocked.reduceRight<Incident | null>(incidentAfter, null),
  };
}

/** The incident that is open, or was before decision `before`. Reads back to the newest window that was not blocked: mostly one decision. */
export async function readIncident(records: RecordStore, model: string, before = Infinity): Promise<Incident | null> {
  const finder = createIncidentFinder();
  for await (const decision of newestFirst<DecisionRecord>(records, keys.decisions(model))) {
    if (decision.seq < before && finder.add(decision)) break;
  }
  return finder.found();
}
