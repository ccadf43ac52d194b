/** What the numbers of `BinaryPerformance` mean, for everybody who computes them: in SQL over logs, or on arrays. */

/**
 * Probabilities are clipped to [clip, 1 - clip] before the logarithm, or one saturated score would make the mean infinite.
 * Scores are float32, whose steps just below 1 are 6e-8: a finer clip would only punish how floats round.
 */
export const LOG_LOSS_CLIP = 1e-7;

/** Standard error of an AUC: Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve", Radiology 143. */
export function hanleyMcNeil(auc: number, positives: number, negatives: number): number {
  const q1 = auc / (2 - auc);
  const q2 = (2 * auc * auc) / (1 + auc);
  const ofPositives = (positives - 1) * (q1 - auc * auc);
  const ofNegatives = (negatives - 1) * (q2 - auc * auc);
  const variance = (auc * (1 - auc) + ofPositives + ofNegatives) / (positives * negatives);
  return Math.sqrt(Math.max(variance, 0));
}
