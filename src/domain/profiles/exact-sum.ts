/**
 * Adds float64 without error, so that a sum depends neither on the order nor on how it was put together: Shewchuk 1997, "Adaptive
 * precision floating-point arithmetic and fast robust geometric predicates". The total must stay below 2^1023.
 */
export class ExactSum {
  /** Non-overlapping, smallest first; their sum is exact. */
  #partials: number[] = [];

  add(x: number): void {
    let rest = x;
    let kept = 0;
    for (const partial of this.#partials) {
      const [large, small] = Math.abs(rest) < Math.abs(partial) ? [partial, rest] : [rest, partial];
      const sum = large + small;
      const error = small - (sum - large);
      if (error !== 0) this.#partials[kept++] = error;
      rest = sum;
    }
    this.#partials.length = kept;
    if (rest !== 0) this.#partials.push(rest);
  }

  /** The sum as float64, then what rounding has left, again rounded, until nothing is left: equal sums give equal numbers. */
  parts(): number[] {
    const rest = new ExactSum();
    rest.#partials = [...this.#partials];
    const parts: number[] = [];
    for (let rounded = rest.#rounded(); rounded !== 0; rounded = rest.#rounded()) {
      parts.push(rounded);
      rest.add(-rounded);
    }
    return parts;
  }

  /** Nearest, ties to even: adding from the largest down, half a unit is settled by the sign of what comes below it. */
  #rounded(): number {
    const p = this.#partials;
    let i = p.length - 1;
    let high = p[i] ?? 0;
    let low = 0;
    while (i > 0 && low === 0) {
      const before = high;
      const next = p[--i]!;
      high = before + next;
      low = next - (high - before);
    }
    if (i > 0 && low !== 0 && low < 0 === p[i - 1]! < 0) {
      const twice = low * 2;
      const moved = high + twice;
      if (moved - high === twice) high = moved;
    }
    return high;
  }
}
