/** Which lifecycle rules of a bucket would remove what Seawall keeps. */

interface Rule {
  ID?: unknown;
  Status?: unknown;
  Expiration?: { Days?: unknown; Date?: unknown };
  Prefix?: unknown;
  Filter?: { Prefix?: unknown; And?: { Prefix?: unknown } };
}

/** The names of the enabled rules that remove current objects below `root` after some time. */
export function expiring(rules: unknown[], root: string): string[] {
  return (rules as Rule[]).flatMap(({ ID, Status, Expiration, Prefix, Filter }, i) => {
    const prefix = [Prefix, Filter?.Prefix, Filter?.And?.Prefix].find((each) => typeof each === 'string') ?? '';
    const expires = Expiration?.Days !== undefined || Expiration?.Date !== undefined;
    const meetsUs = root.startsWith(prefix as string) || (prefix as string).startsWith(root);
    if (Status !== 'Enabled' || !expires || !meetsUs) return [];
    return [typeof ID === 'string' && ID !== '' ? ID : `rule ${i + 1}`];
  });
}
