import { expect, test } from 'vitest';
import { inferSchema } from '../../../src/domain/profiles/infer-schema.js';
import { categorical, numeric, randomFrom } from '../../support/sketches.js';

const random = randomFrom(26);
const hundreds = Array.from({ length: 300 }, (_, i) => i);

test('whole numbers and texts that never repeat are keys, fractions that never repeat are not', () => {
  const { columns } = inferSchema([
    { ...numeric(hundreds), name: 'id' },
    { ...categorical(hundreds.map((i) => `user-${i}`)), name: 'user' },
    { ...numeric(hundreds.map(() => random())), name: 'score' },
  ]);
  expect(columns['id']).toMatchObject({ type: 'int64', unique: true });
  expect(columns['user']).toEqual({ type: 'string', nullable: false, unique: true });
  expect(columns['score']).toMatchObject({ type: 'float32', nullable: false });
  expect(columns['score']).not.toHaveProperty('unique');
});
