import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import {
  checkModelConfig,
  modelConfigJsonSchema,
  parseModelConfig,
  validateConfig,
} from '../../src/adapters/model-config.js';
import { SeawallError, type ModelConfig } from '../../src/contracts/index.js';

const DAY_MS = 86_400_000;
const minimal = `name: flights
features: { hour: int64, distance: float32, origin: string }
label: { column: late }
dataset: { name: flights-2001, rowId: flight_id }
trainer: { use: xgboost }
`;

/** `line:column path text` of every problem. */
function problems(text: string): string[] {
  const checked = checkModelConfig(text, 'flights.yaml');
  if (checked.ok) return [];
  return checked.problems.map((p) => `${p.line}:${p.column} ${p.path} ${p.text}`);
}
/** The minimal file with lines added or, by their key, replaced. */
function withLines(...lines: string[]): string {
  const keysOf = new Set(lines.map((line) => line.split(':')[0]));
  const kept = minimal.split('\n').filter((line) => line !== '' && !keysOf.has(line.split(':')[0]));
  return [...kept, ...lines, ''].join('\n');
}

describe('a file that says only what it must', () => {
  it('gets every default', () => {
    expect(parseModelConfig(minimal, 'flights.yaml')).toEqual({
      name: 'flights',
      task: 'binary',
      clock: 'wall',
      windows: { everyMs: DAY_MS, anchor: '2000-01-03T00:00:00.000Z', allowedLatenessMs: 0 },
      features: [
        { name: 'hour', type: 'int64' },
        { name: 'distance', type: 'float32' },
        { name: 'origin', type: 'string' },
      ],
      label: { column: 'late', maturity: 0.95, deadlineMs: 14 * DAY_MS },
      dataset: { name: 'flights-2001', rowId: 'flight_id' },
      holdout: { hashFraction: 0.1 },
      trainer: {
        run: { use: 'xgboost' },
        params: {},
        seed: 7,
        pool: 'default',
        device: 'cuda',
        timeoutMs: 3_600_000,
        graceMs: 20_000,
        maxAttempts: 5,
      },
      monitor: {
        minRows: 500,
        nullShare: { warn: 0.05, block: 0.3 },
        unseenShare: { warn: 0.05, block: 0.3 },
        outOfRangeShare: { warn: 0.05, block: 0.3 },
        slices: [],
        feed: {
          drop: { warn: 0.3, block: 0.6 },
          rise: 1,
          gap: { warn: 0, block: 0.5 },
          duplicates: { warn: 0.01, block: 0.5 },
          late: { warn: 0.01, block: 1 },
        },
        schema: { columns: {}, extra: 'off' },
      },
      gate: {
        performance: {
          aucDrop: 0.02,
          logLossRise: 0.02,
          accuracyDrop: 0.02,
          rmseRise: 0.1,
          minLabelled: 1000,
          minMaturity: 0.5,
        },
        drift: { warnPsi: 0.1, featurePsi: 0.25, predictionPsi: 0.25, falseAlarms: 0.05 },
        cooldownMs: 14 * DAY_MS,
      },
      promotion: { metric: 'logLoss', minGain: 0 },
      approval: { mode: 'person', minGain: 0, deadlineMs: 3 * DAY_MS },
    } satisfies ModelConfig);
  });

  it('may have exactly 400 windows waiting for labels', () => {
    expect(problems(withLines('windows: { every: 1h }', 'label: { column: late, deadline: 400h }'))).toEqual([]);
  });

  it('begins its default windows on a Monday', () => {
    expect(new Date(parseModelConfig(minimal, 'f').windows.anchor).getUTCDay()).toBe(1);
  });

  it('keeps a command as an argv', () => {
    const { trainer } = parseModelConfig(withLines('trainer: { command: [python3, train.py, "3"] }'), 'f');
    expect(trainer.run).toEqual({ command: ['python3', 'train.py', '3'] });
  });
});

describe('which data are learnt from', () => {
  const datasetOf = (words: string) => parseModelConfig(withLines(`dataset: { name: visits, ${words} }`), 'f').dataset;

  it('is the head, all of it, unless something else is said', () => {
    expect(datasetOf('rowId: id, follow: head, use: all, from: commits')).toEqual({ name: 'visits', rowId: 'id' });
  });

  it('may be a tag, a pinned version, a slice of time', () => {
    expect(datasetOf('rowId: id, follow: { tag: golden }').follow).toEqual({ tag: 'golden' });
    expect(datasetOf('rowId: id, follow: { pinned: "0123456789ab" }').follow).toEqual({ pinned: '0123456789ab' });
    expect(datasetOf('rowId: id, use: { last: 90d }').use).toEqual({ lastMs: 90 * DAY_MS });
    expect(datasetOf('rowId: id, use: { since: 2026-01-31 }').use).toEqual({ since: '2026-01-31T00:00:00.000Z' });
    expect(datasetOf('rowId: id, use: { since: 2026-01-31T12:00:00Z }').use).toEqual({
      since: '2026-01-31T12:00:00.000Z',
    });
  });

  it('may be the logs, whose rows the ids of predictions tell apart', () => {
    expect(datasetOf('from: logs')).toEqual({ name: 'visits', rowId: '_prediction_id', from: 'logs' });
    expect(datasetOf('from: logs, rowId: visit_id').rowId).toBe('visit_id');
  });

  it.each([
    [
      'follow: { tag: Golden }',
      '5:52 dataset.follow.tag "Golden" is not allowed: head, { tag: NAME } or { pinned: DIGEST }',
    ],
    ['follow: { pinned: "0123" }', '5:55 dataset.follow.pinned "0123" is not allowed: head, { tag: NAME }'],
    ['follow: newest', '5:45 dataset.follow "newest" is not allowed: head, { tag: NAME }'],
    [
      'use: { last: 90d, since: 2026-01-01 }',
      '5:42 dataset.use a mapping is not allowed: all, { last: DURATION } (as 90d)',
    ],
    ['use: { since: 2026-02-30 }', '5:42 dataset.use a mapping is not allowed'],
    ['use: { last: soon }', '5:50 dataset.use.last "soon" is not allowed: all, { last: DURATION } (as 90d)'],
  ])('%s', (words, problem) => {
    const [found, ...more] = problems(withLines(`dataset: { name: visits, rowId: id, ${words} }`));
    expect(found?.slice(0, problem.length)).toBe(problem);
    expect(more).toEqual([]);
  });

  it('must leave the columns of the logs as they are', () => {
    const followed = problems(withLines('dataset: { name: v, rowId: id, from: logs, follow: { tag: golden } }'));
    expect(followed).toEqual([expect.stringContaining('must be head with from: logs')]);
    expect(problems(withLines('dataset: { name: visits, from: logs, rowId: HOUR }'))).toEqual([
      expect.stringContaining('dataset.rowId is another column of the logs'),
    ]);
    expect(problems(withLines('dataset: { name: v, from: logs }', 'label: { column: _event_time }'))).toEqual([
      expect.stringContaining('label.column is a column of the logs'),
    ]);
  });

  it('has a price in the gate, when its change warrants a retrain', () => {
    expect(parseModelConfig(withLines('gate: { dataset: { minNewShare: 0.2 } }'), 'f').gate.dataset).toEqual({
      minNewShare: 0.2,
    });
    expect(problems(withLines('gate: { dataset: {} }'))).toEqual([
      expect.stringContaining('gate.dataset.minNewShare is missing: a number from 0 to 1'),
    ]);
  });
});

describe('problems', () => {
  const RULE = 'a duration is a whole number and a unit: 30s, 15m, 12h, 7d or 2w';
  it.each<[name: string, text: string, expected: string[]]>([
    [
      'a wrong value',
      withLines('gate:', '  cooldown: 2 weeks'),
      [`7:13 gate.cooldown "2 weeks" is not allowed: ${RULE}`],
    ],
    [
      'an unknown key, misspelt',
      withLines('gate: { cool_dwon: 1d }'),
      ['6:9 gate.cool_dwon is unknown; did you mean "cooldown"?'],
    ],
    [
      'a key in the wrong place',
      withLines('gate: { minRows: 5 }'),
      [
        '6:9 gate.minRows is unknown here; it belongs below monitor (known here: performance, drift, dataset, cooldown)',
      ],
    ],
    [
      'a share above 1',
      withLines('label: { column: late, maturity: 95 }'),
      ['5:34 label.maturity 95 is not allowed: a number from 0 to 1'],
    ],
    [
      'a missing field',
      withLines('dataset: { name: flights }'),
      ['5:1 dataset.rowId is missing: the name of a column, 1 to 128 characters'],
    ],
    ['a missing section', 'name: a\n', ['features', 'label', 'dataset', 'trainer'].map((s) => `1:1 ${s} is missing`)],
    [
      'an empty section',
      withLines('gate:'),
      ['6:1 gate is empty: a mapping with performance, drift, dataset, cooldown'],
    ],
    [
      'a name with capitals',
      withLines('name: Flights'),
      ['5:7 name "Flights" is not allowed: a name is 1 to 63 characters'],
    ],
    [
      'a reserved feature',
      withLines('features: { hour: int64, Score: float32 }'),
      ['5:26 features.Score this name is not allowed: a feature is named'],
    ],
    [
      'a feature with an underscore',
      withLines('features: { _x: int64 }'),
      ['5:13 features._x this name is not allowed'],
    ],
    ['no features', withLines('features: {}'), ['5:1 features is empty: a model needs at least one feature']],
    [
      'a feature type',
      withLines('features: { hour: int32 }'),
      ['5:19 features.hour "int32" is not allowed: one of float32, int64, string'],
    ],
    ['the label among the features', withLines('label: { column: hour }'), ['2:13 features.hour is the label']],
    [
      'features that SQL cannot tell apart',
      withLines('features: { hour: int64, HOUR: int64 }'),
      ['5:26 features.HOUR differs from "hour" only in case'],
    ],
    [
      'an anchor with an offset',
      withLines('windows: { anchor: 2001-02-05T00:00:00+01:00 }'),
      ['6:20 windows.anchor "2001-02-05T00:00:00+01:00" is not allowed: a time in UTC'],
    ],
    ['an anchor that is no day', withLines('windows: { anchor: 2001-02-30T00:00:00Z }'), ['6:20 windows.anchor']],
    [
      'windows of no length',
      withLines('windows: { every: 0s }'),
      [`6:19 windows.every "0s" is not allowed: ${RULE}; at least 1s`],
    ],
    [
      'two trainers',
      withLines('trainer: { use: xgboost, command: [a] }'),
      ['5:26 trainer.command stands beside trainer.use'],
    ],
    [
      'several classes, unnamed',
      withLines('task: multiclass'),
      ['6:1 task is multiclass: list the labels as `classes: [a, b, …]`'],
    ],
    [
      'classes of a number',
      withLines('task: regression', 'classes: [a, b]'),
      ['7:1 classes stands beside task: regression; only multiclass has classes'],
    ],
    [
      'a class twice',
      withLines('task: multiclass', 'classes: [a, b, A]'),
      ['7:17 classes.2 is listed twice (columns know no case)'],
    ],
    [
      'a class that is no text',
      withLines('task: multiclass', 'classes: [true, b]'),
      ['7:11 classes.0 true is not allowed: a class is letters, digits'],
    ],
    [
      'a feature named as a score',
      withLines('task: multiclass', 'classes: [a, b]', 'features: { Score_a: int64 }'),
      ['7:13 features.Score_a is the column of a class’s score'],
    ],
    [
      'a metric of another task',
      withLines('task: regression', 'promotion: { metric: auc }'),
      ['7:14 promotion.metric is auc, which regression does not have: one of rmse, mae'],
    ],
    ['no trainer', withLines('trainer: { seed: 1 }'), ['5:1 trainer says not what to run']],
    [
      'a warning above the block',
      withLines('monitor: { nullShare: { warn: 0.4 } }'),
      ['6:25 monitor.nullShare.warn is 0.4, above monitor.nullShare.block (0.3)'],
    ],
    [
      'more open windows than a loop can keep',
      withLines('windows: { every: 1h }', 'label: { column: late, deadline: 17d }'),
      ['6:24 label.deadline is 17d, which is 408 windows of 1h (windows.every) waiting for labels: at most 400'],
    ],
    [
      'the same by a default',
      withLines('windows: { every: 5m }'),
      ['3:1 label.deadline is 14d, which is 4032 windows of 5m'],
    ],
    [
      'autoAbove without a limit',
      withLines('approval: { mode: autoAbove }'),
      ['6:1 approval.minGain is missing: with autoAbove'],
    ],
    [
      'a parameter that JSON lacks',
      withLines('trainer: { use: xgboost, params: { eta: .inf } }'),
      ['5:41 trainer.params.eta Infinity is not allowed'],
    ],
    ['a key twice', `${minimal}name: other\n`, ['6:1  Map keys must be unique']],
    ['broken syntax', 'name: [a\n', ['2:1  Flow sequence in block collection']],
    ['nothing at all', '', ['1:1  is empty: a mapping with name, task']],
    ['another document', '- 1\n', ['1:1  a list is not allowed: a mapping with name']],
  ])('%s', (_name, text, expected) => {
    const found = problems(text);
    expect(found).toHaveLength(expected.length);
    for (const [i, start] of expected.entries())
      expect(found[i]?.startsWith(start), `${found[i]} / ${start}`).toBe(true);
  });

  it('are told all at once, in the order of the file', () => {
    const text = withLines('clock: sundial', 'gate: { cooldown: soon }', 'extra: 1', 'approval: { mode: autoAbove }');
    let error: unknown;
    try {
      parseModelConfig(text, 'conf/flights.yaml');
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(SeawallError);
    const { message, next, type } = error as SeawallError;
    expect(type).toBe('BadInput');
    expect(next).toContain('seawall model schema');
    expect(message.split('\n').map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      'conf/flights.yaml has 4 problems:',
      'conf/flights.yaml:6:8 clock',
      'conf/flights.yaml:7:19 gate.cooldown',
      'conf/flights.yaml:8:1 extra',
      'conf/flights.yaml:9:1 approval.minGain',
    ]);
  });
});

const second = 1000;
const durationMs = (leastMs: number) => fc.integer({ min: leastMs / second, max: 90_000 }).map((s) => s * second);
const amount = fc.double({ min: 0, max: 5, noNaN: true }).map((x) => x + 0);
const share = fc.double({ min: 0, max: 1, noNaN: true }).map((x) => x + 0);
const severity = fc.constantFrom('off' as const, 'warn' as const, 'block' as const);
const columnSchema = fc.record(
  {
    type: fc.constantFrom('float32' as const, 'string' as const),
    nullable: fc.boolean(),
    min: fc.integer(),
    categories: fc.array(fc.string(), { maxLength: 3 }),
    unique: fc.boolean(),
    severity,
    rules: fc.record({ nulls: severity, range: severity }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const pair = fc.tuple(share, share).map(([a, b]) => ({ warn: Math.min(a, b), block: Math.max(a, b) }));
const slug = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/);
const columnName = fc
  .stringMatching(/^[a-z][a-z0-9_]{0,12}$/)
  .filter((n) => !['prediction', 'score', 'label'].includes(n));
const json = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);

const anyConfigs: fc.Arbitrary<ModelConfig> = fc.record({
  name: slug,
  task: fc.constant('binary' as const),
  clock: fc.constantFrom('wall' as const, 'feed' as const),
  windows: fc.record({
    everyMs: durationMs(second),
    anchor: fc.integer({ min: 0, max: 2_000_000_000 }).map((s) => new Date(s * second).toISOString()),
    allowedLatenessMs: durationMs(0),
  }),
  features: fc.uniqueArray(
    fc.record({ name: columnName, type: fc.constantFrom('float32' as const, 'int64' as const, 'string' as const) }),
    { minLength: 1, maxLength: 6, selector: (f) => f.name },
  ),
  label: fc.record({ column: fc.constant('Target'), maturity: share, deadlineMs: durationMs(0) }),
  dataset: fc
    .record(
      {
        name: slug,
        rowId: fc.constant('Row Id: #1'),
        follow: fc.oneof(fc.record({ tag: slug }), fc.constant({ pinned: 'abcdef012345' })),
        use: fc.oneof(
          fc.record({ lastMs: durationMs(second) }),
          fc.record({
            since: fc.integer({ min: 0, max: 2_000_000_000 }).map((s) => new Date(s * second).toISOString()),
          }),
        ),
        from: fc.constant('logs' as const),
      },
      { requiredKeys: ['name', 'rowId'] },
    )
    .map(({ follow, ...dataset }) => ({ ...dataset, ...(follow && !dataset.from ? { follow } : {}) })),
  holdout: fc.record({ hashFraction: fc.double({ min: 0.001, max: 0.5, noNaN: true }) }),
  trainer: fc.record(
    {
      run: fc.oneof(
        fc.constant({ use: 'xgboost' as const }),
        fc.record({ command: fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 3 }) }),
      ),
      params: fc.dictionary(columnName, json, { maxKeys: 3, noNullPrototype: true }),
      seed: fc.nat(),
      pool: slug,
      device: fc.constantFrom('cuda' as const, 'cpu' as const, 'cudaOrCpu' as const),
      timeoutMs: durationMs(second),
      graceMs: durationMs(0),
      maxAttempts: fc.integer({ min: 1, max: 30 }),
      budget: fc.record({ firstRunMs: durationMs(second), value: amount }, { requiredKeys: [] }),
    },
    { requiredKeys: ['run', 'params', 'seed', 'pool', 'device', 'timeoutMs', 'graceMs', 'maxAttempts'] },
  ),
  monitor: fc.record({
    minRows: fc.integer({ min: 1, max: 1e6 }),
    nullShare: pair,
    unseenShare: pair,
    outOfRangeShare: pair,
    slices: fc.constant([]),
    feed: fc.record({ drop: pair, rise: amount, gap: pair, duplicates: pair, late: pair }),
    schema: fc.record({
      columns: fc.dictionary(columnName, columnSchema, { maxKeys: 3, noNullPrototype: true }),
      extra: severity,
    }),
  }),
  gate: fc.record(
    {
      performance: fc.record({
        aucDrop: share,
        logLossRise: amount,
        accuracyDrop: share,
        rmseRise: amount,
        minLabelled: fc.integer({ min: 1, max: 1e6 }),
        minMaturity: share,
      }),
      drift: fc.record({
        warnPsi: fc.constant(0.1),
        featurePsi: amount.map((x) => 0.1 + x),
        predictionPsi: amount,
        falseAlarms: fc.constantFrom(0.01, 0.05),
      }),
      dataset: fc.record({ minNewShare: share }),
      cooldownMs: durationMs(0),
    },
    { requiredKeys: ['performance', 'drift', 'cooldownMs'] },
  ),
  promotion: fc.record({ metric: fc.constantFrom('logLoss' as const, 'auc' as const), minGain: amount }),
  approval: fc.record({
    mode: fc.constantFrom('auto' as const, 'person' as const, 'autoAbove' as const),
    minGain: amount,
    deadlineMs: durationMs(second),
  }),
});

/** At most 400 windows wait for labels. */
const configs = anyConfigs.map((config) => {
  const deadlineMs = Math.min(config.label.deadlineMs, 400 * config.windows.everyMs);
  return { ...config, label: { ...config.label, deadlineMs } };
});

/** The file that means `config`. */
function fileOf(config: ModelConfig): unknown {
  const { windows, label, trainer, gate, approval, features, dataset, ...same } = config;
  const { use } = dataset;
  const { run, timeoutMs, graceMs, budget, ...training } = trainer;
  const seconds = (ms: number) => `${ms / second}s`;
  return {
    ...same,
    windows: {
      every: seconds(windows.everyMs),
      anchor: windows.anchor,
      allowedLateness: seconds(windows.allowedLatenessMs),
    },
    features: Object.fromEntries(features.map(({ name, type }) => [name, type])),
    label: { column: label.column, maturity: label.maturity, deadline: seconds(label.deadlineMs) },
    dataset: { ...dataset, ...(use && 'lastMs' in use ? { use: { last: seconds(use.lastMs) } } : {}) },
    trainer: {
      ...run,
      ...training,
      timeout: seconds(timeoutMs),
      grace: seconds(graceMs),
      ...(budget && {
        budget: {
          ...(budget.firstRunMs !== undefined && { firstRun: seconds(budget.firstRunMs) }),
          ...(budget.value !== undefined && { value: budget.value }),
        },
      }),
    },
    gate: { ...gate, cooldownMs: undefined, cooldown: seconds(gate.cooldownMs) },
    approval: { mode: approval.mode, minGain: approval.minGain, deadline: seconds(approval.deadlineMs) },
  };
}

describe('what is known of the data', () => {
  const text = withLines(
    'monitor: { schemaFile: schema.yaml, schema: { columns: { b: { unique: true } }, extra: block } }',
  );
  const file = 'columns: { a: { min: 0, severity: block }, b: { nullable: false } }\nextra: warn';
  it('is read from the file that is named; what stands in the model’s own file goes before it', () => {
    const read: string[] = [];
    const config = parseModelConfig(text, 'model.yaml', (path) => (read.push(path), file));
    expect([read, config.monitor.schema]).toEqual([
      ['schema.yaml'],
      { columns: { a: { min: 0, severity: 'block' }, b: { unique: true } }, extra: 'block' },
    ]);
  });
  it('has its mistakes told in their place', () => {
    const broken = 'columns:\n  a: { min: low, colour: red }';
    expect(() => parseModelConfig(text, 'model.yaml', () => broken)).toThrow(
      /^schema\.yaml:2:\d+: columns\.a\.\w+: .*\nschema\.yaml:2:\d+: columns\.a\.\w+: /,
    );
    expect(() => parseModelConfig(text, 'model.yaml')).toThrow(/only `seawall model apply` reads it/);
  });
});

it('a verdict that is final with few labels is judged with few labels', () => {
  const maturity = (more: string): number =>
    parseModelConfig(withLines(more).replace(/^label:.*$/m, 'label: { column: bought, maturity: 0.3 }'), 'model.yaml')
      .gate.performance.minMaturity;
  expect(maturity('clock: feed')).toBe(0.3);
  expect(maturity('gate: { performance: { minMaturity: 0.4 } }')).toBe(0.4);
});

describe('a round trip', () => {
  it('through YAML, and through storage, changes nothing', () => {
    fc.assert(
      fc.property(configs, (config) => {
        expect(parseModelConfig(stringify(fileOf(config)), 'any.yaml')).toEqual(config);
        expect(validateConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
      }),
    );
  });
});

describe('a stored configuration', () => {
  const stored = () => JSON.parse(JSON.stringify(parseModelConfig(minimal, 'f'))) as Record<string, unknown>;
  it.each<[string, Record<string, unknown>, string]>([
    ['an unknown field', { surprise: 1 }, 'surprise'],
    ['a missing section', { gate: undefined }, 'gate'],
    [
      'a wrong type',
      { windows: { everyMs: '1d', anchor: '2000-01-03T00:00:00.000Z', allowedLatenessMs: 0 } },
      'windows.everyMs',
    ],
  ])('is refused with %s', (_name, change, where) => {
    expect(() => validateConfig({ ...stored(), ...change })).toThrowError(where);
  });
});

it('knows three tasks, each with a metric of its own', () => {
  const parsed = (...lines: string[]) => parseModelConfig(withLines(...lines), 'model.yaml');
  expect(parsed('task: regression').promotion.metric).toBe('rmse');
  const several = parsed('task: multiclass', 'classes: [0, late, 1.5.x]');
  expect(several).toMatchObject({ classes: ['0', 'late', '1.5.x'], promotion: { metric: 'logLoss' } });
  expect(validateConfig(several)).toEqual(several);
  expect('classes' in parsed()).toBe(false);
});

it('has a JSON Schema that knows every section and allows nothing else', () => {
  const schema = modelConfigJsonSchema();
  expect(schema['required']).toEqual(['name', 'features', 'label', 'dataset', 'trainer']);
  expect(schema['additionalProperties']).toBe(false);
  expect(Object.keys(schema['properties'] as object)).toHaveLength(14);
});
