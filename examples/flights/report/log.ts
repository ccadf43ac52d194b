/** Every decision with its reason, what came of it, and what people did. */
import { html, type Html, renderTable } from '../../../src/adapters/charts/index.js';
import type { Action } from '../../../src/contracts/index.js';
import type { FlightsDocument, ReleaseResult, RunResult, WeekResult } from '../document.js';
import { ACTION_MARKS } from './drift.js';
import { counted, day, fixed, lastDay, moment, percent, seconds, signed } from './format.js';
import { incidentTitle } from './quality.js';

const ACTIONS = Object.keys(ACTION_MARKS) as Action[];
const CAUSES: Readonly<Record<string, string>> = { firstModel: 'the first model', person: 'a person’s request' };
type Decision = WeekResult['decisions'][number];

export function renderLog(document: FlightsDocument): Html {
  const { weeks } = document;
  const entries = weeks
    .flatMap((week) => week.decisions.map((decision) => ({ week, decision })))
    .sort((a, b) => a.decision.seq - b.decision.seq);
  const count = (action: Action): number => entries.filter(({ decision }) => decision.action === action).length;
  return html`<section aria-labelledby="decisions">
    <h2 id="decisions">Every decision, and why</h2>
    <p>
      A week is judged when it ends, by its data, and again whenever labels have arrived, by the predictions. Each time
      the gate decides, and says why; doing nothing is a decision too.
    </p>
    ${document.runs
      .filter(({ boughtBy }) => boughtBy === null)
      .map(
        (run) =>
          html`<p>
            No week’s decision, but ${CAUSES[run.trigger ?? ''] ?? 'something else'}: ${outcomeOf(document, run)}
          </p>`,
      )}
    <fieldset class="log">
      <legend class="soft">Show</legend>
      <label
        ><input type="radio" name="action" value="all" checked /> all <span class="soft">${entries.length}</span></label
      >
      ${ACTIONS.map(
        (action) =>
          html`<label
            ><input type="radio" name="action" value="${action}" />
            <span class="sign-${action}">${ACTION_MARKS[action].sign}</span> ${action}
            <span class="soft">${count(action)}</span></label
          > `,
      )}
      <ol>
        ${entries.map((entry) => renderEntry(document, entry.week, entry.decision))}
      </ol>
    </fieldset>
  </section>`;
}

function renderEntry(document: FlightsDocument, week: WeekResult, decision: Decision): Html {
  const { action, trigger, reason, revision, seq } = decision;
  const report = week.revisions.find((one) => one.revision === revision);
  // The gate's reason repeats its window, which stands above it.
  const text = reason.replace(`${day(week.from)} to ${day(week.to)}: `, '');
  const bought =
    action === 'retrain' && week.decisions.findLast((one) => one.action === 'retrain') === decision
      ? document.runs.filter(({ boughtBy }) => boughtBy === week.from)
      : [];
  return html`<li data-action="${action}">
    <div class="what"><b class="sign-${action}">${ACTION_MARKS[action].sign} ${action}</b></div>
    <div>
      <div class="soft">
        week of
        ${day(week.from)}${revision !== null && `, revision ${revision}`}${
          report && ` with ${percent(report.labelMaturity)} of the labels, decided ${day(report.at)}`
        }
        (decision ${seq}${trigger !== 'none' && `, trigger: ${trigger}`})
        ${week.injected && html`<span class="injected ${kindOf(document, week)}">injected: ${incidentTitle(document, week)}</span>`}
      </div>
      <p>${text}</p>
      ${bought.map((run) => html`<p class="came">→ ${outcomeOf(document, run)}</p>`)}
    </div>
  </li> `;
}

/** Also the name of the colour. */
const kindOf = ({ incidents }: FlightsDocument, { incident }: WeekResult): string | undefined =>
  incidents.find(({ id }) => id === incident)?.kind;

function outcomeOf({ releases }: FlightsDocument, { run, outcome, text, trainSeconds, device }: RunResult): Html {
  const release = releases.find((one) => one.run === run);
  const spent = `run ${run}${trainSeconds === null ? '' : `, ${seconds(trainSeconds)} of training on ${device ?? '?'}`}`;
  if (release) return html`${spent}: <b>release ${release.release}</b>, ${approvalOf(release)}`;
  return html`${spent}: <b>${outcome ?? 'still open'}</b>${text !== null && `, ${text}`}`;
}

const approvalOf = ({ approval: { verdict, by }, gain }: ReleaseResult): string =>
  [
    gain === null ? '' : `gain ${signed(gain, 4)}, `,
    verdict === 'automatic' ? 'released by the policy' : `${verdict} by ${by}`,
  ].join('');

export function renderReleases(document: FlightsDocument): Html {
  const { releases, weeks, runs } = document;
  return html`<section aria-labelledby="releases">
    <h2 id="releases">Releases</h2>
    ${
      releases.length === 0
        ? html`<p class="soft">None.</p>`
        : renderTable(
            'Each with what it was trained on, what it gained on the holdout, and who let it out',
            [
              { name: 'release' },
              { name: 'run', number: true },
              { name: 'answered' },
              { name: 'trained on' },
              { name: 'training', number: true },
              { name: 'gain', number: true },
              { name: 'approval' },
              { name: 'because' },
            ],
            releases.map((release) => [
              release.release,
              release.run,
              answered(weeks, release.release),
              html`${trainedOn(release)}`,
              seconds(runs.find(({ run }) => run === release.run)?.trainSeconds ?? null),
              fixed(release.gain, 4),
              release.approval.verdict === 'automatic'
                ? 'policy'
                : html`<b>${release.approval.verdict} by ${release.approval.by}</b>`,
              release.approval.reason,
            ]),
          )
    }
  </section>`;
}

function answered(weeks: readonly WeekResult[], release: number): Html {
  const own = weeks.filter((week) => week.release === release);
  const [first, last] = [own[0], own.at(-1)];
  if (!first || !last) return html`no week`;
  return html`${counted(own.length, 'week')}, <span class="whole">${day(first.from)}</span> to
    <span class="whole">${day(lastDay(last.to))}</span>`;
}

const trainedOn = ({ trainedOn: { version, files } }: ReleaseResult): Html =>
  html`<span title="${files.join(', ')}"
    >${counted(files.length, 'file')} of <code>${version.slice(0, 8)}</code></span
  >`;

export function renderActs({ acts }: FlightsDocument): Html {
  return html`<section aria-labelledby="people">
    <h2 id="people">What people did</h2>
    ${
      acts.length === 0
        ? html`<p class="soft">Nobody intervened.</p>`
        : renderTable(
            'From the audit log, in wall-clock time (UTC)',
            [{ name: 'at' }, { name: 'who' }, { name: 'asked for' }, { name: 'came of it' }],
            acts.map(({ at, by, message, accepted, text }) => [
              moment(at),
              by,
              html`<b>${message}</b>${!accepted && ' (refused)'}`,
              text,
            ]),
          )
    }
  </section>`;
}

/** Without a script: which entries are hidden follows from the button that is chosen. On paper all are there. */
export const LOG_CSS = `
.log { border: 0; margin: 1rem 0; padding: 0; min-width: 0; }
.log label { display: inline-block; margin: 0 1rem 0.25rem 0; padding: 0.35rem 0; cursor: pointer; }
.log ol { list-style: none; margin: 0.75rem 0 0; padding: 0; }
.log li { border-top: 1px solid var(--rule); padding: 0.4rem 0; break-inside: avoid; display: grid;
  grid-template-columns: 6.5rem minmax(0, 1fr); }
.log li p { margin: 0; max-width: none; font-size: 0.95rem; overflow-wrap: anywhere; }
@media screen and (max-width: 30rem) { .log li { grid-template-columns: minmax(0, 1fr); } }
.injected { border: 1px dashed currentcolor; border-radius: 0.25rem; padding: 0 0.35rem; color: var(--data); font-size: 0.85rem; }
.injected.world { color: var(--world); }
@media screen {
${ACTIONS.map((action) => `.log:has(input[value="${action}"]:checked) li:not([data-action="${action}"]) { display: none; }`).join('\n')}
}
@media print { .log label, .log legend { display: none; } }
`;
