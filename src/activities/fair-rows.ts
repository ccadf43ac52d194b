/** Which rows a comparison may be judged on: those that neither model has learnt from. */
import { join } from 'node:path';
import {
  type ChampionRef,
  type Feature,
  keys,
  type ModelConfig,
  type ReleaseRecord,
  type RunPlan,
} from '../contracts/index.js';
import type { JsonStore, RecordStore } from './ports.js';
import { readPlan } from './run.js';

/** Rows whose id's hash is below the fraction are held out. */
export interface HoldoutRule {
  rowId: string;
  fraction: number;
}

/** The champion, by the run that made it. The configuration may have changed since. */
export interface Champion {
  ref: ChampionRef;
  /** That it answers to. */
  features: Feature[];
  /** Of the rows that it has not learnt from; null: nobody knows which. */
  rule: HoldoutRule | null;
}

export interface JudgedRows {
  file: string;
  rows: number;
  /** In words, for the evidence. */
  rule: string;
  /** Why these rows cannot be the champion's too. */
  notCompared: string | undefined;
}

const ruleOf = ({ dataset, holdout }: ModelConfig): HoldoutRule => ({
  rowId: dataset.rowId,
  fraction: holdout.hashFraction,
});

export async function learntBy(
  { json, records }: { json: JsonStore; records: RecordStore },
  { model, config }: RunPlan,
  ref: ChampionRef,
): Promise<Champion> {
  const record = await records.read<ReleaseRecord>(keys.releases(model), ref.release);
  if (!record) return { ref, features: config.features, rule: null };
  const made = (await readPlan(json, model, record.run)).config;
  return { ref, features: made.features, rule: ruleOf(made) };
}

/**
 * The run's holdout, or its part that the champion's run had held out as well: by a rule that has changed since, the champion
 * may have learnt from the rest, and would look better than it is.
 */
export async function rowsForBoth(
  folder: string,
  ports: { keepHeldOut(file: string, rule: HoldoutRule, target: string): Promise<number | null> },
  { config }: RunPlan,
  champion: Champion | null,
  holdout: { file: string; rows: number },
): Promise<JudgedRows> {
  const own = ruleOf(config);
  const rule = `rows of the run's files whose ${inWords(own)}`;
  const all = { ...holdout, rule, notCompared: undefined };
  if (!champion) return all;
  const before = champion.rule;
  const release = `release ${champion.ref.release}`;
  if (!before) {
    return {
      ...all,
      notCompared: `the record of ${release} is missing, so nobody knows which rows it has learnt from`,
    };
  }
  // The same ids by a larger share: all that is held out now was held out then.
  if (before.rowId === own.rowId && before.fraction >= own.fraction) return all;
  const file = join(folder, 'for-both.parquet');
  const rows = await ports.keepHeldOut(holdout.file, before, file);
  if (rows) {
    const both = `${rule}, and by the rule of the run that made ${release} too: ${inWords(before)}; ${rows} of ${holdout.rows}`;
    return { file, rows, rule: both, notCompared: undefined };
  }
  const why = rows === null ? `the rows have no column "${before.rowId}" to tell them by` : 'no row is left';
  const notCompared = `its run (${release}) held out rows by another rule (${inWords(before)}), so it has learnt from rows that are held out now, and ${why}`;
  return { ...all, notCompared };
}

const inWords = ({ rowId, fraction }: HoldoutRule): string =>
  `hash of "${rowId}" (MD5, first 32 bits) is below ${fraction}`;
