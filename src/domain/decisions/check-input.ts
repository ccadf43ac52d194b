/** What every check of a window works with. */
import type {
  DataCheck,
  ExpectedVolume,
  FeatureType,
  Limits,
  MonitorPolicy,
  Severity,
  TableProfile,
  WindowFeed,
} from '../../contracts/index.js';

export interface CheckInput {
  /** Distinct predictions. */
  rows: number;
  lateRows: number;
  feed: WindowFeed;
  /** Whether objects that cannot be read are of another part of the day. */
  tornElsewhere?: boolean;
  expected: ExpectedVolume | null;
  profile: TableProfile;
  reference: TableProfile;
  /** The columns to check, in order, with what each must be. */
  columns: { name: string; type: FeatureType; output: boolean }[];
  policy: MonitorPolicy;
}

/** The check, where `value` is above a limit. */
export function limited(
  check: DataCheck['check'],
  column: string | null,
  value: number,
  { warn, block }: Limits,
  text: string,
): DataCheck[] {
  if (value > block) return [{ check, column, severity: 'block', value, limit: block, text }];
  return value > warn ? [{ check, column, severity: 'warn', value, limit: warn, text }] : [];
}

/** Limits under which a rule of a severity stands: one row is too many, or none is looked at. */
export function limitsOf(severity: Severity): Limits {
  switch (severity) {
    case 'off':
      return { warn: Infinity, block: Infinity };
    case 'warn':
      return { warn: 0, block: Infinity };
    case 'block':
      return { warn: 0, block: 0 };
  }
}
