/** The result in a sentence, with the numbers that carry it. */
import { html, type Html } from '../../../src/adapters/charts/index.js';
import type { Comparison, FlightsDocument } from '../document.js';
import { approvedText } from '../lines.js';
import { DEMO_USER } from '../world.js';
import { counted, dated, fixed, lastDay, percent } from './format.js';

type Policy = Comparison['policies'][number];

/** One or two plain sentences. What a timer did better is said as plainly as what it did worse. */
export function resultSentence({ comparison, retrains, weeks }: FlightsDocument): string {
  const own = comparison?.policies.find(({ kind }) => kind === 'seawall');
  const did = `Seawall retrained ${retrains === 1 ? 'once' : `${retrains} times`} in ${counted(weeks.length, 'week')}`;
  if (!comparison || !own) return `${did}. What that was worth is not known: the baselines were not measured.`;
  const { gainKept, costShare } = own;
  if (gainKept === null || costShare === null) {
    return `${did}. Weekly retraining gained nothing over the January model in log loss: there was nothing to keep a share of.`;
  }
  const result = `${counted(retrains, 'retrain')} for ${percent(costShare)} of weekly retraining’s training seconds kept ${percent(gainKept)} of its gain in log loss.`;
  return `${result} ${timerSentence({ ...own, gainKept, costShare }, comparison.policies)}`;
}

function timerSentence(own: Policy & { gainKept: number; costShare: number }, policies: readonly Policy[]): string {
  const timers = policies.flatMap((one) =>
    one.kind === 'periodic' && one.gainKept !== null && one.costShare !== null
      ? [{ name: one.name, gainKept: one.gainKept, costShare: one.costShare, range: one.range }]
      : [],
  );
  if (timers.length === 0) return '';
  const between = (mean: number, range: [number, number] | undefined): string =>
    range && percent(range[0]) !== percent(range[1])
      ? `${percent(range[0]).replace(/\D+$/, '')} to ${percent(range[1])}`
      : percent(mean);
  const says = ({ name, gainKept, costShare, range }: (typeof timers)[number]): string =>
    `${between(gainKept, range?.gainKept)} for ${between(costShare, range?.costShare)} (${name})`;
  const better = timers.filter(({ gainKept, costShare }) => gainKept >= own.gainKept && costShare <= own.costShare);
  const [best] = better.sort((a, b) => b.gainKept - a.gainKept);
  if (best) return `A timer that never looks did better: ${says(best)}.`;
  // No timer is better in both. The cheapest that kept more, and the one that costs most nearly as much.
  const [more] = timers.filter(({ gainKept }) => gainKept > own.gainKept).sort((a, b) => a.costShare - b.costShare);
  const apart = ({ costShare }: (typeof timers)[number]): number => Math.abs(costShare - own.costShare);
  const [alike] = [...timers].sort((a, b) => apart(a) - apart(b));
  const nearest = [...new Set([more, alike])].flatMap((one) => (one ? [says(one)] : []));
  return nearest.length === 0
    ? ''
    : `A timer that never looks kept${timers.some(({ range }) => range) ? ', by the week it begins in,' : ''} ${nearest.join(', or ')}.`;
}

export function renderHead(document: FlightsDocument): Html {
  const { weeks, incidents } = document;
  const [first, last] = [weeks[0], weeks.at(-1)];
  return html`<header>
    <h1>When to retrain: US flights${first && last && `, ${dated(first.from)} to ${dated(lastDay(last.to))}`}</h1>
    <p class="lead">${resultSentence(document)}</p>
    <p>
      Will a US domestic flight arrive more than 15 minutes late? A model that learnt from January 2001 answers every
      flight of the weeks after; whether it was right is known a week later. Seawall decides each week whether
      retraining is worth its cost.
    </p>
    <dl class="figures">
      ${keyFigures(document).map(
        ([name, value]) =>
          html`<div>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    ${
      incidents.length > 0 &&
      html`<p>The flights are real. Injected into them, and marked wherever it shows:</p>
        <ul class="incidents">
          ${incidents.map(
            ({ kind, title, from, to, text, imitates }) =>
              html`<li class="${kind}">
                <b>${title}</b>, ${to === null ? `from ${dated(from)} on` : `${dated(from)} to ${dated(lastDay(to))}`}:
                ${text}.
                <span class="soft">It imitates ${imitates}.</span>
              </li>`,
          )}
        </ul>`
    }
  </header>`;
}

function keyFigures({ comparison, retrains, weeks, releases, acts }: FlightsDocument): [string, string][] {
  const weekly = comparison?.policies.find(({ kind }) => kind === 'weekly');
  const loss = comparison?.spans.find(({ name }) => name === 'all')?.logLoss;
  const blocked = weeks.filter(({ decision }) => decision === 'block').length;
  return [
    ...(comparison
      ? ([
          [
            'of weekly retraining’s gain kept',
            percent(comparison.spans.find(({ name }) => name === 'all')?.gainKept ?? null),
          ],
          ['of its training seconds', percent(comparison.costShare)],
        ] satisfies [string, string][])
      : []),
    [weekly ? `retrains; weekly retraining: ${weekly.retrains}` : 'retrains', String(retrains)],
    ...(loss
      ? ([
          [
            `mean log loss; January model ${fixed(loss.frozen, 3)}, weekly ${fixed(loss.weekly, 3)}`,
            fixed(loss.seawall, 3),
          ],
        ] satisfies [string, string][])
      : []),
    [`of ${counted(weeks.length, 'week')} blocked: broken data, not learnt from`, String(blocked)],
    [
      `${approvedText(releases).replace(/^\d+ /, '')}; ${counted(acts.filter(({ by }) => by !== DEMO_USER).length, 'act')} of people`,
      String(releases.length),
    ],
  ];
}

export const HEAD_CSS = `
.incidents { margin: 0.5rem 0; padding: 0; list-style: none; max-width: 42rem; }
.incidents li { border-left: 0.3rem solid; padding-left: 0.75rem; margin: 0.5rem 0; }
.incidents .data { border-color: var(--data); } .incidents .world { border-color: var(--world); }
`;
