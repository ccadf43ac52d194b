import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { chooseRun, endRun } from '../../src/cli/demo-run.js';

let home: string;
const all = { weeks: 21, slice: 1 };
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'seawall-demo-run-'));
  writeFileSync(join(home, 'temporal.db'), '');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('goes on with the run that was cut off, under its name', () => {
  const { run, resumed } = chooseRun(home, all, false);
  expect(resumed).toBe(false);
  expect(run.name).toMatch(/^flights-\d{8}t\d{6}$/);
  expect(chooseRun(home, all, false)).toEqual({ run, resumed: true });
});

it('begins anew after a run that came to its end, for other data, and when asked to', () => {
  const { run } = chooseRun(home, all, false);
  expect(chooseRun(home, { ...all, weeks: 2 }, false).resumed).toBe(false);
  expect(chooseRun(home, { ...all, weeks: 2 }, true).resumed).toBe(false);
  const again = chooseRun(home, all, false);
  expect(again.resumed).toBe(false);
  endRun(home, again.run);
  expect(chooseRun(home, all, false).resumed).toBe(false);
  expect(run.endedAt).toBe(null);
});

it('begins anew where the data of the run are gone, or its file is no file of ours', () => {
  chooseRun(home, all, false);
  rmSync(join(home, 'temporal.db'));
  expect(chooseRun(home, all, false).resumed).toBe(false);
  writeFileSync(join(home, 'flights.json'), '{"kind": "something"');
  expect(chooseRun(home, all, false).resumed).toBe(false);
});
