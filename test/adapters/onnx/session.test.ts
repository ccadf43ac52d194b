import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InferenceSession } from 'onnxruntime-node';
import { alone } from '../../../src/adapters/onnx/alone.js';
import { inspectModel } from '../../../src/adapters/onnx/model-bytes.js';
import { loadModel, warmUp } from '../../../src/adapters/onnx/session.js';
import type { Answering } from '../../../src/contracts/index.js';
import type { Columns } from '../../../src/adapters/onnx/session.js';
import { expectedScore, fixture, flightsModel, temporaryFolder } from '../../serving/support.js';

const rows: Columns = {
  hour: BigInt64Array.from([9n, 20n]),
  distance: Float32Array.from([100, 2000]),
  origin: ['SEA', 'XXX'],
};
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => void (folder = await temporaryFolder()));
afterAll(() => folder.remove());

describe('a model with one input per feature', () => {
  it('scores columns of all three types, and says what it takes', async () => {
    const model = await loadModel(fixture('flights'));
    expect(model.inputs).toEqual([
      { name: 'hour', type: 'int64' },
      { name: 'distance', type: 'float32' },
      { name: 'origin', type: 'string' },
    ]);
    await warmUp(model);
    const { prediction, score } = (await model.predict(rows, 2)) as { prediction: BigInt64Array; score: Float32Array };
    expect([...score].map((s) => s.toFixed(5))).toEqual(
      [expectedScore(0.123456789, 9, 100, 'SEA'), expectedScore(0.123456789, 20, 2000, 'XXX')].map((s) => s.toFixed(5)),
    );
    expect([...prediction]).toEqual([...score].map((s) => (s > 0.5 ? 1n : 0n)));
    await model.dispose();
  });

  it('refuses a missing feature and one of another length, by name', async () => {
    const model = await loadModel(fixture('flights'));
    const { hour, distance } = rows as { hour: BigInt64Array; distance: Float32Array };
    await expect(model.predict({ hour, distance }, 2)).rejects.toThrow('"origin" is missing');
    await expect(model.predict({ ...rows, distance: new Float32Array(3) }, 2)).rejects.toThrow('"distance" has 3 rows');
    await model.dispose();
  });
});

describe('a model with one matrix', () => {
  it('takes the features in the configured order', async () => {
    const model = await loadModel(fixture('matrix'), { featureOrder: ['hour', 'distance', 'late'] });
    expect(model.inputs.map(({ name }) => name)).toEqual(['hour', 'distance', 'late']);
    const columns = { late: Float32Array.of(1, 0), distance: Float32Array.of(100, 2000), hour: Float32Array.of(9, 20) };
    const { score } = (await model.predict(columns, 2)) as { score: Float32Array };
    expect(score[0]).toBeCloseTo(1 / (1 + Math.exp(-(0.9 - 0.1 + 0.5 + 0.123456789))), 5);
    expect(score[1]).toBeCloseTo(1 / (1 + Math.exp(-(2 - 2 + 0.123456789))), 5);
    await model.dispose();
  });

  it('refuses to guess an order, and an order of another length', async () => {
    await expect(loadModel(fixture('matrix'))).rejects.toThrow('nothing says which features these are');
    await expect(loadModel(fixture('matrix'), { featureOrder: ['a', 'b'] })).rejects.toThrow(
      'takes 3 numbers per row, but the configuration has 2 features',
    );
  });
});

describe('other tasks', () => {
  const logits = [0.123456789 + 0.9 - 0.1 - 0.5, 0.123456789 + 2 - 2];
  const classes = ['late', 'early', 'on-time'];

  it('answers with a class, and a score for each', async () => {
    const model = await loadModel(fixture('three-classes'), { answering: { task: 'multiclass', classes } });
    expect(model.outputs).toEqual([
      { name: 'prediction', type: 'string' },
      ...classes.map((name) => ({ name: `score_${name}`, type: 'float32' })),
    ]);
    const answers = await model.predict(rows, 2);
    expect(answers['prediction']).toEqual(['early', 'early']);
    for (const [i, z] of logits.entries()) {
      const sum = Math.exp(z) + Math.E + Math.exp(-z);
      expect(answers['score_late']?.[i]).toBeCloseTo(Math.exp(z) / sum, 5);
      expect(answers['score_on-time']?.[i]).toBeCloseTo(Math.exp(-z) / sum, 5);
    }
    await model.dispose();
  });

  it('takes whole numbers for classes as their texts', async () => {
    const answering: Answering = { task: 'multiclass', classes: ['7', '8', '9'] };
    const model = await loadModel(fixture('three-numbers'), { answering });
    expect(model.outputs[0]).toEqual({ name: 'prediction', type: 'string' });
    expect((await model.predict(rows, 2))['prediction']).toEqual(['8', '8']);
    await model.dispose();
  });

  it('answers with a number', async () => {
    const model = await loadModel(fixture('number'), { answering: { task: 'regression' } });
    const { prediction } = await model.predict(rows, 2);
    expect(prediction?.[0]).toBeCloseTo(logits[0]!, 5);
    expect(prediction?.[1]).toBeCloseTo(logits[1]!, 5);
    await model.dispose();
  });

  it.each([
    [
      'a class without a score',
      'three-classes',
      { task: 'multiclass', classes: ['late', 'diverted'] },
      'no output "score_diverted"',
    ],
    ['a class as a number', 'flights', { task: 'regression' }, '"prediction" as int64; it must be float32'],
    ['a number for a class', 'number', { task: 'binary' }, '"prediction" as float32; it must be int64'],
  ] as const)('refuses %s', async (_, name, answering, words) => {
    await expect(loadModel(fixture(name), { answering: answering as Answering })).rejects.toThrow(words);
  });
});

const refused = (path: string, message: string): Promise<void> =>
  expect(loadModel(path)).rejects.toMatchObject({ type: 'InvalidModel', message: expect.stringContaining(message) });

describe('refuses with InvalidModel', () => {
  it('a missing output, and says which outputs there are', () =>
    refused(fixture('no-score'), 'has no output "score"; it has: prediction, probability'));
  it('an input of another type', () => refused(fixture('double-input'), 'has the input "hour" as float64'));
  it('weights in other files', () => refused(fixture('external-data'), 'external data'));
  it('a file that is too big', () =>
    expect(loadModel(fixture('flights'), { maxBytes: 600 })).rejects.toThrow('has 638 bytes; the limit is 600'));

  it('an empty file, text, and every cut of a model, without harm', async () => {
    const path = join(folder.path, 'bad.onnx');
    const whole = await readFile(fixture('flights'));
    const graphOnly = whole.length - 40;
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('<html>not a model</html>'),
      whole.subarray(0, graphOnly),
      whole.subarray(0, 100),
    ]) {
      await writeFile(path, bytes);
      await expect(loadModel(path)).rejects.toMatchObject({ type: 'InvalidModel' });
    }
  });
});

const hasExternalData = (bytes: Uint8Array): boolean => inspectModel(bytes).externalData;

describe('external data', () => {
  it('is found in the fixture and not in the others', async () => {
    expect(hasExternalData(await readFile(fixture('external-data')))).toBe(true);
    expect(hasExternalData(await readFile(fixture('leak')))).toBe(true);
    for (const name of ['flights', 'matrix', 'no-score', 'bomb-of-time']) {
      expect(hasExternalData(await readFile(fixture(name)))).toBe(false);
    }
    expect(hasExternalData(await flightsModel(0.5))).toBe(false);
  });

  it('is found inside a subgraph of an attribute', () => {
    const field = (number: number, bytes: Buffer): Buffer =>
      Buffer.concat([Buffer.from([number * 8 + 2, bytes.length]), bytes]);
    const tensor = Buffer.from([(14 << 3) | 0, 1]);
    const inner = field(5, tensor);
    const node = field(5, field(6, inner));
    expect(hasExternalData(field(7, field(1, node)))).toBe(true);
    expect(hasExternalData(field(7, field(1, field(5, field(6, field(5, Buffer.from([(14 << 3) | 0, 0])))))))).toBe(
      false,
    );
  });

  describe('behind a tag that readers read differently', () => {
    /** The graph's tag (3a) with bit 32 set, which protobuf drops, and with bytes that add nothing. */
    const DISGUISES = [
      [0xba, 0x80, 0x80, 0x80, 0x10],
      [0xba, 0x00],
      [0xba, 0x80, 0x80, 0x80, 0x00],
      [0xba, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    ];
    const WEIGHTS = Float32Array.of(0.123456789, 0.5, 0.1, -0.001);
    const GRAPH_AT = 16;

    async function disguised(tag: number[]): Promise<string> {
      const own = join(folder.path, `disguised-${tag.length}-${tag.at(-1)}`);
      await mkdir(own, { recursive: true });
      await writeFile(join(own, 'external-data.bin'), new Uint8Array(WEIGHTS.buffer));
      const bytes = await readFile(fixture('external-data'));
      expect(bytes[GRAPH_AT]).toBe(0x3a);
      const path = join(own, 'model.onnx');
      await writeFile(
        path,
        Buffer.concat([bytes.subarray(0, GRAPH_AT), Buffer.from(tag), bytes.subarray(GRAPH_AT + 1)]),
      );
      return path;
    }

    it.each(DISGUISES.map((tag) => [Buffer.from(tag).toString('hex'), tag] as const))('%s', async (_, tag) => {
      const path = await disguised(tag);
      await expect(hasExternalDataOf(path)).rejects.toThrow('not written in the shortest way');
      await refused(path, 'not a readable ONNX file');
    });

    it('a length, too', () =>
      expect(() => inspectModel(Buffer.from([0x3a, 0x80, 0x00]))).toThrow('not written in the shortest way'));

    it('would find nothing beside it: it is loaded alone', async () => {
      const path = await disguised(DISGUISES[0]!);
      const create = (file: string) => InferenceSession.create(file, { logSeverityLevel: 3 });
      // The runtime itself reads the weights, by whatever tag.
      await (await create(path)).release();
      await expect(alone(path, folder.path, create)).rejects.toThrow('does not exist');
      expect((await readdir(folder.path)).filter((name) => name.startsWith('seawall-model-'))).toEqual([]);
      const up = await readFile(path);
      const at = up.indexOf('external-data.bin');
      for (const location of ['../ternal-data.bi', '/etc/passwd'.padStart(17, '/')]) {
        const changed = join(folder.path, 'changed.onnx');
        up.write(location, at);
        await writeFile(changed, up);
        await writeFile(join(folder.path, 'ternal-data.bi'), new Uint8Array(WEIGHTS.buffer));
        await expect(alone(changed, folder.path, create)).rejects.toThrow(/escapes|not allowed/);
      }
    });

    const hasExternalDataOf = async (path: string): Promise<boolean> => hasExternalData(await readFile(path));
  });
});
