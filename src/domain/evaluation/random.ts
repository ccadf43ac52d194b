/** Numbers that look like chance and follow from a text: evidence must come out the same for everybody who computes it again. */

/** Uniform whole numbers below 2^32. Small fast counter 32 (Doty-Humphrey), seeded from the text by FNV-1a over four starts. */
export function randomFrom(seed: string): () => number {
  const hash = (start: number): number => {
    let h = start;
    for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x01000193);
    return h >>> 0;
  };
  let [a, b, c, counter] = [hash(0x811c9dc5), hash(0x9e3779b9), hash(0x85ebca6b), 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 16; i++) next();
  return next;
}
