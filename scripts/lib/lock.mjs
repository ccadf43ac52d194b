// Two set-ups in one folder (`npm start` beside `npm test`) would write the same files: the second waits for the first.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { endRunning } from './exec.mjs';
import { state } from './paths.mjs';
import { say } from './progress.mjs';

/** Runs `work` while no other set-up of this folder runs. */
export async function withSetupLock(work) {
  mkdirSync(state, { recursive: true });
  const file = join(state, 'setup.lock');
  for (let said = false; !tryTake(file); said = true) {
    if (!said) say('another set-up is at work in this folder: waiting for it');
    await delay(500);
  }
  const release = () => rmSync(file, { force: true });
  const interrupted = (signal) => {
    endRunning();
    release();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    return await work();
  } finally {
    release();
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
  }
}

function tryTake(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (!ownerLives(file)) rmSync(file, { force: true });
  return false;
}

function ownerLives(file) {
  try {
    process.kill(Number(readFileSync(file, 'utf8')), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
