/**
 * One text per JSON value, so that digests and equality are by bytes: keys sorted by UTF-16 code unit, no insignificant
 * whitespace, numbers and strings as ECMAScript writes them (the rules of RFC 8785).
 * Like `JSON.stringify`, properties that are `undefined` are left out; what JSON cannot say (NaN, infinities, bigint,
 * functions) throws a TypeError, because a silent `null` would be stored for ever.
 */
export function canonicalJson(value: unknown): string {
  const text = write(value, '$');
  if (text === undefined) throw new TypeError('canonicalJson: the value is undefined');
  return text;
}

function write(value: unknown, path: string): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`canonicalJson: ${path} is ${value}, which JSON cannot hold`);
      return JSON.stringify(value);
    case 'undefined':
      return undefined;
    case 'object':
      return value === null ? 'null' : writeObject(value, path);
    default:
      throw new TypeError(`canonicalJson: ${path} is a ${typeof value}, which JSON cannot hold`);
  }
}

function writeObject(value: object, path: string): string | undefined {
  if (Array.isArray(value)) return `[${value.map((item, i) => write(item, `${path}[${i}]`) ?? 'null').join(',')}]`;
  if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), path);
  const fields = value as Record<string, unknown>;
  const parts: string[] = [];
  // The default order of sort() is by UTF-16 code unit, which is what the rule asks for.
  for (const name of Object.keys(fields).sort()) {
    const text = write(fields[name], `${path}.${name}`);
    if (text !== undefined) parts.push(`${JSON.stringify(name)}:${text}`);
  }
  return `{${parts.join(',')}}`;
}
