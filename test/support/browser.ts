/** A real browser for tests of what people see: the Chromium of this machine, in a profile of its own. */
import { accessSync, constants, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type BrowserContext, chromium } from 'playwright-core';

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

export interface Browser {
  context: BrowserContext;
  close(): Promise<void>;
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

/** @throws Error when there is no browser, with the reason */
export async function startBrowser(viewport = { width: 1280, height: 900 }): Promise<Browser> {
  const found = findBrowser();
  if ('missing' in found) throw new Error(found.missing);
  const profile = await mkdtemp(join(tmpdir(), 'seawall-browser-'));
  const options = { executablePath: found.path, headless: true, viewport, args: ARGUMENTS };
  const context = await chromium.launchPersistentContext(profile, options);
  return {
    context,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}
