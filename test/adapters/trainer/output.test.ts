import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { createLastLines, openLineLog, parseProgress, readLines } from '../../../src/adapters/trainer/output.js';
import { temporaryFolder } from './harness.js';

test.each([
  ['{"progress": 0.4, "step": 120, "loss": 0.31}', { progress: 0.4, step: 120, loss: 0.31 }],
  ['{"progress": 1, "epoch": 3, "step": "x"}', { progress: 1, epoch: 3 }],
  ['{"progress": 1.2}', undefined],
  ['{"progress": "0.4"}', undefined],
  ['{"step": 3}', undefined],
  ['{not json', undefined],
  ['[0.4]', undefined],
  ['epoch 3 done', undefined],
])('progress in %s', (line, expected) => {
  expect(parseProgress(line)).toEqual(expected);
});

test('lines survive chunks that cut characters and line ends, and an unfinished last line counts', async () => {
  const bytes = Buffer.from('größe\r\nzwei\n\nende');
  const lines: string[] = [];
  await readLines(Readable.from([...bytes].map((byte) => Buffer.from([byte]))), (line) => lines.push(line));
  expect(lines).toEqual(['größe', 'zwei', '', 'ende']);
});

test('output without line feeds does not pile up', async () => {
  const lines: string[] = [];
  const chunks = Array.from({ length: 10 }, () => Buffer.alloc(30_000, 'x'));
  await readLines(Readable.from(chunks), (line) => lines.push(line));
  expect(Math.max(...lines.map((line) => line.length))).toBe(64 * 1024);
  expect(lines.join('').length).toBe(300_000);
});

test('a log stops at its limit and says so once', async () => {
  const path = join(temporaryFolder(), 'trainer.log');
  const log = openLineLog(path, 10);
  ['one', 'two', 'three', 'four'].forEach(log.write);
  expect(await log.close()).toBeUndefined();
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n[truncated: the log reached its limit of 10 bytes]\n');
});

test('a log that cannot be written says why', async () => {
  const log = openLineLog('/nowhere/trainer.log');
  log.write('one');
  expect(await log.close()).toContain('/nowhere/trainer.log is incomplete: ENOENT');
});

test('the last lines are few and short', () => {
  const last = createLastLines();
  for (let line = 1; line <= 30; line++) last.add(`${line} ${'x'.repeat(5000)}`);
  last.add('  ');
  expect(last.lines.length).toBe(20);
  expect(last.lines[0]?.startsWith('11 ')).toBe(true);
  expect(last.lines[0]?.length).toBe(2000);
});
