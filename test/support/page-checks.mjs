// Runs inside a page (`page.addInitScript({ path })`): what a reader would see, as numbers. `pageChecks.…()` from then on.
globalThis.pageChecks = { fit, contrasts, shownCharts, shown, colorOf, tryToEscape };

const style = (element) => getComputedStyle(element);
const isShown = (element) => element.getBoundingClientRect().height > 0;

/** How wide the page is, which texts of charts leave it, and which lie on each other. */
function fit() {
  const { scrollWidth, clientWidth } = document.documentElement;
  const outside = [];
  const overlapping = [];
  for (const chart of document.querySelectorAll('svg.chart')) {
    const texts = [...chart.querySelectorAll('text')]
      .map((text) => ({ text: text.textContent, box: text.getBoundingClientRect() }))
      .filter(({ text, box }) => text !== '' && box.width > 0);
    for (const [i, { text, box }] of texts.entries()) {
      if (box.left < 0 || box.right > clientWidth) outside.push(text);
      for (const other of texts.slice(i + 1)) {
        const across = Math.min(box.right, other.box.right) - Math.max(box.left, other.box.left);
        const down = Math.min(box.bottom, other.box.bottom) - Math.max(box.top, other.box.top);
        // A box is higher than its letters.
        if (across > 1 && down > 4) overlapping.push(`${text} / ${other.text}`);
      }
    }
  }
  return { scrollWidth, outside, overlapping };
}

/** Texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, AA), and how many were looked at. */
function contrasts() {
  const bad = [];
  let checked = 0;
  const check = (what, ink, ground) => {
    checked++;
    const ratio = contrast(ink, ground);
    if (ratio < 4.5) bad.push(`${what.trim().slice(0, 40)}: ${ink} on ${ground}, ${ratio.toFixed(2)}`);
  };
  for (const element of document.querySelectorAll('body *:not(svg *)')) {
    const speaks = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
    if (speaks && isShown(element)) check(element.textContent, style(element).color, behind(element));
  }
  for (const text of document.querySelectorAll('svg.chart text')) {
    if (isShown(text)) check(text.textContent, style(text).fill, behindText(text));
  }
  return { bad, checked };
}

function behind(element) {
  for (let at = element; at; at = at.parentElement) {
    const color = style(at).backgroundColor;
    if (channels(color)[3] !== 0) return color;
  }
  return 'rgb(255, 255, 255)';
}

/** The topmost opaque shape under the middle of the text, or the page. */
function behindText(text) {
  text.scrollIntoView({ block: 'center' });
  const { x, y, width, height } = text.getBoundingClientRect();
  const isGround = (one) =>
    one instanceof SVGPathElement && Number(style(one).opacity) === 1 && style(one).fill.startsWith('rgb(');
  const ground = document.elementsFromPoint(x + width / 2, y + height / 2).find(isGround);
  return ground ? style(ground).fill : behind(text);
}

const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
function luminance(color) {
  const [r, g, b] = channels(color).map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** Of every chart that is seen: its size, and whether it says what it shows. */
function shownCharts() {
  return [...document.querySelectorAll('svg.chart')]
    .filter((chart) => chart.getBoundingClientRect().height > 60)
    .map((chart) => `${chart.classList[1]}, ${chart.ariaLabel ? 'described' : 'mute'}`);
}

/** An attribute of all elements that are seen. */
function shown(selector, attribute) {
  return [...document.querySelectorAll(selector)].filter(isShown).map((element) => element.getAttribute(attribute));
}

/** All values of a computed property. */
function colorOf(selector, property) {
  return [...new Set([...document.querySelectorAll(selector)].map((element) => style(element)[property]))];
}

/** What markup that got past the escaping would do; true: its script ran. */
async function tryToEscape(address) {
  const script = document.createElement('script');
  script.textContent = 'window.ran = true';
  const image = document.createElement('img');
  image.src = address;
  document.body.append(script, image);
  await fetch(address).catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return 'ran' in window;
}
