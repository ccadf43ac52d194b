/** A real browser for tests of what people see: the Chromium of this machine. */
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

export type FoundBrowser = { path: string } | { missing: string };

/** `SEAWALL_CHROMIUM`, or the first of chromium, chromium-browser and google-chrome on PATH; else why there is none. */
export function findBrowser(env: NodeJS.ProcessEnv = process.env): FoundBrowser {
  const given = env['SEAWALL_CHROMIUM'];
  if (given) return isExecutable(given) ? { path: given } : { missing: `SEAWALL_CHROMIUM is no program: ${given}` };
  const folders = (env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const path = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  return path ? { path } : { missing: `no ${NAMES.join(', ')} on PATH; install one, or set SEAWALL_CHROMIUM` };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/**
 * For `describe`: what is skipped says why in its name. In continuous integration nothing is skipped: there a browser that is
 * missing fails the test.
 */
export function browserOrReason(env: NodeJS.ProcessEnv = process.env): { skip: boolean; suffix: string } {
  const found = findBrowser(env);
  if ('path' in found) return { skip: false, suffix: '' };
  const skip = env['CI'] !== 'true';
  return { skip, suffix: skip ? ` (skipped: ${found.missing})` : '' };
}

/** No GPU, no sandbox (containers run as root), and no talk with the vendor. */
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * In a fresh profile of its own; close it.
 * @throws Error when there is no browser, with the reason
 */
export function launchBrowser(): Promise<Browser> {
  const found = findBrowser();
  if ('missing' in found) throw new Error(found.missing);
  return chromium.launch({ executablePath: found.path, headless: true, args: ARGUMENTS });
}
