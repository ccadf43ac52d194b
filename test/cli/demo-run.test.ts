import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { beginRun, chooseRun, type DemoSubject, endRun } from '../../src/cli/demo-run.js';

let home: string;
const all: DemoSubject = { weeks: 21, slice: 1, digest: 'a' };
const choose = (subject = all, fresh = false) => chooseRun(home, subject, { fresh, data: ['temporal.db'] });
function begun(subject = all) {
  const { run } = choose(subject);
  beginRun(home, run);
  return run;
}
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'seawall-demo-run-'));
  writeFileSync(join(home, 'temporal.db'), '');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

it('goes on with the run that was cut off, under its name', () => {
  const { run, resumed } = choose();
  expect(resumed).toBe(false);
  expect(run.name).toMatch(/^flights-\d{8}t\d{6}$/);
  expect(choose().resumed, 'a run that never had a stack leaves no trace').toBe(false);
  beginRun(home, run);
  expect(choose()).toEqual({ run, resumed: true, passedOver: null });
});

it('begins anew after a run that came to its end, for other data, and when asked to; the run that was cut off is kept', () => {
  const run = begun();
  expect(choose({ ...all, weeks: 2 })).toMatchObject({ resumed: false, passedOver: null });
  expect(choose(all, true)).toMatchObject({ resumed: false, passedOver: null });
  expect(choose().run).toEqual(run);
  endRun(home, run);
  expect(choose()).toMatchObject({ resumed: false, passedOver: null });
});

it('begins anew, and says why, where the data of the run are gone or what it depends on has changed', () => {
  const { name } = begun();
  expect(choose({ ...all, digest: 'b' })).toMatchObject({
    resumed: false,
    passedOver: `${name} was cut off and cannot go on: its configuration or code has changed`,
  });
  rmSync(join(home, 'temporal.db'));
  expect(choose()).toMatchObject({
    resumed: false,
    passedOver: expect.stringContaining('temporal.db is gone') as string,
  });
  expect(chooseRun(home, all, { fresh: false, data: [] }).resumed, 'the servers are somebody else’s').toBe(true);
});

it('passes over a file that is no run', () => {
  const { name } = begun();
  writeFileSync(join(home, 'flights', name, 'run.json'), '{"kind": "something"');
  expect(choose().resumed).toBe(false);
});
