import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/contracts/index.js';

describe('canonicalJson', () => {
  it('sorts keys by UTF-16 code unit at every level and writes no whitespace', () => {
    // U+1F600 begins with the unit D83D, which is before U+FB33: by code points it would be the other way round.
    const value = { b: [{ z: 1, a: null }], '\ufb33': 1, '\u{1f600}': 2, a: 'x y', B: true, 10: 0, 9: 0 };
    expect(canonicalJson(value)).toBe(
      '{"10":0,"9":0,"B":true,"a":"x y","b":[{"a":null,"z":1}],"\u{1f600}":2,"\ufb33":1}',
    );
  });

  it('writes numbers as ECMAScript does, and a date as its ISO text', () => {
    expect(canonicalJson([1e21, 0.1, -0, 1.0, 1e-7])).toBe('[1e+21,0.1,0,1,1e-7]');
    expect(canonicalJson({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
  });

  it('leaves out undefined properties and refuses what JSON cannot say, naming the place', () => {
    expect(canonicalJson({ a: undefined, b: [undefined] })).toBe('{"b":[null]}');
    expect(() => canonicalJson({ psi: { hour: NaN } })).toThrow(/\$\.psi\.hour is NaN/);
    expect(() => canonicalJson([1n])).toThrow(/\$\[0\] is a bigint/);
    expect(() => canonicalJson(undefined)).toThrow(/undefined/);
  });

  it('reads back as the same value, and is its own canonical form', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });
});
