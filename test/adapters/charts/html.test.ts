import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { html, renderNumbers, renderPage, renderTable } from '../../../src/adapters/charts/index.js';

const HOSTILE = `<script>alert("1")</script> & 'quoted'`;

describe('html', () => {
  it('escapes values and keeps its own markup, lists and nesting included', () => {
    const inner = html`<b title="${HOSTILE}">${HOSTILE}</b>`;
    const text = html`<p>${[inner, ' & ', 3, null, undefined, false]}</p>`.text;
    const escaped = '&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; &#38; &#39;quoted&#39;';
    expect(text).toBe(`<p><b title="${escaped}">${escaped}</b> &#38; 3</p>`);
  });

  it('does not take an object that only looks like markup', () => {
    const fake = JSON.parse('["<i>"]') as string[];
    expect(html`${fake}`.text).toBe('&#60;i&#62;');
  });
});

describe('renderTable', () => {
  it('names its rows and columns, and aligns numbers', () => {
    const text = renderTable('what <it> says', [{ name: 'week' }, { name: 'AUC', number: true }], [['a', 0.5]])
      .text.replace(/\s+(?=>)/g, '')
      .replace(/\s+/g, ' ');
    expect(text).toContain('<th scope="row">a</th><td class="number">0.5</td>');
    expect(text).toContain('<th scope="col" class="number">AUC</th>');
    expect(text).toContain('aria-label="what &#60;it&#62; says"');
    expect(renderNumbers('x', [{ name: 'week' }], []).text).toMatch(
      /<details>[\s\S]*<summary>The numbers: x<\/summary>/,
    );
  });
});

describe('renderPage', () => {
  it('allows its own style sheet by hash, and nothing else', () => {
    const page = renderPage({ title: HOSTILE, description: 'd', css: '.own { color: red; }', body: html`<p>b</p>` });
    const style = /<style>([\s\S]*)<\/style>/.exec(page)?.[1] ?? '';
    const hash = createHash('sha256').update(style).digest('base64');
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll('&#39;', `'`);
    expect(style).toContain('.own { color: red; }');
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; img-src data:; base-uri 'none'; form-action 'none'`,
    );
    expect(page).not.toMatch(/<script|style="|https?:/);
  });
});
