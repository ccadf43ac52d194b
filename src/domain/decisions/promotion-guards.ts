/** What a gain may not be paid with: slices, guardrails, behaviour. */
import {
  type BehaviourOutcome,
  type Guardrails,
  type ModelPerformance,
  type PromotionPolicy,
  type RuleOutcome,
  type Servable,
  type SliceOutcome,
  valueOf,
} from '../../contracts/index.js';
import { fixed } from './text.js';

/** null: not measured, or there is no champion to compare with. */
export interface Guarded {
  slices: SliceOutcome[] | null;
  behaviour: BehaviourOutcome[];
  performance: Sides<ModelPerformance>;
  calibrationError: Sides<number | null>;
  servable: Sides<Servable>;
}
export interface Sides<T> {
  challenger: T;
  champion: T | null;
}

/** Below it, times of single rows tell nothing. */
const LEAST_MS = 0.5;

export function guardRules(guarded: Guarded, { slices, guardrails }: PromotionPolicy): RuleOutcome[] {
  return [
    ...(slices && guarded.slices ? [sliceRule(guarded.slices, slices.margin)] : []),
    ...(guardrails ? guardrailRules(guarded, guardrails) : []),
    ...guarded.behaviour.map(({ kind, passed, value, text }) => ({
      rule: `behaviour.${kind}`,
      fired: passed,
      value,
      threshold: null,
      text,
    })),
  ];
}

function sliceRule(slices: SliceOutcome[], margin: number): RuleOutcome {
  const judged = slices.filter(({ pValue }) => pValue !== null);
  const worse = judged.filter((slice) => slice.worse).sort((a, b) => a.gain! - b.gain!);
  const worst = [...judged].sort((a, b) => a.gain! - b.gain!)[0];
  const said = ({ slice, rows, gain }: SliceOutcome) => `${slice} (${rows} rows): gain ${fixed(gain!, 4)}`;
  const none = worst ? `the lowest is ${said(worst)}` : 'none has enough rows';
  return {
    rule: 'slices',
    fired: worse.length === 0,
    value: worst?.gain ?? null,
    threshold: -margin,
    text:
      worse.length > 0
        ? `surely worse than -${margin} in ${worse.length} of ${judged.length} slices: ${worse.slice(0, 3).map(said).join(', ')}`
        : `surely worse than -${margin} in none of ${judged.length} slices; ${none}`,
  };
}

function guardrailRules({ performance, calibrationError, servable }: Guarded, limits: Guardrails): RuleOutcome[] {
  const { challenger, champion } = performance;
  const rise = (rule: string, what: string, limit: number | undefined, now: number | null, before: number | null) =>
    limit === undefined || now === null || before === null
      ? []
      : [outcome(rule, now - before, limit, `${what} ${fixed(now, 4)} against the champion's ${fixed(before, 4)}`)];
  const times = (rule: string, what: string, limit: number | undefined, now: number, before: number, unit: string) =>
    limit === undefined
      ? []
      : [
          outcome(
            rule,
            now / before,
            limit,
            `${what} ${said(now)} ${unit} against the champion's ${said(before)} ${unit}`,
          ),
        ];
  const { challenger: own, champion: other } = servable;
  return [
    ...(champion
      ? rise(
          'logLossRise',
          'log loss',
          limits.logLossRise,
          valueOf(challenger, 'logLoss'),
          valueOf(champion, 'logLoss'),
        )
      : []),
    ...rise(
      'calibrationRise',
      'calibration error',
      limits.calibrationRise,
      calibrationError.challenger,
      calibrationError.champion,
    ),
    ...(other
      ? [
          ...times('slower', 'one row takes', limits.slower, own.rowMs, Math.max(LEAST_MS, other.rowMs), 'ms'),
          ...times('larger', 'it has', limits.larger, own.bytes, other.bytes, 'bytes'),
        ]
      : []),
  ];
}

const said = (value: number): string => (Number.isInteger(value) ? String(value) : value.toFixed(2));

function outcome(rule: string, value: number, threshold: number, text: string): RuleOutcome {
  return { rule, fired: value <= threshold, value, threshold, text: `${text} (limit ${threshold})` };
}
