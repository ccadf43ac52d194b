/** Objects that should be there and are not. */
import { SeawallError } from '../../contracts/index.js';
import type { S3 } from './s3.js';

export const missing = (s3: Pick<S3, 'name'>, key: string): SeawallError =>
  new SeawallError(
    'NotFound',
    `there is no object ${s3.name(key)}`,
    'Check the bucket and the prefix; if the object was deleted, restore it from a copy of the bucket.',
  );
