/**
 * A 32-bit hash of a text's UTF-16 code units: MurmurHash3's mixing (Austin Appleby, public domain) with one block per unit.
 * It is part of the profile's format: it may never change.
 */
export function hashText(value: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < value.length; i++) {
    let block = Math.imul(value.charCodeAt(i), 0xcc9e_2d51);
    block = Math.imul((block << 15) | (block >>> 17), 0x1b87_3593);
    hash ^= block;
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe654_6b64) | 0;
  }
  hash ^= value.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
