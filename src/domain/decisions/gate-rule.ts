import type { Action, GateContext, ModelConfig, MonitorReport, RuleOutcome, Trigger } from '../../contracts/index.js';

export interface GateInput {
  report: MonitorReport | null;
  context: GateContext;
  config: ModelConfig;
}

export interface Verdict {
  action: Action;
  trigger: Trigger;
  /** One sentence for the person on call. */
  reason: string;
}

export interface Rule {
  outcome: RuleOutcome;
  /** null: the rule does not decide. */
  verdict: Verdict | null;
  /** value / threshold of a rule that measures: 1 is at the limit; null: not judged. */
  nearness: number | null;
  /** Worth a person's look, though nothing follows from it. */
  warning?: string;
}

export const quiet = (reason: string): Verdict => ({ action: 'wait', trigger: 'none', reason });

/** A rule about the standing of things: `value` is what was found. */
export function standing(
  rule: string,
  value: number | string | null,
  threshold: number | string | null,
  text: string,
  verdict: Verdict | null,
): Rule {
  return { outcome: { rule, fired: verdict !== null, value, threshold, text }, verdict, nearness: null };
}

/** A rule that could not be judged, and why. */
export const unjudged = (rule: string, threshold: number, text: string): Rule => ({
  outcome: { rule, fired: false, value: null, threshold, text },
  verdict: null,
  nearness: null,
});

/** Traffic of a window belongs to the release that answered most of it. */
export const dominantRelease = (report: MonitorReport): number | null => report.servedBy[0]?.release ?? null;

/**
 * Why a report says nothing about the champion; undefined when it does. Numbers of a window that another release answered, or
 * that was held against another release's reference, must not condemn the champion.
 */
export function notTheChampions({ report, context }: GateInput): string | undefined {
  if (!report) return 'there is no report';
  if (context.championRelease === null) return 'there is no champion';
  if (report.rows === 0) return 'the window has no predictions';
  const served = dominantRelease(report);
  if (served !== context.championRelease) {
    return `${served === null ? 'no release' : `release ${served}`} answered the window, the champion is release ${context.championRelease}`;
  }
  if (report.referenceRelease !== context.championRelease)
    return `the window was held against the reference of release ${report.referenceRelease}, the champion is release ${context.championRelease}`;
  return undefined;
}
