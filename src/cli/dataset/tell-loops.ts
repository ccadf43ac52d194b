/** Tells loops that their dataset has changed, so that they look at once. */
import type { Store } from '../../adapters/store/index.js';
import { type ConfigRevision, type DatasetPolicy, keys, SeawallError } from '../../contracts/index.js';
import type { Place } from '../store-context.js';
import { listModels } from '../status-gather.js';

export interface ToldLoop {
  model: string;
  told: boolean;
  /** Why not; null: it was told, or there is none. */
  why: string | null;
}

/** A command that has done its work must not wait long for a server that is not needed for it. */
const WITHIN_MS = 2_000;

/**
 * Signals the loop of every model that follows what has moved. Best effort: never throws, because the version is there whoever was
 * told, and a loop finds it by itself at its next look.
 * @param tag the tag that has moved; null: the head has
 */
export async function tellLoops(
  place: Place,
  store: Pick<Store, 'json' | 'records'>,
  name: string,
  tag: string | null,
): Promise<ToldLoop[]> {
  try {
    const models = await followers(store, name, tag);
    // Loading Temporal's client would be half of the command's time.
    return models.length === 0 ? [] : await tell(place, models);
  } catch {
    return [];
  }
}

async function followers(
  { json, records }: Pick<Store, 'json' | 'records'>,
  name: string,
  tag: string | null,
): Promise<string[]> {
  const follows = ({ name: own, follow }: DatasetPolicy): boolean =>
    own === name && (tag === null ? !follow : follow !== undefined && 'tag' in follow && follow.tag === tag);
  const models = await listModels({ json });
  const newest = await Promise.all(
    models.map(async (model) => records.newest<ConfigRevision>(keys.configRevisions(model))),
  );
  return models.filter((_, i) => newest[i] && follows(newest[i].config.dataset));
}

async function tell(place: Place, models: readonly string[]): Promise<ToldLoop[]> {
  const { withTemporal } = await import('../control-context.js');
  const notTold = (model: string, error: unknown): ToldLoop => ({
    ...{ model, told: false },
    why: error instanceof SeawallError ? error.message : String(error),
  });
  try {
    return await withTemporal(
      place,
      ({ client }) =>
        Promise.all(
          models.map(async (model): Promise<ToldLoop> => {
            try {
              return { model, told: await client.hint(model, 'dataset'), why: null };
            } catch (error) {
              return notTold(model, error);
            }
          }),
        ),
      { connectWithinMs: WITHIN_MS, answerWithinMs: WITHIN_MS },
    );
  } catch (error) {
    return models.map((model) => notTold(model, error));
  }
}

export const toldText = (loops: readonly ToldLoop[]): string[] =>
  loops.map(({ model, told, why }) => {
    if (told) return `The loop of ${model} was told.`;
    if (why === null) return `${model} follows it, and no loop of ${model} runs.`;
    return `The loop of ${model} was not told (${why}): it sees the change by itself at its next look.`;
  });
