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
      },
      gate: {
        performance: { aucDrop: 0.02, logLossRise: 0.02, minLabelled: 1000 },
        drift: { warnPsi: 0.1, featurePsi: 0.25, predictionPsi: 0.25 },
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
      ['6:9 gate.minRows is unknown here; it belongs below monitor (known here: performance, drift, cooldown)'],
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
    ['an empty section', withLines('gate:'), ['6:1 gate is empty: a mapping with performance, drift, cooldown']],
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
  dataset: fc.record({ name: slug, rowId: fc.constant('Row Id: #1') }),
  holdout: fc.record({ hashFraction: fc.double({ min: 0.001, max: 0.5, noNaN: true }) }),
  trainer: fc.record({
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
  }),
  monitor: fc.record({
    minRows: fc.integer({ min: 1, max: 1e6 }),
    nullShare: pair,
    unseenShare: pair,
    outOfRangeShare: pair,
  }),
  gate: fc.record({
    performance: fc.record({ aucDrop: share, logLossRise: amount, minLabelled: fc.integer({ min: 1, max: 1e6 }) }),
    drift: fc.record({ warnPsi: fc.constant(0.1), featurePsi: amount.map((x) => 0.1 + x), predictionPsi: amount }),
    cooldownMs: durationMs(0),
  }),
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
  const { windows, label, trainer, gate, approval, features, ...same } = config;
  const { run, timeoutMs, graceMs, ...training } = trainer;
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
    trainer: { ...run, ...training, timeout: seconds(timeoutMs), grace: seconds(graceMs) },
    gate: { performance: gate.performance, drift: gate.drift, cooldown: seconds(gate.cooldownMs) },
    approval: { mode: approval.mode, minGain: approval.minGain, deadline: seconds(approval.deadlineMs) },
  };
}

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
