/** Where there is no browser, tests that need one say why they are skipped; in continuous integration they fail. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserOrReason, findBrowser } from '../support/browser.js';

describe('the browser for tests', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'seawall-browser-test-'));
    await writeFile(join(folder, 'chromium-browser'), '');
    await chmod(join(folder, 'chromium-browser'), 0o755);
    await writeFile(join(folder, 'not-executable'), '');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is the one that is named, else the first that is found on PATH', () => {
    expect(findBrowser({ SEAWALL_CHROMIUM: process.execPath, PATH: folder })).toEqual({ path: process.execPath });
    expect(findBrowser({ PATH: `/nowhere:${folder}` })).toEqual({ path: join(folder, 'chromium-browser') });
  });

  it('that is named and is none is not replaced by another', () => {
    const named = join(folder, 'not-executable');
    expect(findBrowser({ SEAWALL_CHROMIUM: named, PATH: folder })).toEqual({
      missing: `SEAWALL_CHROMIUM is no program: ${named}`,
    });
  });

  it('may be missing on a laptop, visibly, and not in continuous integration', () => {
    expect(browserOrReason({ PATH: '/nowhere' })).toEqual({
      skip: true,
      suffix: expect.stringContaining('skipped: no chromium, chromium-browser, google-chrome on PATH'),
    });
    expect(browserOrReason({ PATH: '/nowhere', CI: 'true' })).toMatchObject({ skip: false });
  });
});
