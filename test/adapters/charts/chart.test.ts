import { describe, expect, it } from 'vitest';
import { type Chart, COLOR, placeLabels, renderChart, spread } from '../../../src/adapters/charts/index.js';

const chart = (text: string): Chart => ({
  title: 'A chart',
  description: `shows ${text}`,
  draw: (size) => ({
    width: size === 'wide' ? 400 : 200,
    height: 100,
    padding: { left: 30, right: 20, top: 10, bottom: 25 },
    layers: [
      {
        data: { values: [{ x: 0.123456, y: 1, text }] },
        mark: { type: 'text', color: COLOR.own },
        encoding: {
          x: { field: 'x', type: 'quantitative', scale: { domain: [0, 1] } },
          y: { field: 'y', type: 'quantitative' },
          text: { field: 'text' },
        },
      },
    ],
  }),
});

describe('renderChart', () => {
  it('draws both sizes to scale, with the theme’s variables and words for whoever does not see it', async () => {
    const { text } = await renderChart(chart('one'));
    expect(text.match(/<svg/g)).toHaveLength(2);
    expect(text).toMatch(/class="chart wide"\s+viewBox="0 0 450 135"/);
    expect(text).toMatch(/class="chart narrow"\s+viewBox="0 0 250 135"/);
    expect(text.match(/role="img"\s+aria-label="A chart. shows one"/g)).toHaveLength(2);
    expect(text).toContain('fill="var(--own)"');
    expect(text).not.toMatch(/font-family=|style=/);
  });

  it('leaves texts as they are, and escapes them', async () => {
    const { text } = await renderChart(chart('0.123456 class="a" <script>x</script>'));
    expect(text).toContain('>0.123456 class="a" &lt;script&gt;x&lt;/script&gt;</text>');
    expect(text).not.toContain('<script');
  });
});

describe('spread', () => {
  it('leaves alone what has room', () => expect(spread([10, 40, 80], 14, [0, 100])).toEqual([10, 40, 80]));
  it('keeps the order and the gap around the middle of a heap', () =>
    expect(spread([52, 50, 48], 10, [0, 100])).toEqual([60, 50, 40]));
  it('merges heaps that meet, and stays inside', () => {
    const placed = spread([97, 99, 90, 20], 10, [0, 100]);
    expect(placed).toEqual([90, 100, 80, 20]);
  });
});

describe('placeLabels', () => {
  const wide = (text: string): number => text.length * 7;
  it('puts a label to the right where nothing is', () =>
    expect(placeLabels([{ x: 50, y: 50, text: 'one' }], 300, wide)).toMatchObject([{ align: 'left', dy: 0 }]));
  it('evades a point, the edge and a line', () => {
    const points = [
      { x: 50, y: 50, text: 'first' },
      { x: 70, y: 50, text: 'second' },
      { x: 290, y: 90, text: 'edge' },
    ];
    const [first, , edge] = placeLabels(points, 300, wide);
    expect(first?.align).toBe('right');
    expect(edge?.align).toBe('right');
    const path = [
      { x: 0, y: 50 },
      { x: 300, y: 50 },
    ];
    expect(placeLabels(points.slice(0, 1), 300, wide, path)[0]?.dy).not.toBe(0);
  });
});
