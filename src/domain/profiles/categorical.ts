import { type CategoricalSketch, SKETCH_CELLS } from '../../contracts/index.js';
import { DistinctEstimate } from './distinct.js';
import { hashText } from './hash.js';

/** Frequent categories that a sketch with buckets names; while counting, some more are kept. */
export const FREQUENT_LISTED = 256;
const FREQUENT_KEPT = 4 * FREQUENT_LISTED;
/** Three hexadecimal digits: as many buckets as SKETCH_CELLS. */
const BUCKET_BITS = 12;
const BUCKET_SEED = 0x0b0c_ce75;
const LONGEST_CATEGORY = 256;

/** The bucket of a category, as it stands in `categories` of a sketch of buckets. */
export const bucketOf = (value: string): string => bucketName(bucketIndex(value));
const bucketIndex = (value: string): number => hashText(value, BUCKET_SEED) >>> (32 - BUCKET_BITS);
const bucketName = (index: number): string => index.toString(16).padStart(BUCKET_BITS / 4, '0');

/** A text that is too long to be kept is known by its beginning and its hash. */
function categoryOf(value: string): string {
  if (value.length <= LONGEST_CATEGORY) return value;
  const hash = [1, 2].map((seed) => hashText(value, seed).toString(16).padStart(8, '0')).join('');
  return `${value.slice(0, LONGEST_CATEGORY - 20)}…#${hash}`;
}

/** Counts categories: by name up to SKETCH_CELLS of them, then in buckets, within bounded memory. */
export class CategoricalBuilder {
  #values: Map<string, number> | null = new Map();
  #buckets: Buckets | null = null;

  /** @param eachOnce no category is added twice: the counts of frequent ones are then exact */
  constructor(private readonly eachOnce = false) {}

  add(value: string, count = 1): void {
    const category = categoryOf(value);
    if (!this.#values) return this.#inBuckets().add(category, count);
    this.#values.set(category, (this.#values.get(category) ?? 0) + count);
    if (this.#values.size > SKETCH_CELLS) this.#inBuckets();
  }

  addSketch(sketch: CategoricalSketch): void {
    if (sketch.of === 'buckets') this.#inBuckets().addSketch(sketch);
    else sketch.categories.forEach((category, i) => this.add(category, sketch.counts[i]));
  }

  #inBuckets(): Buckets {
    this.#buckets ??= new Buckets(this.eachOnce);
    for (const [value, count] of this.#values ?? []) this.#buckets.add(value, count);
    this.#values = null;
    return this.#buckets;
  }

  sketch(): CategoricalSketch {
    if (!this.#values) return this.#inBuckets().sketch();
    const categories = [...this.#values.keys()].sort();
    return {
      kind: 'categorical',
      of: 'values',
      categories,
      counts: categories.map((category) => this.#values!.get(category)!),
      distinct: categories.length,
      distinctRegisters: '',
      frequent: [],
      frequentError: 0,
    };
  }
}

class Buckets {
  readonly #counts = new Float64Array(2 ** BUCKET_BITS);
  readonly #distinct = new DistinctEstimate();
  #frequent = new Map<string, number>();
  #error = 0;

  constructor(private readonly eachOnce: boolean) {}

  add(category: string, count: number): void {
    this.#counts[bucketIndex(category)]! += count;
    this.#distinct.add(category);
    this.#addFrequent(category, count);
  }

  addSketch(sketch: CategoricalSketch): void {
    sketch.categories.forEach((bucket, i) => (this.#counts[Number.parseInt(bucket, 16)]! += sketch.counts[i]!));
    this.#distinct.addText(sketch.distinctRegisters);
    this.#error += sketch.frequentError;
    for (const { value, count } of sketch.frequent) this.#addFrequent(value, count);
  }

  #addFrequent(category: string, count: number): void {
    // It would be forgotten in the next round.
    if (this.eachOnce && count <= this.#error) return;
    this.#frequent.set(category, (this.#frequent.get(category) ?? 0) + count);
    if (this.#frequent.size <= 2 * FREQUENT_KEPT) return;
    const { kept, error } = this.#mostFrequent(FREQUENT_KEPT);
    this.#frequent = new Map(kept);
    this.#error = error;
  }

  /** The `n` most frequent. What the others had, once or in every round of forgetting, is the error. */
  #mostFrequent(n: number): { kept: [string, number][]; error: number } {
    const sorted = [...this.#frequent].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    const forgotten = sorted[n]?.[1] ?? 0;
    return {
      kept: sorted.slice(0, n),
      error: this.eachOnce ? Math.max(this.#error, forgotten) : this.#error + forgotten,
    };
  }

  sketch(): CategoricalSketch {
    const { kept, error } = this.#mostFrequent(FREQUENT_LISTED);
    const used = Array.from(this.#counts.keys()).filter((index) => this.#counts[index]! > 0);
    return {
      kind: 'categorical',
      of: 'buckets',
      categories: used.map(bucketName),
      counts: used.map((index) => this.#counts[index]!),
      distinct: this.#distinct.estimate(),
      distinctRegisters: this.#distinct.text(),
      // What has no more rows than may have been forgotten is not known to be frequent.
      frequent: kept.filter(([, count]) => count > error).map(([value, count]) => ({ value, count })),
      frequentError: error,
    };
  }
}
