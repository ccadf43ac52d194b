// Counts outcomes for `.ci/run`. A program that failed without saying which part of it failed counts as one failure: a crash
// before, between or after the tests is never silent.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const SLOWEST_SHOWN = 15;

/** A JSON report, or undefined when the program ended before it had written one. */
export function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param report what `bootstrap.mjs check --report` wrote: `[{name, passed}]`
 * @param code the exit code of the check
 */
export function countChecks(report, code) {
  const parts = Array.isArray(report) ? report : [];
  const passed = parts.filter((part) => part.passed).length;
  return settle({ passed, failed: parts.length - passed, skipped: 0 }, code);
}

/**
 * @param report what vitest's JSON reporter wrote
 * @param code the exit code of vitest (not 0 for errors outside of any test, too)
 */
export function countTests(report, code) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of report?.testResults ?? []) {
    const statuses = file.assertionResults.map((test) => test.status);
    const failed = statuses.filter((status) => status === 'failed').length;
    counts.passed += statuses.filter((status) => status === 'passed').length;
    counts.skipped += statuses.filter((status) => status !== 'passed' && status !== 'failed').length;
    // A file that cannot be loaded, or whose hook fails, has no failed test of its own.
    counts.failed += failed === 0 && file.status === 'failed' ? 1 : failed;
  }
  return settle(counts, code);
}

/** No part at all, or a bad exit code that no part explains, is a failure itself. */
function settle(counts, code) {
  const unexplained = counts.failed === 0 && (code !== 0 || counts.passed === 0);
  return unexplained ? { ...counts, failed: 1 } : counts;
}

/** The tests that failed and those that took longest, for people. */
export function describeTests(report, root) {
  const tests = report.testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({
      name: `${relative(root, file.name)} > ${test.fullName}`,
      failed: test.status === 'failed',
      seconds: (test.duration ?? 0) / 1_000,
    })),
  );
  const files = report.testResults.filter((file) => file.status === 'failed').map((file) => relative(root, file.name));
  const slowest = tests.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST_SHOWN);
  return [
    `\nSlowest tests:`,
    ...slowest.map((test) => `${test.seconds.toFixed(1).padStart(7)} s  ${test.name}`),
    ...(files.length > 0 ? ['\nFailed files:', ...files.map((file) => `  ${file}`)] : []),
    ...(tests.some((test) => test.failed) ? ['\nFailed tests:'] : []),
    ...tests.filter((test) => test.failed).map((test) => `  ${test.name}`),
    '',
  ]
    .join('\n')
    .concat('\n');
}
