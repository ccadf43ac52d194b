/** The shape of a model's YAML file, with its defaults, and of the configuration that is stored from it. */
import { z } from 'zod';
import {
  DURATION_RULE,
  metricsOf,
  NAME_RULE,
  parseDurationMs,
  predictionColumns,
  readyTrainers,
  toIso,
} from '../contracts/index.js';
import type { BudgetHints, DatasetPolicy, ModelConfig, TableSchema } from '../contracts/index.js';

const FEATURE_NAME_RULE =
  'a feature is named as its column: a letter, then letters, digits, _, - and . (at most 128); not prediction, score or label';
const reservedNames = ['prediction', 'score', 'label'];

// ── Leaves. Every description completes "… is not allowed:" ─────────────────────────────────────────────────────────

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
  .describe(NAME_RULE);
const column = z.string().min(1).max(128).describe('the name of a column, 1 to 128 characters');
const featureName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,127}$/)
  .refine((text) => !reservedNames.includes(text.toLowerCase()))
  .describe(FEATURE_NAME_RULE);
const featureType = z.enum(['float32', 'int64', 'string']);
const share = z.number().min(0).max(1);
const chance = z.number().gt(0).lt(1).describe('a number above 0 and below 1');
const amount = z.number().min(0).max(1e12).describe('a number, 0 or more');
const count = z.int().min(1).max(1e12).describe('a whole number, 1 or more');
const seed = z
  .int()
  .min(0)
  .max(2 ** 31 - 1);
const attempts = z.int().min(1).max(30);
const device = z.enum(['cuda', 'cpu', 'cudaOrCpu']);
const task = z.enum(['binary', 'multiclass', 'regression']);
/** Their names end column names, and a column of labels may hold whole numbers. */
const className = z
  .union([z.string(), z.int().transform(String)])
  .refine((text) => /^[A-Za-z0-9_.-]{1,64}$/.test(text))
  .describe('a class is letters, digits, _, - and . (at most 64), or a whole number; put true and false in quotes');
const classes = z.array(className).min(2).max(200).describe('a list of 2 to 200 classes, the texts of the labels');
const metric = z.enum(['logLoss', 'auc', 'brier', 'accuracy', 'f1', 'rmse', 'mae']);
const mode = z.enum(['auto', 'person', 'autoAbove']);
const times = z.number().min(1).max(1000).describe('a multiple of the champion’s, 1 or more');
const number = z.number().min(-1e12).max(1e12).describe('a number');
const use = z.enum(readyTrainers);
const argument = z.string().min(1).describe('a text that is not empty (put numbers in quotes)');
const command = z.array(argument).min(1).describe('a list: the program, then its arguments');
const params = z
  .record(z.string(), z.json())
  .describe('parameters by name, each a value that JSON can hold (no .nan or .inf)');
/** Half: a model that learns from less than it is judged on is a mistake in the file. */
const holdoutShare = z.number().gt(0).max(0.5).describe('a number above 0, at most 0.5');
/** Seconds, because keys carry no fraction; UTC, because a window must not move with somebody's summer time. */
const anchor = z.iso
  .datetime()
  .regex(/T\d{2}:\d{2}:\d{2}(\.0+)?Z$/)
  .describe('a time in UTC with whole seconds, as 2001-02-05T00:00:00Z');

/** Digits as the commands print them: fewer could soon begin several versions. */
const versionDigits = z.string().regex(/^[0-9a-f]{12,64}$/);
const FOLLOW_RULE = 'head, { tag: NAME } or { pinned: DIGEST }, of the digest 12 digits or more, in quotes';
const USE_RULE = 'all, { last: DURATION } (as 90d) or { since: YYYY-MM-DD }';
const follow = z
  .union([z.literal('head'), z.strictObject({ tag: name }), z.strictObject({ pinned: versionDigits })])
  .describe(FOLLOW_RULE);
const day = z.union([z.iso.date(), anchor]);

/** Strict: an unknown key would vanish silently. */
function section<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape);
}

function duration(least: string) {
  const leastMs = parseDurationMs(least) as number;
  return z
    .string()
    .regex(/^\d{1,6}(s|m|h|d|w)$/)
    .refine((text) => (parseDurationMs(text) ?? leastMs) >= leastMs)
    .describe(least === '0s' ? DURATION_RULE : `${DURATION_RULE}; at least ${least}`)
    .transform((text) => parseDurationMs(text) as number);
}

function limits(warn: number, block: number) {
  return section({ warn: share.default(warn), block: share.default(block) }).prefault({});
}

// ── Promotion ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** The same in the file and in what is stored. */
const extras = {
  mode: z.enum(['better', 'notWorse']).optional(),
  margin: amount.optional(),
  minRows: count.optional(),
  slices: section({
    by: z.array(column).min(1).max(20).describe('a list of 1 to 20 columns'),
    margin: amount,
    minRows: count.default(500),
  }).optional(),
  guardrails: section({
    logLossRise: amount.optional(),
    calibrationRise: share.optional(),
    slower: times.optional(),
    larger: times.optional(),
  }).optional(),
  tests: z
    .array(
      section({
        name: z.string().min(1).max(100).describe('a name, 1 to 100 characters'),
        kind: z.enum(['invariance', 'direction', 'minimum']),
        set: z.record(featureName, z.union([number, z.string()])).optional(),
        add: z.record(featureName, number).optional(),
        expect: z.enum(['up', 'down']).optional(),
        atLeast: number.optional(),
        atMost: number.optional(),
        class: z.string().optional(),
        tolerance: amount.default(0.01),
        share: share.default(0.95),
      }),
    )
    .max(50)
    .describe('a list of at most 50 tests')
    .optional(),
};

const severity = z.enum(['off', 'warn', 'block']);
const rules = ['missing', 'type', 'nulls', 'range', 'categories', 'constant', 'unique'] as const;
const columnSchema = section({
  type: featureType.optional(),
  nullable: z.boolean().optional(),
  min: z.number().optional(),
  max: z.number().optional(),
  categories: z.array(z.string()).max(10_000).optional(),
  unique: z.boolean().optional(),
  severity: severity.optional(),
  rules: z.partialRecord(z.enum(rules), severity).optional(),
});
/** What `seawall schema infer` prints. */
export const tableSchema = section({
  columns: z.record(column, columnSchema).default({}),
  extra: severity.default('off'),
});

// ── The file ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Durations become milliseconds; every default is filled in. What stands between fields is in `model-config-relations.ts`. */
export const fileSchema = section({
  name,
  task: task.default('binary'),
  classes: classes.optional(),
  clock: z.enum(['wall', 'feed']).default('wall'),
  windows: section({
    every: duration('1s').prefault('1d'),
    // A Monday, so that windows of 7d are weeks.
    anchor: anchor.prefault('2000-01-03T00:00:00Z'),
    allowedLateness: duration('0s').prefault('0s'),
  }).prefault({}),
  features: z.record(featureName, featureType),
  label: section({ column, maturity: share.default(0.95), deadline: duration('0s').prefault('14d') }),
  dataset: section({
    name,
    rowId: column.optional(),
    from: z.enum(['commits', 'logs']).default('commits'),
    follow: follow.default('head'),
    use: z
      .union([z.literal('all'), z.strictObject({ last: duration('1s') }), z.strictObject({ since: day })])
      .describe(USE_RULE)
      .prefault('all'),
  }),
  holdout: section({ hashFraction: holdoutShare.default(0.1) }).prefault({}),
  trainer: section({
    use: use.optional(),
    command: command.optional(),
    params: params.default({}),
    seed: seed.default(7),
    pool: name.default('default'),
    // Training on the CPU costs hours where somebody only forgot the GPU: it is allowed by writing it down.
    device: device.default('cuda'),
    timeout: duration('1s').prefault('1h'),
    grace: duration('0s').prefault('20s'),
    maxAttempts: attempts.default(5),
    budget: section({ firstRun: duration('1s').optional(), value: amount.optional() }).optional(),
  }),
  monitor: section({
    minRows: count.default(500),
    nullShare: limits(0.05, 0.3),
    unseenShare: limits(0.05, 0.3),
    outOfRangeShare: limits(0.05, 0.3),
    slices: z.array(featureName).max(10).default([]),
    feed: section({
      drop: limits(0.3, 0.6),
      rise: amount.default(1),
      gap: limits(0, 0.5),
      duplicates: limits(0.01, 0.5),
      late: limits(0.01, 1),
    }).prefault({}),
    schema: tableSchema.optional(),
    schemaFile: z.string().min(1).optional(),
  }).prefault({}),
  gate: section({
    performance: section({
      aucDrop: share.default(0.02),
      logLossRise: amount.default(0.02),
      accuracyDrop: share.default(0.02),
      rmseRise: amount.default(0.1),
      minLabelled: count.default(1000),
      minMaturity: share.optional(),
    }).prefault({}),
    drift: section({
      warnPsi: amount.default(0.1),
      featurePsi: amount.default(0.25),
      predictionPsi: amount.default(0.25),
      falseAlarms: chance.default(0.05),
    }).prefault({}),
    // No default: what a retrain for new data may cost is for its owner to say.
    dataset: section({ minNewShare: share }).optional(),
    cooldown: duration('0s').prefault('14d'),
  }).prefault({}),
  promotion: section({ metric: metric.optional(), minGain: amount.default(0), ...extras }).prefault({}),
  approval: section({
    mode: mode.default('person'),
    minGain: amount.optional(),
    deadline: duration('1s').prefault('3d'),
  }).prefault({}),
});
export type ConfigFile = z.output<typeof fileSchema>;

// ── What is stored ──────────────────────────────────────────────────────────────────────────────────────────────────

const ms = (least: number) => z.int().min(least);
const storedLimits = section({ warn: share, block: share });

/** The configuration as revisions hold it: the type `ModelConfig`, strictly. */
export const storedSchema: z.ZodType<ModelConfig> = section({
  name,
  task,
  classes: z.array(z.string()).optional(),
  clock: z.enum(['wall', 'feed']),
  windows: section({ everyMs: ms(1000), anchor, allowedLatenessMs: ms(0) }),
  features: z.array(section({ name: featureName, type: featureType })).min(1),
  label: section({ column, maturity: share, deadlineMs: ms(0) }),
  dataset: section({
    name,
    rowId: column,
    follow: z.union([z.strictObject({ tag: name }), z.strictObject({ pinned: versionDigits })]).optional(),
    use: z.union([z.strictObject({ lastMs: ms(1000) }), z.strictObject({ since: z.iso.datetime() })]).optional(),
    from: z.literal('logs').optional(),
  }),
  holdout: section({ hashFraction: holdoutShare }),
  trainer: section({
    run: z.union([section({ use }), section({ command })]),
    params,
    seed,
    pool: name,
    device,
    timeoutMs: ms(1000),
    graceMs: ms(0),
    maxAttempts: attempts,
    budget: section({ firstRunMs: ms(1).optional(), value: amount.optional() }).optional(),
  }),
  monitor: section({
    minRows: count,
    nullShare: storedLimits,
    unseenShare: storedLimits,
    outOfRangeShare: storedLimits,
    slices: z.array(z.string()),
    feed: section({
      drop: storedLimits,
      rise: amount,
      gap: storedLimits,
      duplicates: storedLimits,
      late: storedLimits,
    }),
    schema: tableSchema,
  }),
  gate: section({
    performance: section({
      aucDrop: share,
      logLossRise: amount,
      accuracyDrop: share,
      rmseRise: amount,
      minLabelled: count,
      minMaturity: share,
    }),
    drift: section({ warnPsi: amount, featurePsi: amount, predictionPsi: amount, falseAlarms: chance }),
    dataset: section({ minNewShare: share }).optional(),
    cooldownMs: ms(0),
  }),
  promotion: section({ metric, minGain: amount, ...extras }),
  approval: section({ mode, minGain: amount, deadlineMs: ms(1000) }),
});

/** From the file's words to the contract's. @param schema as the file or its `schemaFile` has it */
export function configOf(file: ConfigFile, schema: TableSchema): ModelConfig {
  const { windows, label, trainer, gate, approval } = file;
  const { use: ready, command: argv, timeout, grace, budget, ...training } = trainer;
  return {
    name: file.name,
    task: file.task,
    ...(file.classes && { classes: file.classes }),
    clock: file.clock,
    windows: {
      everyMs: windows.every,
      anchor: new Date(windows.anchor).toISOString(),
      allowedLatenessMs: windows.allowedLateness,
    },
    features: Object.entries(file.features).map(([feature, type]) => ({ name: feature, type })),
    label: { column: label.column, maturity: label.maturity, deadlineMs: label.deadline },
    dataset: datasetOf(file.dataset),
    holdout: file.holdout,
    trainer: {
      run: argv ? { command: argv } : { use: ready ?? 'xgboost' },
      ...training,
      timeoutMs: timeout,
      graceMs: grace,
      ...(budget ? { budget: hintsOf(budget) } : {}),
    },
    monitor: monitorOf(file, schema),
    gate: {
      // Who calls a verdict final with fewer labels has said so.
      performance: { minMaturity: Math.min(0.5, label.maturity), ...gate.performance },
      drift: gate.drift,
      ...(gate.dataset ? { dataset: gate.dataset } : {}),
      cooldownMs: gate.cooldown,
    },
    promotion: { ...file.promotion, metric: file.promotion.metric ?? metricsOf[file.task][0] },
    approval: { mode: approval.mode, minGain: approval.minGain ?? 0, deadlineMs: approval.deadline },
  };
}

/** What says nothing new is left out: a configuration from before these words keeps its digest. */
function datasetOf({ name: dataset, rowId, from, follow: followed, use: used }: ConfigFile['dataset']): DatasetPolicy {
  return {
    name: dataset,
    // Without another word rows of the logs are told apart by what tells predictions apart.
    rowId: rowId ?? predictionColumns.id,
    ...(followed === 'head' ? {} : { follow: followed }),
    ...(used === 'all'
      ? {}
      : { use: 'last' in used ? { lastMs: used.last } : { since: toIso(Date.parse(used.since)) } }),
    ...(from === 'logs' ? { from } : {}),
  };
}

/** What is left out stays out: the digest of a configuration must not depend on who wrote it down. */
function hintsOf({ firstRun, value }: NonNullable<ConfigFile['trainer']['budget']>): BudgetHints {
  return { ...(firstRun === undefined ? {} : { firstRunMs: firstRun }), ...(value === undefined ? {} : { value }) };
}

function monitorOf({ monitor }: ConfigFile, schema: TableSchema): ModelConfig['monitor'] {
  const { minRows, nullShare, unseenShare, outOfRangeShare, slices, feed } = monitor;
  return { minRows, nullShare, unseenShare, outOfRangeShare, slices, feed, schema };
}
