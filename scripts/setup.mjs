// Gets what the embedded stack and the trainer need. As a program: `node scripts/setup.mjs [--json] [--no-trainer] [--trainer=NAME] [binary …]`
// (`npm run setup`); `--json` prints the binaries' paths on stdout, which is how the CLI asks for them.
import { pathToFileURL } from 'node:url';
import { ensureBinary, findBinary } from './lib/binaries.mjs';
import { withSetupLock } from './lib/lock.mjs';
import { SetupError } from './lib/progress.mjs';
import { checkNode, ensureTrainerPackages, trainers } from './lib/toolchain.mjs';

/** Paths of the asked binaries, by name; those that are missing are fetched. */
export async function ensureBinaries(names) {
  const paths = {};
  for (const name of names) paths[name] = (await findBinary(name)) ?? (await withSetupLock(() => ensureBinary(name)));
  return paths;
}

/** The binaries that an environment needs: none for a server whose address is given. */
export function neededBinaries(env) {
  return [...(env.TEMPORAL_ADDRESS ? [] : ['temporal']), ...(env.AWS_ENDPOINT_URL_S3 ? [] : ['versitygw'])];
}

/** Prints a set-up error as one message and gives the exit code; other errors are bugs and keep their trace. */
export function fail(error) {
  if (!(error instanceof SetupError)) throw error;
  process.stderr.write(`\nSet-up failed: ${error.message}\n`);
  process.exitCode = 1;
}

/** One ready trainer, when somebody asks for it. */
async function setUpTrainer(name) {
  if (!Object.hasOwn(trainers, name)) {
    throw new SetupError(`there is no ready trainer "${name}"; there are ${Object.keys(trainers).join(', ')}`);
  }
  await withSetupLock(() => ensureTrainerPackages(name));
}

async function main(args) {
  checkNode();
  const trainerName = args.find((arg) => arg.startsWith('--trainer='))?.slice('--trainer='.length);
  if (trainerName !== undefined) return setUpTrainer(trainerName);
  const names = args.filter((arg) => !arg.startsWith('--'));
  const trainer = names.length === 0 && !args.includes('--no-trainer');
  const paths = await ensureBinaries(names.length > 0 ? names : neededBinaries(process.env));
  if (trainer) await withSetupLock(ensureTrainerPackages);
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify(paths)}\n`);
  else for (const [name, path] of Object.entries(paths)) process.stderr.write(`${name}: ${path}\n`);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(process.argv.slice(2)).catch(fail);
}
