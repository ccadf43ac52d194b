/** The points of the trainer contract that `trainer check` looks at, and what it says of one. */

export const points = {
  starts: { required: true, title: 'starts, exits with 0 and leaves model.onnx' },
  answers: { required: true, title: 'the model loads, and answers as its task must' },
  unusual: { required: false, title: 'it answers rows with missing or unknown values' },
  metrics: { required: true, title: 'metrics.json is one JSON object' },
  parity: { required: true, title: 'the model answers as its trainer did (parity.parquet)' },
  progress: { required: false, title: 'says how far it is' },
  deterministic: { required: false, title: 'the same seed gives the same model' },
  stops: { required: true, title: 'leaves on SIGTERM within the grace period' },
  saves: { required: false, title: 'saves a checkpoint on SIGTERM' },
  resumesStopped: { required: true, title: 'goes on after SIGTERM to the same model' },
  resumesKilled: { required: true, title: 'goes on after SIGKILL to the same model' },
  badParameters: { required: false, title: 'refuses a parameter that it does not know with 64' },
  badData: { required: false, title: 'refuses data without the label with 65' },
  data: { required: true, title: 'leaves the data as they are' },
  places: { required: false, title: 'writes into its folders only' },
  leftovers: { required: true, title: 'leaves no process behind' },
} as const satisfies Record<string, { required: boolean; title: string }>;
export type PointName = keyof typeof points;

/** What came of a point. `notJudged`: it did not apply, or could not be tried; `seen` says why. */
export interface Finding {
  verdict: 'pass' | 'fail' | 'notJudged';
  /** What was seen. */
  seen: string;
  /** What to do about a failure. */
  next?: string;
}
export interface Point extends Finding {
  name: PointName;
  title: string;
  /** False: a run works without it, and is worse off. */
  required: boolean;
}

export const pass = (seen: string): Finding => ({ verdict: 'pass', seen });
export const fail = (seen: string, next: string): Finding => ({ verdict: 'fail', seen, next });
export const notJudged = (seen: string): Finding => ({ verdict: 'notJudged', seen });

/** In the order above; a point without a finding was not reached. */
export function pointsOf(findings: Partial<Record<PointName, Finding>>): Point[] {
  return (Object.keys(points) as PointName[]).map((name) => ({
    name,
    ...points[name],
    ...(findings[name] ?? notJudged('the trainer did not get that far')),
  }));
}
