/** Major, minor and patch; what is not told is 0. */
export type Version = readonly [major: number, minor: number, patch: number];

/** The first version in what a program says of itself, such as `v1.36.3`, `3.17` or `1.31.4+k3s1`. */
export function parseVersion(text: string): Version | undefined {
  const [found, major, minor, patch = '0'] =
    /(?<![\d.])(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(text) ?? [];
  return found === undefined ? undefined : [Number(major), Number(minor), Number(patch)];
}

export function isAtLeast(version: Version, minimum: Version): boolean {
  for (const [index, number] of version.entries()) {
    const difference = number - (minimum[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

export const formatVersion = (version: Version): string => version.join('.');
