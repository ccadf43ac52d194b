/** How messages name what a model follows. */
import type { DatasetPolicy } from './config.js';

/** What is missing when a model has nothing to learn from, and the command that mends it. */
export function nothingToLearnFrom({ name, follow, from }: DatasetPolicy): { what: string; next: string } {
  if (follow && 'tag' in follow)
    return {
      what: `dataset ${name} has no tag ${follow.tag}`,
      next: `tag a version: seawall dataset tag ${name}@head ${follow.tag}`,
    };
  if (follow)
    return {
      what: `dataset ${name} has no version ${follow.pinned}`,
      next: `see what there is: seawall dataset log ${name}`,
    };
  const first = from === 'logs' ? ', for the first model; what the logs bring is added to it' : '';
  return {
    what: `no version of dataset ${name} was committed`,
    next: `commit one: seawall dataset commit ${name} DIR${first}`,
  };
}
