/** What a trainer leaves where it should not: files beside its folders, processes after its end. */
import { fail, type Finding, notJudged, pass } from './points.js';
import type { Sample } from './sample.js';
import { type CheckedTrainer, contents, type Started } from './start.js';

export interface Places {
  folder: string;
  data: string[];
  cwd: string[];
}

/** Other people's work in the folder in which trainers start. */
const NOT_LOOKED_AT = ['node_modules', '__pycache__', 'venv'];
const SHOWN = 3;

/** Of the data, and of the folder in which the trainer starts, hidden files and the check's own apart. */
export async function snapshot({ cwd }: CheckedTrainer, { dataDir }: Sample, root: string): Promise<Places> {
  const skip = (name: string): boolean => name.startsWith('.') || NOT_LOOKED_AT.includes(name);
  const isOurs = (line: string): boolean => line.startsWith(`${root}/`);
  const found = await contents(cwd, skip);
  return { folder: cwd, data: await contents(dataDir, () => false), cwd: found.filter((line) => !isOurs(line)) };
}

export function judgePlaces(before: Places, after: Places): Record<'data' | 'places', Finding> {
  const changed = differencesOf(before.data, after.data);
  const strewn = differencesOf(before.cwd, after.cwd);
  return {
    data:
      changed.length === 0
        ? pass(`${before.data.length} files`)
        : fail(`changed: ${some(changed)}`, 'Read SEAWALL_DATA_DIR only: other runs share these files.'),
    places:
      strewn.length === 0
        ? pass(`looked at: ${before.folder}, the folder it starts in`)
        : fail(
            `written or changed: ${some(strewn)}`,
            'Write into SEAWALL_MODEL_DIR and SEAWALL_CHECKPOINT_DIR; what is temporary, into TMPDIR.',
          ),
  };
}

function some(paths: string[]): string {
  const more = paths.length > SHOWN ? ` and ${paths.length - SHOWN} more` : '';
  return `${paths.slice(0, SHOWN).join(', ')}${more}`;
}

const pathOf = (line: string): string => line.replace(/ \S+ \S+$/, '');

function differencesOf(before: string[], after: string[]): string[] {
  const [was, is] = [new Set(before), new Set(after)];
  const lines = [...after.filter((line) => !was.has(line)), ...before.filter((line) => !is.has(line))];
  return [...new Set(lines.map(pathOf))];
}

export function judgeLeftovers(all: Started[]): Finding {
  if (process.platform !== 'linux') return notJudged('only /proc can tell');
  const strays = all.flatMap(({ ending }) => ending?.strays ?? []);
  if (strays.length === 0) return pass(`${all.length} starts`);
  const commands = [...new Set(strays.map(({ command }) => command))].slice(0, SHOWN).join('; ');
  return fail(
    `${strays.length} processes had left its group and were still there (they were ended): ${commands}`,
    'Wait for children before the end, and start none as a daemon (setsid, nohup, double fork).',
  );
}
