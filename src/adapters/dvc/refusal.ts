/** Why something that DVC tracks cannot be imported: it matters only when it is asked for. */
export interface Refusal {
  /** As a clause: "with `cache: false` DVC keeps no content of it". */
  because: string;
  /** What to do next. */
  next: string;
}

export const refusal = (because: string, next: string): Refusal => ({ because, next });

export const isRefusal = (value: object): value is Refusal => 'because' in value;
