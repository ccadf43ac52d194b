import { describe, expect, it } from 'vitest';
import { clock, createTeller } from '../../examples/flights/teller.js';

function screen(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, columns: 40, write: (text: string) => written.push(text), written };
}

describe('the teller', () => {
  it('writes only lasting lines where nobody watches, with the time that has passed', () => {
    const file = screen(false);
    const teller = createTeller(file, Date.now() - 65_000);
    teller.now('works');
    teller.line('a week');
    teller.now('works on');
    teller.end();
    expect(file.written).toEqual(['1:05  a week\n']);
  });

  it('keeps what happens now below the lasting lines of a terminal, no wider than it is', () => {
    const terminal = screen(true);
    const teller = createTeller(terminal, Date.now());
    teller.now('x'.repeat(100));
    teller.line('a week');
    teller.end();
    const plain = terminal.written.map((text) => text.replace('\r\u001b[2K', '|'));
    expect(plain[0]).toBe(`|0:00  ${'x'.repeat(33)}`);
    expect(plain[1]).toBe('|0:00  a week\n');
    expect(plain[2]).toBe(plain[0]);
    expect(plain.at(-1)).toBe('|');
  });

  it('counts minutes', () => {
    expect([0, 9.9, 60, 3599].map(clock)).toEqual(['0:00', '0:09', '1:00', '59:59']);
  });
});
