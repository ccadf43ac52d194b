/** HTML that is escaped unless it was made here: data can't become markup by being forgotten. */

/** Text that is markup already. */
export class Html {
  constructor(readonly text: string) {}
  toString(): string {
    return this.text;
  }
}

/** What a template takes: text is escaped, `null`, `undefined` and `false` are nothing. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

/** `` html`<td>${reason}</td>` ``: the literal parts are markup, the values are text, or markup made the same way. */
export function html(parts: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(parts.map((part, i) => (i === 0 ? part : render(values[i - 1]) + part)).join(''));
}

/** Takes markup as it is. Only for what a program of ours wrote, never for data. */
export const trustedMarkup = (text: string): Html => new Html(text);

/** For text between tags and in quoted attributes. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

function render(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(render).join('');
  return escapeHtml(String(value));
}
