/** The shell of a report: one file that needs nothing else, and may not ask for anything else. */
import { createHash } from 'node:crypto';
import { html, type Html, trustedMarkup } from './html.js';
import { THEME_CSS } from './theme.js';

export interface Page {
  title: string;
  /** A sentence, for whoever finds the file. */
  description: string;
  body: Html;
  /** Rules of this report's own, after the theme's. */
  css?: string;
}

/**
 * A whole HTML document. Its policy allows its own style sheet, by hash, and nothing more: no script, no network, no form. What
 * gets past the escaping would still do nothing.
 */
export function renderPage({ title, description, body, css = '' }: Page): string {
  const style = `${THEME_CSS}${css}`;
  // Not in the template below: whoever formats that moves a space, and the hash is another.
  const styleElement = trustedMarkup(`<style>${style}</style>`);
  const policy = [
    `default-src 'none'`,
    `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
    // `data:` for the empty icon below, without which a browser asks a server for /favicon.ico.
    `img-src data:`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ');
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${policy}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="referrer" content="no-referrer" />
        <meta name="description" content="${description}" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        ${styleElement}
      </head>
      <body>
        ${body}
      </body>
    </html> `;
  return page.text;
}
