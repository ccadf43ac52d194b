// Chromium for the tests that look at pages. `test/support/browser.ts` looks for it in the same way.
import { exec, which } from './exec.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const INSTALL =
  'apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core';

/**
 * Installs Chromium where there is none, the machine is Debian's kind and we are root. Says in one line what came of it; nobody is
 * stopped here: the tests say themselves what they lack, and fail for it where CI=true.
 */
export async function ensureBrowser(print) {
  if (process.env.SEAWALL_CHROMIUM || NAMES.some((name) => which(name))) return;
  if (process.getuid?.() !== 0 || !which('apt-get')) {
    print(`no Chromium, and none can be installed from here (that takes root and apt): ${WITHOUT}\n`);
    return;
  }
  print('\n$ apt-get install chromium\n');
  const { code, output } = await exec('/bin/sh', ['-c', INSTALL]);
  if (code !== 0) print(`${output.trimEnd()}\nChromium could not be installed (exit code ${code}): ${WITHOUT}\n`);
}
const WITHOUT = 'tests in a browser are skipped, or fail where CI=true';
