/** The loop as a short status page. */
import type { LoopStatus } from '../../contracts/index.js';

/** Current details are for reading at a glance; the record has the whole text. */
const MAX_TEXT = 500;

export function loopDetails(status: LoopStatus): string[] {
  const { champion, problem, lastReport, lastDecision, lastRun, openRuns, standing, model } = status;
  const live = champion ? `release ${champion.release} is live (epoch ${champion.epoch})` : 'nothing is live yet';
  const order = [standing.paused ? 'paused' : '', standing.pinned ? 'champion pinned' : ''].filter(Boolean).join(', ');
  return [
    `**${status.state}**: ${live}${order ? `, ${order}` : ''}`,
    ...(problem ? [`**blocked** (tried again every few minutes): ${problem.slice(0, MAX_TEXT)}`] : []),
    ...(lastReport ? [lastReport.text] : []),
    ...(lastDecision ? [`decision ${lastDecision.seq}: **${lastDecision.action}** — ${lastDecision.reason}`] : []),
    ...(lastRun
      ? [`last run ${lastRun.n}: **${lastRun.outcome.kind}** — ${lastRun.outcome.text.slice(0, MAX_TEXT)}`]
      : []),
    ...openRuns.map((n) => `training run [${n}]: workflow train/${model}/${n}`),
  ];
}
