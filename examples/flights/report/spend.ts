/** What training cost, beside retraining every week. */
import {
  COLOR,
  html,
  type Html,
  type Layer,
  renderChart,
  renderNumbers,
  spread,
} from '../../../src/adapters/charts/index.js';
import type { FlightsDocument, RunResult } from '../document.js';
import { day, seconds } from './format.js';
import { LOOKS } from './lines.js';
import { type Plot, TIME, timeChart, type Timeline } from './timeline.js';

interface Step {
  at: number;
  /** All that was spent until then, in seconds of training. */
  spent: number;
}
type RunStep = Step & { run: RunResult };

export async function renderSpend(document: FlightsDocument, timeline: Timeline): Promise<Html> {
  const runs = runSteps(document, timeline);
  const weekly = weeklySteps(document);
  const [own, all] = [runs.at(-1)?.spent ?? 0, weekly.at(-1)?.spent ?? null];
  const top = Math.max(own, all ?? 0);
  const chart = timeChart(timeline, {
    title: 'Cumulative seconds of training',
    description: `Seawall: ${seconds(own)} in ${runs.length} runs. Retrained weekly: ${seconds(all)}. The first model is included.`,
    height: 170,
    layers: (plot) => layersOf(timeline, runs, weekly, top, plot),
  });
  return html`<section aria-labelledby="spend">
    <h2 id="spend">What training cost</h2>
    <figure>
      <figcaption>
        Cumulative seconds of training, the first model included; Seawall’s with the start of its trainer’s interpreter,
        which the other lacks (the comparison above charges both alike). A <b>dot</b> is a run that was released, a
        <b>cross</b> one that was not: its training is paid for all the same.
      </figcaption>
      ${top > 0 ? await renderChart(chart) : html`<p class="soft">No run was trained.</p>`}
      ${renderNumbers(
        'runs',
        [
          { name: 'run' },
          { name: 'bought by the week of' },
          { name: 'trigger' },
          { name: 'training', number: true },
          { name: 'all until then', number: true },
          { name: 'on' },
          { name: 'outcome' },
        ],
        runs.map(({ run, spent }) => [
          run.run,
          run.boughtBy === null ? '–' : day(run.boughtBy),
          run.trigger ?? '–',
          seconds(run.trainSeconds),
          seconds(spent),
          run.device ?? '–',
          html`${run.outcome ?? 'open'}${run.text !== null && html`: ${run.text}`}`,
        ]),
      )}
    </figure>
  </section>`;
}

/** When it was decided, in the model's clock; a run that no week bought comes with the one before it. */
function runSteps({ runs, weeks }: FlightsDocument, { fromMs }: Timeline): RunStep[] {
  let [at, spent] = [fromMs, 0];
  return [...runs]
    .sort((a, b) => a.run - b.run)
    .map((run) => {
      const week = weeks.find(({ from }) => from === run.boughtBy);
      const revision = week?.decisions.findLast(({ action }) => action === 'retrain')?.revision;
      const decidedAt = week?.revisions.find((one) => one.revision === revision)?.at ?? week?.to;
      if (decidedAt !== undefined) at = Math.max(at, Date.parse(decidedAt));
      spent += run.trainSeconds ?? 0;
      return { at, spent, run };
    });
}

/** The week's model is trained before the week begins. Empty where it was not measured. */
function weeklySteps({ weeks }: FlightsDocument): Step[] {
  if (weeks.every(({ trainSecondsWeekly }) => trainSecondsWeekly === null)) return [];
  let spent = 0;
  return weeks.map(({ from, trainSecondsWeekly }) => {
    spent += trainSecondsWeekly ?? 0;
    return { at: Date.parse(from), spent };
  });
}

function layersOf(timeline: Timeline, runs: RunStep[], weekly: Step[], top: number, plot: Plot): Layer[] {
  const y = {
    field: 'spent',
    type: 'quantitative' as const,
    scale: { domain: [0, top * 1.05], nice: false },
    axis: { title: null, tickCount: 4, labelExpr: `datum.label + ' s'` },
  };
  const [own, all] = [LOOKS.seawall, LOOKS.weekly];
  const line = (steps: Step[], { color, dash }: (typeof LOOKS)[keyof typeof LOOKS], width: number): Layer => ({
    data: {
      values: [{ at: timeline.fromMs, spent: 0 }, ...steps.map(({ at, spent }) => ({ at, spent })), ...ending(steps)],
    },
    mark: { type: 'line', interpolate: 'step-after', color, strokeDash: [...dash], strokeWidth: width },
    encoding: { x: TIME, y },
  });
  const ending = (steps: Step[]): Step[] => steps.slice(-1).map(({ spent }) => ({ at: timeline.toMs, spent }));
  const ends = [
    { look: all, spent: weekly.at(-1)?.spent },
    { look: own, spent: runs.at(-1)?.spent },
  ].flatMap(({ look, spent }) => (spent === undefined ? [] : [{ look, spent }]));
  const places = spread(
    ends.map(({ spent }) => (1 - spent / (top * 1.05)) * plot.height),
    30,
    [0, plot.height - 8],
  );
  return [
    ...(weekly.length > 0 ? [line(weekly, all, 1.75)] : []),
    ...(runs.length > 0 ? [line(runs, own, 2.5)] : []),
    {
      data: { values: runs.map(({ at, spent, run }) => ({ at, spent, released: run.outcome === 'released' })) },
      mark: { type: 'point', strokeWidth: 2, opacity: 1, stroke: own.color },
      encoding: {
        x: TIME,
        y,
        shape: { condition: { test: 'datum.released', value: 'circle' }, value: 'M-.7,-.7L.7,.7M-.7,.7L.7,-.7' },
        size: { condition: { test: 'datum.released', value: 60 }, value: 160 },
        fill: { condition: { test: 'datum.released', value: own.color }, value: COLOR.paper },
      },
    },
    ...ends.map(({ look, spent }, i): Layer => ({
      data: { values: [{ text: [plot.size === 'wide' ? look.name : look.short, seconds(spent)] }] },
      mark: {
        type: 'text',
        align: 'left',
        baseline: 'middle',
        lineHeight: 14,
        color: look.color,
        fontWeight: look.emphasis ? 'bold' : 'normal',
      },
      encoding: { text: { field: 'text' }, x: { value: plot.width + 6 }, y: { value: places[i] ?? 0 } },
    })),
  ];
}
